import { cloneJson, equalJson } from '../../api/json.ts';
import { apiVersionOf, timestamp, type KubeObject } from '../../api/meta.ts';
import { schemaOf } from '../../api/schema.ts';
import { alreadyExists, conflict, failure, invalid, isConflict, notFound, StatusError, type ErrorSubject } from '../../api/status.ts';
import type { Random } from '../../util/random.ts';
import { ConflictError, type Entry, type Store } from '../../store/index.ts';
import { invalidField } from '../fieldErrors.ts';
import { changesNothing } from '../managedFields.ts';
import { rootOf } from './keys.ts';
import { tidyObjectMeta, validateChangedMeta, validateObjectMeta } from './objectMeta.ts';
import { objectOf, unstored, withRevision, writable, type Writable } from './stored.ts';
import { convertedStore } from './versions.ts';
import type { Objects, RequestContext, ResourceDefinition, Strategy, Subresource } from './strategy.ts';

const nameGenerationAttempts = 8;
const maxGeneratedBase = 63 - 5;
const modified = 'the object has been modified; please apply your changes to the latest version and try again';

export type ObjectSubresource = Extract<Subresource<KubeObject>, { type: 'object' }>;

/** Validating admission of a new object: rejects, or resolves with what is to be called when the write is over. */
export type Allow = (object: KubeObject) => Promise<(() => void) | void>;

/** One change of an object: how it looks after, and who must agree. */
export interface Update {
  namespace: string;
  name: string;
  /** Makes the new object out of the stored one (shared); called again when another writer came first. */
  change(current: KubeObject | undefined): Promise<KubeObject> | KubeObject;
  /** Validating admission. */
  allowCreate?: Allow;
  allowUpdate?(object: KubeObject, old: KubeObject): Promise<(() => void) | void>;
  /** Creates what does not exist, whatever the strategy says: server-side apply. */
  forceCreate?: boolean;
  uid?: string;
  subresource?: ObjectSubresource;
}

/**
 * All writes and reads of one collection over the store; what is particular about the kind is in its strategy.
 * Answers are entries: their text goes out as it is, their object is shared.
 * Mirrors k8s.io/apiserver/pkg/registry/generic/registry/store.go.
 */
export class Registry {
  readonly definition: ResourceDefinition;
  readonly root: string;
  readonly apiVersion: string;
  /** What errors are about: the collection. */
  readonly subject: ErrorSubject;
  /** What findings of validation are about: the kind. */
  readonly kindSubject: ErrorSubject;
  readonly store: Store;

  constructor(
    readonly strategy: Strategy,
    store: Store,
    readonly objects: Objects,
    private readonly random: Random,
  ) {
    this.definition = strategy.definition;
    const { storedAs } = strategy;
    this.root = rootOf(storedAs?.definition ?? this.definition);
    this.store = storedAs ? convertedStore(store, this.definition, storedAs) : store;
    this.apiVersion = apiVersionOf(this.definition);
    const stored = storedAs?.definition ?? this.definition;
    this.subject = { group: this.definition.group, kind: this.definition.resource };
    this.kindSubject = { group: stored.group, kind: stored.kind };
  }

  /** What all keys of the namespace (or of all of them) start with. */
  prefix(namespace: string): string {
    return this.definition.namespaced && namespace ? `${this.root}${namespace}/` : this.root;
  }

  key(namespace: string, name: string): string {
    return this.prefix(namespace) + name;
  }

  /** Which object lies under a key of this collection; the namespace is '' for what has none. */
  placeOf(key: string): { namespace: string; name: string } {
    const place = key.slice(this.root.length);
    const end = this.definition.namespaced ? place.indexOf('/') : -1;
    return { namespace: place.slice(0, Math.max(end, 0)), name: place.slice(end + 1) };
  }

  async get(namespace: string, name: string): Promise<Entry> {
    const entry = await this.#find(namespace, name);
    if (!entry) throw notFound(this.subject, name);
    return entry;
  }

  async #find(namespace: string, name: string): Promise<Entry | undefined> {
    if (!this.strategy.computed) {
      const key = this.key(namespace, name);
      const entry = await this.store.get(key);
      return entry ?? ((await this.changed(key, undefined)) ? this.store.get(key) : undefined);
    }
    const object = await this.strategy.computed.get(namespace, name);
    return object && this.computed(object);
  }

  /** Whether a key turns out to hold something else than `seen` once the store has heard of all that other engines wrote. */
  async changed(key: string, seen: Entry | undefined): Promise<boolean> {
    await this.store.fresh();
    return (await this.store.get(key)) !== seen;
  }

  /** What nothing stores, as an entry. */
  computed(object: KubeObject): Entry {
    const { namespace = '', name = '' } = object.metadata ?? {};
    return unstored(this.key(namespace, name), object, this.definition.kind, this.apiVersion, 0);
  }

  /** `object` is the caller's own and may be changed; `allow` is validating admission. */
  async create(context: RequestContext, object: KubeObject, allow?: Allow): Promise<Entry> {
    const { generateName, name } = object.metadata!;
    if (!generateName || name) return this.#create(context, object, false, allow);
    // The object itself is tried first: only of it is known what was given and left out.
    const spare = cloneJson(object);
    for (let attempt = 1; ; attempt++) {
      try {
        const named = attempt === 1 ? object : cloneJson(spare);
        named.metadata!.name = generateName.slice(0, maxGeneratedBase) + this.random.suffix(5);
        return await this.#create(context, named, true, allow);
      } catch (error) {
        if (attempt === nameGenerationAttempts || !(error instanceof StatusError) || error.reason !== 'AlreadyExists') throw error;
      }
    }
  }

  async #create(context: RequestContext, object: KubeObject, generated: boolean, allow?: Allow): Promise<Entry> {
    const finish = await this.strategy.beginWrite?.(context, object, undefined);
    let committed = false;
    try {
      await this.#prepareCreate(context, object);
      const settle = await allow?.(object);
      try {
        const entry = await this.#store(context, object, generated);
        committed = !context.dryRun;
        return entry;
      } finally {
        settle?.();
      }
    } finally {
      await finish?.(committed);
    }
  }

  async #store(context: RequestContext, object: KubeObject, generated: boolean): Promise<Entry> {
    const name = object.metadata!.name!;
    const key = this.key(context.namespace, name);
    if (context.dryRun) {
      const current = await this.store.get(key);
      if (current) throw this.#exists(current, name, generated);
      return unstored(key, object, this.definition.kind, this.apiVersion, 0);
    }
    try {
      return await this.store.put(key, ...this.#write(context, object, undefined));
    } catch (error) {
      if (error instanceof ConflictError) throw this.#exists(error.current, name, generated);
      throw error;
    }
  }

  async #prepareCreate(context: RequestContext, object: KubeObject): Promise<void> {
    const metadata = object.metadata!;
    delete metadata.resourceVersion;
    metadata.uid = this.random.uuid();
    metadata.creationTimestamp = timestamp(context.now);
    this.strategy.prepareForCreate?.(context, object);
    if (this.strategy.hasGeneration) metadata.generation = 1;
    else delete metadata.generation;
    tidyObjectMeta(metadata);
    const ofMeta = validateObjectMeta(metadata, this.definition.namespaced, this.strategy.nameRule, !this.strategy.plainFinalizers);
    const found = this.strategy.validate(context, object, this.objects);
    this.#reject(object, [...ofMeta, ...(found instanceof Promise ? await found : found)]);
    if (this.strategy.warnings) context.warnings.push(...this.strategy.warnings(object, undefined));
  }

  async update(context: RequestContext, update: Update): Promise<{ entry: Entry; created: boolean }> {
    const key = this.key(update.namespace, update.name);
    const mayCreate = update.forceCreate || (!update.subresource && this.strategy.allowCreateOnUpdate === true);
    for (;;) {
      const current = await this.store.get(key);
      if (!current && !mayCreate) {
        if (await this.changed(key, current)) continue;
        throw notFound(this.subject, update.name);
      }
      if (current && update.uid && objectOf(current).metadata!.uid !== update.uid) throw this.#uidMismatch(key, update, current);
      const object = await update.change(current && objectOf(current));
      try {
        if (current) return { entry: await this.#update(context, update, object, current), created: false };
        return { entry: await this.#create(context, object, false, update.allowCreate), created: true };
      } catch (error) {
        const raced = current ? error instanceof ConflictError : error instanceof StatusError && error.reason === 'AlreadyExists';
        // A client may know of a write to another engine before this one does.
        if (!raced && !(isConflict(error) && (await this.changed(key, current)))) throw error;
      }
    }
  }

  /** Throws ConflictError when the entry has been replaced meanwhile. */
  async #update(context: RequestContext, update: Update, object: KubeObject, current: Entry): Promise<Entry> {
    const old = objectOf(current);
    this.#checkRevision(object, current, update.name);
    const finish = update.subresource ? undefined : await this.strategy.beginWrite?.(context, object, old);
    let committed = false;
    try {
      const entry = await this.#storeUpdate(context, update, object, current);
      committed = !context.dryRun && entry !== current;
      return entry;
    } finally {
      await finish?.(committed);
    }
  }

  async #storeUpdate(context: RequestContext, update: Update, object: KubeObject, current: Entry): Promise<Entry> {
    const old = objectOf(current);
    await this.#prepareUpdate(context, update, object, old);
    (await update.allowUpdate?.(object, old))?.();
    if (this.#nothingLeftToFinish(object, old)) {
      if (!context.dryRun) await this.remove(context, current);
      return unstored(current.key, object, this.definition.kind, this.apiVersion, current.modRevision);
    }
    object.metadata!.resourceVersion = old.metadata!.resourceVersion;
    if (changesNothing(object, old, schemaOf(this.definition))) return current;
    if (context.dryRun) return unstored(current.key, object, this.definition.kind, this.apiVersion, current.modRevision);
    return this.store.put(current.key, ...this.#write(context, object, current));
  }

  async #prepareUpdate(context: RequestContext, { subresource }: Update, object: KubeObject, old: KubeObject): Promise<void> {
    const { strategy } = this;
    const metadata = object.metadata!;
    const before = old.metadata!;
    metadata.generation = before.generation;
    if (subresource) subresource.prepareForUpdate(context, object, old);
    else strategy.prepareForUpdate?.(context, object, old);
    if (strategy.hasGeneration && this.#generationChanged(object, old, subresource !== undefined)) object.metadata!.generation = (before.generation ?? 0) + 1;
    metadata.uid ||= before.uid;
    metadata.creationTimestamp = before.creationTimestamp;
    if (before.deletionTimestamp) metadata.deletionTimestamp = before.deletionTimestamp;
    metadata.deletionGracePeriodSeconds ??= before.deletionGracePeriodSeconds;
    tidyObjectMeta(metadata);
    this.#reject(object, [
      ...validateChangedMeta(metadata, before, this.definition.namespaced, strategy.nameRule, !subresource && strategy.judgedAgain, !strategy.plainFinalizers),
      ...(await (subresource ?? strategy).validateUpdate(context, object, old, this.objects)),
    ]);
    const warnings = subresource ? subresource.warnings?.(object, old) : strategy.warnings?.(object, old);
    if (warnings) context.warnings.push(...warnings);
  }

  /** Removes the key for good: its last state, under the revision of the deletion. Throws ConflictError when it was replaced meanwhile. */
  async remove(context: RequestContext, current: Entry): Promise<Entry | undefined> {
    const { encode, memo } = withRevision(current);
    const gone = await this.store.delete(current.key, { expected: current.modRevision, tombstone: encode, memo, cause: context.cause });
    await this.strategy.afterDelete?.(objectOf(current), context);
    return gone;
  }

  /** Replaces an entry with an object that is the caller's own, without any of the checks. Throws ConflictError. */
  replace(context: RequestContext, current: Entry, object: KubeObject): Promise<Entry> {
    if (context.dryRun) return Promise.resolve(unstored(current.key, object, this.definition.kind, this.apiVersion, current.modRevision));
    return this.store.put(current.key, ...this.#write(context, object, current));
  }

  /** Changes an object past its strategy, for actions that may do what clients may not (binding). `change` gets what `copy` makes. */
  async modify(context: RequestContext, name: string, change: (object: KubeObject) => void, copy = cloneJson<KubeObject>): Promise<Entry> {
    for (;;) {
      const current = await this.get(context.namespace, name);
      const object = copy(objectOf(current));
      change(object);
      if (equalJson(object, objectOf(current))) return current;
      try {
        return await this.replace(context, current, object);
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
      }
    }
  }

  #write(context: RequestContext, object: KubeObject, current: Entry | undefined): [Writable['encode'], { expected: number; cause: RequestContext['cause']; memo: Writable['memo'] }] {
    const { encode, memo } = writable(object, this.definition.kind, this.apiVersion, current && objectOf(current));
    return [encode, { expected: current?.modRevision ?? 0, cause: context.cause, memo }];
  }

  #generationChanged(object: KubeObject, old: KubeObject, bySubresource: boolean): boolean {
    if (this.strategy.generationChanged) return this.strategy.generationChanged(object, old, bySubresource);
    const specs = [object, old].map((o) => ({ ...o, metadata: undefined, status: undefined, kind: undefined, apiVersion: undefined }));
    return !equalJson(specs[0], specs[1]);
  }

  #reject(object: KubeObject, errors: Parameters<typeof invalid>[2]): void {
    if (errors.length) throw invalid(this.kindSubject, object.metadata?.name ?? '', errors);
  }

  /** Whether an update took the last finalizer off an object that only waited for that. */
  #nothingLeftToFinish(object: KubeObject, old: KubeObject): boolean {
    const waited = !!old.metadata!.deletionTimestamp && !old.metadata!.deletionGracePeriodSeconds;
    return waited && !object.metadata!.finalizers?.length && !this.strategy.holdsBack?.(object);
  }

  #checkRevision(object: KubeObject, current: Entry, name: string): void {
    const wanted = object.metadata!.resourceVersion;
    if (!wanted || wanted === '0') {
      if (this.strategy.allowUnconditionalUpdate !== false) return;
      throw invalid(this.subject, name, [invalidField('metadata.resourceVersion', 0, 'must be specified for an update')]);
    }
    if (wanted !== objectOf(current).metadata!.resourceVersion) throw conflict(this.subject, name, modified);
  }

  #uidMismatch(key: string, update: Update, current: Entry): StatusError {
    const found = `Precondition failed: UID in precondition: ${update.uid}, UID in object meta: ${objectOf(current).metadata!.uid}`;
    return conflict(this.subject, update.name, `StorageError: invalid object, Code: 4, Key: ${key.replace('/registry/core/', '/registry/')}, ResourceVersion: 0, AdditionalErrorMsg: ${found}`);
  }

  #exists(current: Entry | undefined, name: string, generated: boolean): StatusError {
    if (generated)
      return failure(
        409,
        'AlreadyExists',
        `${this.definition.resource}${this.definition.group ? `.${this.definition.group}` : ''} "${name}" already exists, the server was not able to generate a unique name for the object`,
        { name, ...(this.definition.group ? { group: this.definition.group } : {}), kind: this.definition.resource, retryAfterSeconds: 1 },
      );
    const error = alreadyExists(this.subject, name);
    if (!current || !objectOf(current).metadata!.deletionTimestamp) return error;
    return new StatusError({ ...error.status, message: `object is being deleted: ${error.message}` });
  }
}
