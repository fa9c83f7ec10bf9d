import type { DeleteOptions, ObjectMeta } from '../../main/api/index.ts';
import { parseFieldSelector } from '../../main/api/fields.ts';
import { cloneJson, equalJson } from '../../main/api/json.ts';
import { parseSelector } from '../../main/api/labels.ts';
import { apiVersionOf, timestamp, type KubeObject } from '../../main/api/meta.ts';
import { alreadyExists, badRequest, conflict, expired, failure, notFound } from '../../main/api/status.ts';
import {
  Client,
  resources,
  type ApiRequest,
  type ApiResponse,
  type ResourceDef,
  type Transport,
  type WatchHandlers,
} from '../../main/client/index.ts';
import type { Clock } from '../../main/util/clock.ts';
import { FakeClock } from './fakeClock.ts';

type Anything = KubeObject & { metadata: ObjectMeta; spec?: Record<string, unknown>; status?: Record<string, unknown> };
type Event = { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: Anything; old: Anything | undefined; revision: number };

interface Target {
  def: ResourceDef;
  namespace: string;
  name: string;
  subresource: string;
}

interface Watcher {
  target: Target;
  request: ApiRequest;
  handlers: WatchHandlers;
  queue: Event[];
  delivering: boolean;
  ended: boolean;
}

/**
 * An API server without admission, validation or defaults, for unit tests of what stands behind a Client. It keeps
 * resource versions, conflicts, finalizers, graceful deletion, generations, selectors, the status subresource,
 * generateName, bindings and watches as the real one does.
 */
export class FakeServer implements Transport {
  readonly #objects = new Map<string, Map<string, Anything>>();
  readonly #events = new Map<string, Event[]>();
  readonly #watchers = new Set<Watcher>();
  #revision = 0;
  #names = 0;
  /** Every request that came in, oldest first. */
  readonly requests: ApiRequest[] = [];
  /** Kinds that a CustomResourceDefinition would bring. */
  readonly customKinds: ResourceDef[] = [];
  /** Called before each request is served; what it throws is the answer. */
  intercept: ((request: ApiRequest) => void) | undefined;
  /** Answers what this server does not keep, such as metrics and scales; undefined: the server answers itself. */
  answer: ((request: ApiRequest) => unknown) | undefined;
  /** Called with every change at its revision, before anybody watching hears of it. */
  onChange: ((change: { type: 'ADDED' | 'MODIFIED' | 'DELETED'; def: ResourceDef; object: KubeObject }) => void) | undefined;
  /** Whose watches deliver nothing: caches fall behind. */
  #paused: (def: ResourceDef) => boolean = () => false;

  constructor(readonly clock: Clock = new FakeClock()) {}

  client(userAgent = 'test'): Client {
    return new Client(this, { userAgent });
  }

  get revision(): number {
    return this.#revision;
  }

  async request<T>(request: ApiRequest): Promise<ApiResponse<T>> {
    await Promise.resolve();
    this.requests.push(request);
    this.intercept?.(request);
    const body = (this.answer?.(request) ?? discoveryOf(request.path, this.customKinds) ?? this.#serve(request)) as T;
    return { code: request.method === 'POST' ? 201 : 200, body, warnings: [] };
  }

  watch(request: ApiRequest, handlers: WatchHandlers): { cancel(): void } {
    const target = this.#target(request.path);
    const watcher: Watcher = { target, request, handlers, queue: [], delivering: false, ended: false };
    this.#watchers.add(watcher);
    const from = request.query?.resourceVersion;
    if (from === undefined || from === '' || from === '0') {
      for (const object of this.#bucket(target.def).values()) {
        watcher.queue.push({ type: 'ADDED', object, old: undefined, revision: 0 });
      }
    } else {
      for (const event of this.#events.get(idOf(target.def)) ?? [])
        if (event.revision > Number(from)) watcher.queue.push(event);
    }
    this.#deliver(watcher);
    return { cancel: () => this.#end(watcher) };
  }

  /** Watches (of one kind, if given) deliver nothing until `resume`. */
  pause(only?: ResourceDef): void {
    this.#paused = (def) => !only || idOf(def) === idOf(only);
  }

  resume(): void {
    this.#paused = () => false;
    for (const watcher of this.#watchers) this.#deliver(watcher);
  }

  /** Ends every watch, with an error or as a timeout would. */
  endWatches(error?: Error): void {
    for (const watcher of [...this.#watchers]) this.#end(watcher, error);
  }

  /** Ends every watch as if the server had compacted its history. */
  expireWatches(): void {
    this.endWatches(expired('too old resource version'));
  }

  /** Puts an object as it is: with its status, name and uid filled in where it has none. Returns what is stored. */
  seed<T extends KubeObject>(def: ResourceDef<T>, object: T): T {
    const copy = cloneJson(object) as unknown as Anything;
    return this.#insert(def, copy) as unknown as T;
  }

  /** What is stored, or undefined. */
  find<T extends KubeObject>(def: ResourceDef<T>, namespace: string, name: string): T | undefined {
    return this.#bucket(def).get(`${namespace}/${name}`) as unknown as T | undefined;
  }

  all<T extends KubeObject>(def: ResourceDef<T>, namespace?: string): T[] {
    const all = [...this.#bucket(def).values()];
    return (namespace ? all.filter((o) => o.metadata.namespace === namespace) : all) as unknown as T[];
  }

  /** Changes a stored object, past every rule. */
  change<T extends KubeObject>(def: ResourceDef<T>, namespace: string, name: string, change: (object: T) => void): T {
    const old = this.#bucket(def).get(`${namespace}/${name}`);
    if (!old) throw notFound(subject(def), name);
    const object = cloneJson(old);
    change(object as unknown as T);
    return this.#write(def, object, old) as unknown as T;
  }

  /** Takes a stored object away, past every rule. */
  drop(def: ResourceDef, namespace: string, name: string): void {
    const old = this.#bucket(def).get(`${namespace}/${name}`);
    if (old) this.#erase(def, old);
  }

  /** Takes a custom kind away, as the deletion of its definition does. */
  withdraw(kind: ResourceDef): void {
    for (const object of [...this.#bucket(kind).values()]) this.#erase(kind, object);
    this.customKinds.splice(this.customKinds.indexOf(kind), 1);
    for (const watcher of [...this.#watchers]) if (idOf(watcher.target.def) === idOf(kind)) this.#end(watcher, failure(404, 'NotFound', 'the server could not find the requested resource'));
  }

  #serve(request: ApiRequest): unknown {
    const target = this.#target(request.path);
    if (target.name === '') {
      if (request.method === 'GET') return this.#list(target, request);
      if (request.method === 'POST' && request.query?.dryRun) return cloneJson(request.body);
      if (request.method === 'POST') return this.#create(target, cloneJson(request.body) as Anything);
      if (request.method === 'DELETE') return this.#deleteCollection(target, request);
      throw failure(405, 'MethodNotAllowed', 'no such method here');
    }
    const key = `${target.namespace}/${target.name}`;
    const old = this.#bucket(target.def).get(key);
    if (!old) throw notFound(subject(target.def), target.name);
    switch (request.method) {
      case 'GET':
        return old;
      case 'PUT':
        return this.#update(target, old, cloneJson(request.body) as Anything);
      case 'PATCH':
        return this.#update(target, old, patched(old, request));
      case 'DELETE':
        return this.#delete(target.def, old, (request.body ?? {}) as DeleteOptions);
      case 'POST':
        return this.#action(target, old, request.body as Anything);
    }
  }

  #list(target: Target, request: ApiRequest) {
    const items = [...this.#bucket(target.def).values()].filter((object) => selected(target, request, object));
    items.sort((a, b) => (key(a) < key(b) ? -1 : 1));
    // A first page, whose rest nobody can ask for here.
    const page = items.slice(0, Number(request.query?.limit) || items.length);
    const rest = items.length - page.length;
    return {
      apiVersion: apiVersionOf(target.def),
      kind: `${target.def.kind}List`,
      metadata: { resourceVersion: String(this.#revision), ...(rest > 0 ? { continue: key(page.at(-1)!), remainingItemCount: rest } : {}) },
      items: page,
    };
  }

  #create(target: Target, object: Anything): Anything {
    object.metadata ??= {};
    if (target.def.namespaced) object.metadata.namespace ??= target.namespace;
    if (object.metadata.generateName && !object.metadata.name) {
      object.metadata.name = object.metadata.generateName + (this.#names++).toString(36).padStart(5, 'x');
    }
    if (!object.metadata.name) throw badRequest('name or generateName is required');
    if (this.#bucket(target.def).has(key(object))) throw alreadyExists(subject(target.def), object.metadata.name);
    const namespace = target.def.namespaced
      ? this.#bucket(resources.namespaces).get(`/${target.namespace}`)
      : undefined;
    if (namespace?.metadata.deletionTimestamp) {
      const why = `unable to create new content in namespace ${target.namespace} because it is being terminated`;
      throw failure(403, 'Forbidden', `${target.def.resource} "${object.metadata.name}" is forbidden: ${why}`, {
        name: object.metadata.name,
        kind: target.def.resource,
        causes: [{ reason: 'NamespaceTerminating', message: why, field: 'metadata.namespace' }],
      });
    }
    if (target.def.resource === 'namespaces') object.spec ??= { finalizers: ['kubernetes'] };
    if (hasStatus.has(target.def.resource)) {
      if (target.def.resource === 'pods') object.status = { phase: 'Pending' };
      else if (target.def.resource === 'namespaces') object.status = { phase: 'Active' };
      else if (target.def.resource !== 'nodes') object.status = {};
    }
    delete object.metadata.uid;
    delete object.metadata.deletionTimestamp;
    return this.#insert(target.def, object);
  }

  #insert(def: ResourceDef, object: Anything): Anything {
    object.apiVersion ??= apiVersionOf(def);
    object.kind ??= def.kind;
    object.metadata ??= {};
    object.metadata.uid ??= `uid-${def.resource}-${object.metadata.name}-${this.#revision + 1}`;
    object.metadata.creationTimestamp ??= timestamp(this.clock.now());
    if (object.spec) object.metadata.generation ??= 1;
    return this.#write(def, object, undefined);
  }

  #update(target: Target, old: Anything, object: Anything): Anything {
    const { def, subresource } = target;
    const meta = object.metadata;
    if (meta.resourceVersion && meta.resourceVersion !== old.metadata.resourceVersion) {
      throw conflict(
        subject(def),
        target.name,
        'the object has been modified; please apply your changes to the latest version and try again',
      );
    }
    if (meta.uid && meta.uid !== old.metadata.uid) {
      throw conflict(
        subject(def),
        target.name,
        `Precondition failed: UID in precondition: ${meta.uid}, UID in object meta: ${old.metadata.uid}`,
      );
    }
    let next: Anything;
    if (subresource === 'status') {
      // As upstream: annotations may come along with a status, labels and spec may not.
      next = { ...old, metadata: { ...old.metadata, annotations: object.metadata.annotations }, status: object.status };
    } else if (subresource === 'scale') {
      next = { ...old, spec: { ...old.spec, replicas: (object.spec as { replicas?: number }).replicas } };
    } else if (subresource === 'finalize') {
      next = { ...old, metadata: { ...old.metadata }, spec: object.spec };
    } else {
      next = { ...object, metadata: { ...object.metadata } };
      if (hasStatus.has(def.resource)) next.status = old.status;
      if (def.resource === 'namespaces') next.spec = old.spec;
    }
    for (const field of [
      'uid',
      'creationTimestamp',
      'deletionTimestamp',
      'deletionGracePeriodSeconds',
      'generation',
    ] as const) {
      if (old.metadata[field] === undefined) delete next.metadata[field];
      else (next.metadata as Record<string, unknown>)[field] = old.metadata[field];
    }
    next.apiVersion = old.apiVersion;
    next.kind = old.kind;
    if (next.spec && !equalJson(next.spec, old.spec))
      next.metadata = { ...next.metadata, generation: (old.metadata.generation ?? 0) + 1 };
    next = cloneJson(next);
    next.metadata.resourceVersion = old.metadata.resourceVersion;
    if (equalJson(next, old)) return old;
    if (next.metadata.deletionTimestamp && this.#mayGo(def, next)) return this.#erase(def, next, old);
    return this.#write(def, next, old);
  }

  #mayGo(def: ResourceDef, object: Anything): boolean {
    const spec = object.spec as { finalizers?: string[] } | undefined;
    if (object.metadata.finalizers?.length) return false;
    if (def.resource === 'namespaces') return !spec?.finalizers?.length;
    return !object.metadata.deletionGracePeriodSeconds;
  }

  #delete(def: ResourceDef, old: Anything, options: DeleteOptions): Anything {
    const { preconditions } = options;
    if (preconditions?.uid && preconditions.uid !== old.metadata.uid) {
      throw conflict(
        subject(def),
        old.metadata.name!,
        `Precondition failed: UID in precondition: ${preconditions.uid}, UID in object meta: ${old.metadata.uid}`,
      );
    }
    if (preconditions?.resourceVersion && preconditions.resourceVersion !== old.metadata.resourceVersion) {
      throw conflict(subject(def), old.metadata.name!, 'Precondition failed: ResourceVersion in precondition');
    }
    const object = cloneJson(old);
    const finalizers = new Set(object.metadata.finalizers);
    if (options.propagationPolicy) {
      finalizers.delete('orphan');
      finalizers.delete('foregroundDeletion');
    }
    if (options.propagationPolicy === 'Orphan') finalizers.add('orphan');
    if (options.propagationPolicy === 'Foreground') finalizers.add('foregroundDeletion');
    object.metadata.finalizers = [...finalizers];
    if (finalizers.size === 0) delete object.metadata.finalizers;
    const spec = object.spec as { nodeName?: string; terminationGracePeriodSeconds?: number } | undefined;
    let grace = 0;
    if (def.resource === 'pods' && spec?.nodeName)
      grace = options.gracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? 30;
    if (object.metadata.deletionTimestamp) {
      grace = Math.min(grace, object.metadata.deletionGracePeriodSeconds ?? 0);
      if (def.resource === 'pods') object.metadata.deletionGracePeriodSeconds = grace;
    } else {
      object.metadata.deletionTimestamp = timestamp(this.clock.now() + grace * 1000);
      object.metadata.deletionGracePeriodSeconds = grace;
      if (object.metadata.generation) object.metadata.generation++;
    }
    if (def.resource === 'namespaces') object.status = { ...object.status, phase: 'Terminating' };
    if (this.#mayGo(def, object)) return this.#erase(def, object, old);
    return equalJson(object, old) ? old : this.#write(def, object, old);
  }

  #deleteCollection(target: Target, request: ApiRequest): unknown {
    const items = [...this.#bucket(target.def).values()].filter((object) => selected(target, request, object));
    for (const object of items) this.#delete(target.def, object, (request.body ?? {}) as DeleteOptions);
    return { kind: 'Status', status: 'Success' };
  }

  #action(target: Target, old: Anything, body: Anything): unknown {
    if (target.def.resource === 'pods' && target.subresource === 'binding') {
      const pod = cloneJson(old) as Anything & { spec: { nodeName?: string } };
      if (pod.spec.nodeName) {
        throw conflict(
          { group: '', kind: 'pods/binding' },
          target.name,
          `pod ${target.name} is already assigned to node "${pod.spec.nodeName}"`,
        );
      }
      if (pod.metadata.deletionTimestamp) {
        throw conflict(
          { group: '', kind: 'pods/binding' },
          target.name,
          `pod ${target.name} is being deleted, cannot be assigned to a host`,
        );
      }
      pod.spec.nodeName = (body as unknown as { target: { name: string } }).target.name;
      const conditions = ((pod.status?.conditions ?? []) as { type: string }[]).filter(
        (c) => c.type !== 'PodScheduled',
      );
      pod.status = {
        ...pod.status,
        conditions: [
          ...conditions,
          { type: 'PodScheduled', status: 'True', lastTransitionTime: timestamp(this.clock.now()) },
        ],
      };
      this.#write(target.def, pod, old);
      return { kind: 'Status', status: 'Success' };
    }
    if (target.def.resource === 'pods' && target.subresource === 'eviction') {
      return this.#delete(target.def, old, {});
    }
    throw failure(404, 'NotFound', 'the server could not find the requested resource');
  }

  #write(def: ResourceDef, object: Anything, old: Anything | undefined): Anything {
    this.#revision++;
    object.metadata = { ...object.metadata, resourceVersion: String(this.#revision) };
    this.#bucket(def).set(key(object), object);
    this.#announce(def, { type: old ? 'MODIFIED' : 'ADDED', object, old, revision: this.#revision });
    return object;
  }

  #erase(def: ResourceDef, object: Anything, old = object): Anything {
    this.#revision++;
    this.#bucket(def).delete(key(object));
    const last = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#revision) } };
    this.#announce(def, { type: 'DELETED', object: last, old, revision: this.#revision });
    return last;
  }

  #announce(def: ResourceDef, event: Event): void {
    this.onChange?.({ type: event.type, def, object: event.object });
    const id = idOf(def);
    const events = this.#events.get(id);
    if (events) events.push(event);
    else this.#events.set(id, [event]);
    for (const watcher of this.#watchers) {
      if (idOf(watcher.target.def) !== id) continue;
      watcher.queue.push(event);
      this.#deliver(watcher);
    }
  }

  #deliver(watcher: Watcher): void {
    if (watcher.delivering || this.#paused(watcher.target.def)) return;
    watcher.delivering = true;
    queueMicrotask(() => {
      watcher.delivering = false;
      const { queue, target } = watcher;
      while (!this.#paused(target.def) && !watcher.ended && queue.length > 0) this.#tell(watcher, queue.shift()!);
    });
  }

  /** An object that begins or ceases to match the watch's selectors appears or goes. */
  #tell(watcher: Watcher, event: Event): void {
    const now = event.type !== 'DELETED' && selected(watcher.target, watcher.request, event.object);
    const before = event.old !== undefined && selected(watcher.target, watcher.request, event.old);
    if (now) watcher.handlers.onEvent({ type: before ? 'MODIFIED' : 'ADDED', object: event.object });
    else if (before) watcher.handlers.onEvent({ type: 'DELETED', object: event.object });
  }

  #end(watcher: Watcher, error?: Error): void {
    if (watcher.ended) return;
    watcher.ended = true;
    this.#watchers.delete(watcher);
    watcher.handlers.onEnd(error);
  }

  #bucket(def: ResourceDef): Map<string, Anything> {
    const id = idOf(def);
    let bucket = this.#objects.get(id);
    if (!bucket) this.#objects.set(id, (bucket = new Map()));
    return bucket;
  }

  #target(path: string): Target {
    const parts = path.split('/').slice(1).map(decodeURIComponent);
    const group = parts[0] === 'apis' ? parts[1]! : '';
    const rest = parts.slice(group ? 3 : 2);
    let namespace = '';
    if (rest[0] === 'namespaces' && rest.length > 2 && !['status', 'finalize'].includes(rest[2]!)) {
      namespace = rest[1]!;
      rest.splice(0, 2);
    }
    const [resource, name = '', subresource = ''] = rest;
    const def = [...Object.values<ResourceDef>(resources), ...this.customKinds].find((d) => d.group === group && d.resource === resource);
    if (!def) throw failure(404, 'NotFound', 'the server could not find the requested resource');
    return { def, namespace, name, subresource };
  }
}

const hasStatus = new Set([
  'pods',
  'nodes',
  'namespaces',
  'deployments',
  'replicasets',
  'services',
  'persistentvolumes',
  'persistentvolumeclaims',
  'statefulsets',
  'daemonsets',
  'jobs',
  'cronjobs',
  'replicationcontrollers',
  'poddisruptionbudgets',
  'resourcequotas',
]);

const idOf = (def: ResourceDef) => `${def.group}/${def.resource}`;
const key = (object: Anything) => `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
const subject = (def: ResourceDef) => ({ group: def.group, kind: def.resource });

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const apiPath = (def: ResourceDef) => (def.group ? `/apis/${def.group}/${def.version}` : '/api/v1');

/** The documents that say what is served; undefined for any other path. */
function discoveryOf(path: string, customKinds: ResourceDef[]): unknown {
  const defs = [...Object.values<ResourceDef>(resources), ...customKinds];
  if (path === '/apis') {
    const groups = new Map(defs.filter((def) => def.group).map((def) => [def.group, def]));
    return {
      kind: 'APIGroupList',
      groups: [...groups].map(([name, def]) => {
        const preferredVersion = { groupVersion: apiVersionOf(def), version: def.version };
        return { name, versions: [preferredVersion], preferredVersion };
      }),
    };
  }
  const served = defs.filter((def) => apiPath(def) === path);
  if (served.length === 0) return undefined;
  return {
    kind: 'APIResourceList',
    groupVersion: apiVersionOf(served[0]!),
    resources: served.map(({ resource, kind, namespaced }) => ({
      name: resource,
      kind,
      namespaced,
      singularName: '',
      verbs,
    })),
  };
}

function selected(target: Target, request: ApiRequest, object: Anything): boolean {
  if (target.namespace && object.metadata.namespace !== target.namespace) return false;
  const { labelSelector, fieldSelector } = request.query ?? {};
  if (labelSelector && !parseSelector(String(labelSelector)).matches(object.metadata.labels)) return false;
  return !fieldSelector || parseFieldSelector(String(fieldSelector)).matches(fieldsOf(object));
}

function fieldsOf(object: Anything): Record<string, string> {
  const spec = (object.spec ?? {}) as { nodeName?: string };
  const status = (object.status ?? {}) as { phase?: string };
  return {
    'metadata.name': object.metadata.name ?? '',
    'metadata.namespace': object.metadata.namespace ?? '',
    'spec.nodeName': spec.nodeName ?? '',
    'status.phase': status.phase ?? '',
    type: (object as { type?: string }).type ?? '',
  };
}

function patched(old: Anything, request: ApiRequest): Anything {
  if (request.contentType?.includes('strategic') || request.contentType?.includes('apply')) return merge(cloneJson(old), request.body, true) as Anything;
  if (!request.contentType?.includes('merge-patch'))
    throw failure(415, 'UnsupportedMediaType', 'only merge and apply patches here');
  return merge(cloneJson(old), request.body, false) as Anything;
}

/** RFC 7386; `strategic`: lists of things with a type (conditions) are merged by it, finalizers as sets, and from others things go by their uid. */
function merge(target: unknown, patch: unknown, strategic: boolean): unknown {
  if (strategic && Array.isArray(patch) && patch.length > 0 && patch.every((item) => (item as { $patch?: string })?.$patch === 'delete')) {
    const gone = (patch as { uid: string }[]).map(({ uid }) => uid);
    return ((target ?? []) as { uid: string }[]).filter(({ uid }) => !gone.includes(uid));
  }
  if (strategic && Array.isArray(patch) && patch.every((item) => (item as { type?: string })?.type)) {
    const items = patch as { type: string }[];
    const kept = ((target ?? []) as { type: string }[]).filter((old) => !items.some((item) => item.type === old.type));
    return [...kept, ...cloneJson(items)];
  }
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return cloneJson(patch);
  const base = typeof target === 'object' && target !== null && !Array.isArray(target) ? target : {};
  const result = base as Record<string, unknown>;
  for (const [name, value] of Object.entries(patch)) {
    if (name.startsWith('$setElementOrder/')) continue;
    const list = strategic && /^\$deleteFromPrimitiveList\/(.+)$/.exec(name)?.[1];
    if (list) result[list] = ((result[list] ?? []) as unknown[]).filter((item) => !(value as unknown[]).includes(item));
    else if (strategic && name === 'finalizers') result[name] = [...new Set([...((result[name] ?? []) as unknown[]), ...(value as unknown[])])];
    else if (value === null) delete result[name];
    else if (value !== undefined) result[name] = merge(result[name], value, strategic);
  }
  return result;
}
