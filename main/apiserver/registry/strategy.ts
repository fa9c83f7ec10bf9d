import type { GroupVersionKind, GroupVersionResource, KubeObject } from '../../api/meta.ts';
import type { FieldError } from '../../api/status.ts';
import type { Cause } from '../../store/index.ts';
import type { UserInfo } from '../auth/types.ts';
import type { JsonObject } from '../openapi/schemas.ts';
import type { PatchSchema } from '../patch/index.ts';

/** What one request brings along, whichever way it came in. */
export interface RequestContext {
  user: UserInfo;
  userAgent: string;
  /** Milliseconds since the epoch, read once at the start of the request. */
  now: number;
  namespace: string;
  dryRun: boolean;
  /** Field owner of this write: `fieldManager`, or the user agent up to its first slash. */
  fieldManager: string;
  fieldValidation: 'Strict' | 'Warn' | 'Ignore';
  /** The options of the write as an object of their kind, as admission is shown them. */
  options: KubeObject;
  /** Goes out as `Warning: 299` headers. */
  warnings: string[];
  /** What admission noted for the audit log. */
  auditAnnotations: Record<string, string>;
  /** Is told of milliseconds that the request waited for somebody outside. */
  waited?(milliseconds: number): void;
  cause: Cause;
}

/** What the API says about a kind: discovery, paths, OpenAPI. */
export interface ResourceDefinition extends GroupVersionKind, GroupVersionResource {
  singular: string;
  listKind: string;
  shortNames: string[];
  /** Such as `all`. */
  categories: string[];
  namespaced: boolean;
  /** Which version is stored, where that depends on more than `storedAs`. */
  storedVersion?: string;
  /** Default: all of create delete deletecollection get list patch update watch. */
  verbs?: string[];
}

export interface TableColumn {
  name: string;
  type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  /** `name` for the name column. */
  format: string;
  description: string;
  /** 0: always shown, 1: with `-o wide`. */
  priority: number;
}

/** Reads of other objects that strategies and admission need; objects are shared, do not change them. */
export interface Objects {
  get<T extends KubeObject>(resource: GroupVersionResource, namespace: string, name: string): Promise<T | undefined>;
  list<T extends KubeObject>(resource: GroupVersionResource, namespace?: string): Promise<T[]>;
}

/** How a kind lies in the store whose objects are stored in another version than the one that is served. Both are pure. */
export interface StoredAs {
  definition: ResourceDefinition;
  /** Neither changes what it is given; what they return is the caller's own. */
  toStored(object: KubeObject): KubeObject;
  fromStored(object: KubeObject): KubeObject;
}

/**
 * What is particular about a kind (upstream: pkg/registry/<group>/<kind>/strategy.go). All functions get private
 * copies in `object` and may change them in place; `old` is shared and must not be changed.
 */
export interface Strategy<T extends KubeObject = KubeObject> {
  readonly definition: ResourceDefinition;
  /** What clients are warned of on every request, where the kind is on its way out. */
  readonly deprecation?: string;
  /** Absent: objects are stored in the version that is served. */
  readonly storedAs?: StoredAs;
  /** An object of this version as another version of the kind shows it; absent: `storedAs` says it, or the versions differ in name only. */
  convert?(object: KubeObject, apiVersion: string): Promise<KubeObject>;
  /** The schema that another version of the kind is owned by, where versions have fields of their own; undefined: there is no such version. */
  patchSchemaAt?(apiVersion: string): PatchSchema | undefined;
  /**
   * What strict decoding complains about, for kinds that bring a schema of their own; takes it away. Runs before
   * `defaults`. Throws a DecodeError.
   */
  complaints?(object: T): string[];
  /** Fills in defaults (upstream: pkg/apis/<group>/v1/defaults.go). Runs on every decoded request body and patch result. */
  defaults?(object: T): void;
  /** Clears what a creator may not set; the generic registry sets uid, creationTimestamp, generation 1 and managedFields. */
  prepareForCreate?(context: RequestContext, object: T): void;
  /** Restores what an update may not change (status above all). */
  prepareForUpdate?(context: RequestContext, object: T, old: T): void;
  /** Whether metadata.generation counts changes of this kind. */
  hasGeneration: boolean;
  /** Whether `spec` changed, for generation; default: anything but metadata and status differs. */
  generationChanged?(object: T, old: T, bySubresource: boolean): boolean;
  /** Which rule `metadata.name` follows; findings read as upstream's. */
  nameRule: 'dnsSubdomain' | 'longName' | 'dnsLabel' | 'dns1035Label' | 'pathSegment' | 'ipAddress';
  /** An update is judged as a new object is, too, so that what is wrong with metadata is said once more. */
  judgedAgain?: boolean;
  /** Finalizers without a domain are taken; otherwise a new object may have the standard ones only. */
  plainFinalizers?: boolean;
  validate(context: RequestContext, object: T, objects: Objects): FieldError[] | Promise<FieldError[]>;
  validateUpdate(context: RequestContext, object: T, old: T, objects: Objects): FieldError[] | Promise<FieldError[]>;
  /** Texts of `Warning` headers on create and update. */
  warnings?(object: T, old: T | undefined): string[];
  /** PUT of a name that does not exist creates it. */
  allowCreateOnUpdate?: boolean;
  /** PUT without resourceVersion is taken (upstream: true for most kinds). */
  allowUnconditionalUpdate?: boolean;
  /** Runs before anything is prepared or judged (upstream: BeginCreate, BeginUpdate); returns what undoes it where nothing is written in the end (Service addresses), as in a dry run. Not for subresources. */
  beginWrite?(context: RequestContext, object: T, old: T | undefined): Promise<(committed: boolean) => void | Promise<void>>;
  /** DELETE answers with the object instead of a Status (upstream: ReturnDeletedObject). */
  returnsDeletedObject?: boolean;
  /** Why an object of that name may not be deleted by itself. Collections are not asked: upstream, it is in the storage's Delete. */
  keeps?(name: string): string | undefined;
  /**
   * The kind is a question that a POST answers and nothing stores (SubjectAccessReview, TokenReview): gets the defaulted,
   * validated object and returns it with its answer in `status`. Such a kind has the one verb `create`.
   */
  review?(context: RequestContext, object: T): Promise<T>;
  /**
   * The kind's objects are made when they are asked for and nothing stores them (metrics): all of a namespace ('' for
   * all), or one. Such a kind has the verbs `get` and `list`.
   */
  computed?: {
    get(namespace: string, name: string): Promise<T | undefined>;
    list(namespace: string): Promise<T[]>;
  };
  /**
   * A POST does to the object of another kind that has the body's name what that kind's action does (bindings).
   * Such a kind has the one verb `create`.
   */
  actsOn?: { resource: GroupVersionResource; subresource: string };
  /** Runs after an object is gone for good (addresses given back). */
  afterDelete?(object: T, context: RequestContext): void | Promise<void>;
  /**
   * Graceful deletion (pods): returns the grace period in seconds to set, after settling `object`'s fields;
   * undefined: the kind is deleted at once.
   */
  gracefulDeletion?(context: RequestContext, object: T, requestedSeconds: number | undefined): number | undefined;
  /**
   * Whether something besides metadata.finalizers keeps an object that is to go: the finalizers of a namespace's spec.
   * May settle `object`'s fields for the time until then (phase Terminating).
   */
  holdsBack?(object: T): boolean;
  /** Default propagation when a DELETE names none. Default background. */
  defaultPropagation?: 'Background' | 'Orphan';
  /** Fields that field selectors may name, besides metadata.name and metadata.namespace. */
  fields?(object: T): Record<string, string>;
  /** Who owns what by which schema, for kinds that bring a schema of their own. */
  patchSchema?: PatchSchema;
  /**
   * Fields that a write (of a subresource, or '' for the object) cannot change, as paths of names: nobody owns them by it.
   * Undefined: of an object `status`, of its status `spec`.
   */
  resetFields?(subresource: string): readonly (readonly string[])[] | undefined;
  /** What OpenAPI publishes of a kind that brings a schema of its own. */
  openApi?: { v3: JsonObject; v2: JsonObject; list: JsonObject };
  /** `kubectl get`'s columns without Age handling of ours: cells in the order of `columns`. */
  columns: TableColumn[];
  row(object: T, now: number): unknown[];
  /** `status`, `scale` and others that are served by object; streaming ones are in handlers/. */
  subresources?: Record<string, Subresource<T>>;
}

/**
 * A subresource that reads and writes (part of) the same object: `status`, `scale`, `resize`, `ephemeralcontainers`,
 * `approval`, `finalize`; or that takes a POST of another kind: `binding`, `eviction`, `token`.
 */
export type Subresource<T extends KubeObject> =
  | {
      type: 'object';
      kind: GroupVersionKind;
      verbs: string[];
      /** Field ownership and merge start from `old`: keep all of it but what this subresource may change. */
      prepareForUpdate(context: RequestContext, object: T, old: T): void;
      validateUpdate(context: RequestContext, object: T, old: T, objects: Objects): FieldError[] | Promise<FieldError[]>;
      warnings?(object: T, old: T): string[];
    }
  | {
      type: 'view';
      /** Another kind that shows a part of the object (scale). */
      kind: GroupVersionKind;
      verbs: string[];
      /** Throws where the object has nothing to show to who only looks. */
      check?(object: T): void;
      get(object: T): KubeObject;
      /** Puts the view's part into a private copy of the object. */
      apply(object: T, view: KubeObject): void;
      validate(view: KubeObject): FieldError[];
    }
  | {
      type: 'action';
      kind: GroupVersionKind;
      verbs: string[];
      /** Answers the POST; reads and writes through `actions`. */
      post(context: RequestContext, name: string, body: KubeObject, actions: Actions<T>): Promise<{ code: number; body: KubeObject }>;
    };

/** What an action may do with the object it is about. */
export interface Actions<T extends KubeObject> {
  objects: Objects;
  get(): Promise<T>;
  /**
   * Reads, lets `change` put other members into the object, its metadata, spec and status (what lies deeper is shared), writes;
   * tries again on conflict.
   */
  update(change: (object: T) => void): Promise<T>;
  /** The same of an object of another kind in the same namespace. */
  updateOther<O extends KubeObject>(resource: GroupVersionResource, name: string, change: (object: O) => void): Promise<O>;
  delete(options: { gracePeriodSeconds?: number; preconditions?: { uid?: string; resourceVersion?: string }; dryRun?: string[] }): Promise<KubeObject>;
}
