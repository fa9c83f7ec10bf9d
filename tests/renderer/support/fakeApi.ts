import type { BridgeRequest, BridgeResponse } from '../../../preload/contract.ts';
import type { KubeObject } from '../../../main/api/meta.ts';
import { cloneJson } from '../../../main/api/json.ts';
import { parseSelector } from '../../../main/api/labels.ts';
import { alreadyExists, badRequest, conflict, notFound, StatusError } from '../../../main/api/status.ts';

interface FakeKind {
  group: string;
  version: string;
  resource: string;
  kind: string;
  namespaced: boolean;
}

const builtIn: FakeKind[] = [
  ['', 'v1', 'pods', 'Pod', true],
  ['', 'v1', 'services', 'Service', true],
  ['', 'v1', 'configmaps', 'ConfigMap', true],
  ['', 'v1', 'secrets', 'Secret', true],
  ['', 'v1', 'events', 'Event', true],
  ['', 'v1', 'serviceaccounts', 'ServiceAccount', true],
  ['', 'v1', 'endpoints', 'Endpoints', true],
  ['', 'v1', 'nodes', 'Node', false],
  ['', 'v1', 'namespaces', 'Namespace', false],
  ['', 'v1', 'persistentvolumes', 'PersistentVolume', false],
  ['', 'v1', 'persistentvolumeclaims', 'PersistentVolumeClaim', true],
  ['', 'v1', 'replicationcontrollers', 'ReplicationController', true],
  ['apps', 'v1', 'deployments', 'Deployment', true],
  ['apps', 'v1', 'replicasets', 'ReplicaSet', true],
  ['apps', 'v1', 'statefulsets', 'StatefulSet', true],
  ['apps', 'v1', 'daemonsets', 'DaemonSet', true],
  ['apps', 'v1', 'controllerrevisions', 'ControllerRevision', true],
  ['batch', 'v1', 'jobs', 'Job', true],
  ['batch', 'v1', 'cronjobs', 'CronJob', true],
  ['networking.k8s.io', 'v1', 'ingresses', 'Ingress', true],
  ['networking.k8s.io', 'v1', 'ingressclasses', 'IngressClass', false],
  ['networking.k8s.io', 'v1', 'networkpolicies', 'NetworkPolicy', true],
  ['policy', 'v1', 'poddisruptionbudgets', 'PodDisruptionBudget', true],
  ['', 'v1', 'resourcequotas', 'ResourceQuota', true],
  ['autoscaling', 'v2', 'horizontalpodautoscalers', 'HorizontalPodAutoscaler', true],
  ['storage.k8s.io', 'v1', 'storageclasses', 'StorageClass', false],
  ['discovery.k8s.io', 'v1', 'endpointslices', 'EndpointSlice', true],
  ['rbac.authorization.k8s.io', 'v1', 'roles', 'Role', true],
  ['rbac.authorization.k8s.io', 'v1', 'clusterroles', 'ClusterRole', false],
  ['coordination.k8s.io', 'v1', 'leases', 'Lease', true],
  ['apiextensions.k8s.io', 'v1', 'customresourcedefinitions', 'CustomResourceDefinition', false],
].map(([group, version, resource, kind, namespaced]) => ({ group, version, resource, kind, namespaced }) as FakeKind);

interface Watcher {
  kind: FakeKind;
  namespace: string | undefined;
  matches(object: KubeObject): boolean;
  send(line: string): void;
  end(error?: string): void;
}

interface Target {
  kind: FakeKind;
  namespace: string | undefined;
  name: string | undefined;
  subresource: string | undefined;
  query: URLSearchParams;
}

/** Enough of a Kubernetes API for the window's tests: objects, versions, selectors, watches. It runs nothing. */
export class FakeApi {
  readonly kinds: FakeKind[] = [...builtIn];
  readonly requests: BridgeRequest[] = [];
  /** Answers in the place of the API where it returns something. */
  intercept: (request: BridgeRequest) => BridgeResponse | undefined = () => undefined;
  #objects = new Map<string, KubeObject>();
  #watchers = new Set<Watcher>();
  #version = 100;

  addKind(kind: FakeKind): void {
    this.kinds.push(kind);
  }

  /** Puts an object there as its controller would: a status may come along. */
  put<T extends KubeObject>(object: T): T {
    const kind = this.#kindOf(object);
    const key = keyOf(kind, object.metadata?.namespace, object.metadata?.name ?? '');
    const before = this.#objects.get(key);
    const stored = cloneJson(object);
    stored.metadata = {
      creationTimestamp: before?.metadata?.creationTimestamp ?? new Date().toISOString(),
      uid: before?.metadata?.uid ?? `uid-${this.#version}`,
      ...stored.metadata,
      resourceVersion: String(++this.#version),
    };
    this.#objects.set(key, stored);
    this.#tell(before ? 'MODIFIED' : 'ADDED', kind, stored);
    return cloneJson(stored);
  }

  take(kindName: string, namespace: string | undefined, name: string): void {
    const kind = this.kinds.find((each) => each.kind === kindName)!;
    const key = keyOf(kind, namespace, name);
    const object = this.#objects.get(key);
    if (!object) return;
    this.#objects.delete(key);
    this.#tell('DELETED', kind, { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } });
  }

  get<T extends KubeObject>(kindName: string, namespace: string | undefined, name: string): T | undefined {
    const kind = this.kinds.find((each) => each.kind === kindName)!;
    return this.#objects.get(keyOf(kind, namespace, name)) as T | undefined;
  }

  get watching(): number {
    return this.#watchers.size;
  }

  /** Ends every watch, as a server does that restarts. */
  endWatches(error?: string): void {
    for (const watcher of [...this.#watchers]) {
      this.#watchers.delete(watcher);
      watcher.end(error);
    }
  }

  /** Sends `410 Gone` into every watch and ends it. */
  expireWatches(): void {
    const status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Expired', code: 410, message: 'too old resource version' };
    for (const watcher of this.#watchers) watcher.send(JSON.stringify({ type: 'ERROR', object: status }));
    this.endWatches();
  }

  watch(path: string, send: (line: string) => void, end: (error?: string) => void, accept = ''): () => void {
    const target = this.#target(path);
    const tell = accept.includes('as=PartialObjectMetadata;') ? (line: string) => send(metadataLine(line)) : send;
    const watcher: Watcher = { kind: target.kind, namespace: target.namespace, matches: matcher(target.query), send: tell, end };
    this.#watchers.add(watcher);
    // What happened between the list and the watch.
    const since = Number(target.query.get('resourceVersion') ?? 0);
    for (const object of this.#list(target)) if (Number(object.metadata?.resourceVersion) > since) tell(JSON.stringify({ type: 'MODIFIED', object }));
    return () => this.#watchers.delete(watcher);
  }

  request(request: BridgeRequest): BridgeResponse {
    this.requests.push(request);
    const intercepted = this.intercept(request);
    if (intercepted) return intercepted;
    try {
      return answer(200, this.#answer(request));
    } catch (error) {
      if (error instanceof StatusError) return answer(error.code, error.status);
      throw error;
    }
  }

  #answer(request: BridgeRequest): unknown {
    const [path = ''] = request.path.split('?');
    if (path === '/api') return this.#discovery(true);
    if (path === '/apis') return this.#discovery(false);
    const target = this.#target(request.path);
    const dryRun = target.query.has('dryRun');
    if (request.method === 'GET') {
      if (target.name) return this.#find(target);
      const items = this.#list(target);
      if (request.accept?.includes('as=Table')) return tableOf(items);
      const from = Number(target.query.get('continue') ?? 0);
      const limit = Number(target.query.get('limit') ?? Infinity);
      const next = from + limit < items.length ? String(from + limit) : undefined;
      const isPartial = request.accept?.includes('as=PartialObjectMetadataList;') ?? false;
      return {
        kind: isPartial ? 'PartialObjectMetadataList' : `${target.kind.kind}List`,
        apiVersion: isPartial ? 'meta.k8s.io/v1' : apiVersionOf(target.kind),
        metadata: { resourceVersion: String(this.#version), ...(next ? { continue: next } : {}) },
        items: items.slice(from, from + limit).map((object) => (isPartial ? metadataOf(object) : object)),
      };
    }
    if (request.method === 'DELETE') {
      const object = this.#find(target);
      if (!dryRun) this.take(target.kind.kind, target.namespace, target.name!);
      return object;
    }
    const body = JSON.parse(request.body ?? '') as KubeObject;
    const subject = { group: target.kind.group, kind: target.kind.resource };
    if (request.method === 'POST') {
      if (target.subresource) return body;
      const object: KubeObject = { ...body, metadata: { ...body.metadata, ...(target.namespace ? { namespace: target.namespace } : {}) } };
      if (this.#objects.has(keyOf(target.kind, target.namespace, object.metadata?.name ?? ''))) throw alreadyExists(subject, object.metadata?.name ?? '');
      return dryRun ? object : this.put(object);
    }
    if (request.method === 'PUT') {
      const before = this.#find(target);
      if (body.metadata?.resourceVersion && body.metadata.resourceVersion !== before.metadata?.resourceVersion)
        throw conflict(subject, target.name!, 'the object has been modified; please apply your changes to the latest version and try again');
      return dryRun ? { ...body, kind: target.kind.kind } : this.put(body);
    }
    const type = request.contentType ?? '';
    const key = keyOf(target.kind, target.namespace, target.name!);
    const before = type.includes('apply') ? (this.#objects.get(key) ?? {}) : this.#find(target);
    const after = type.includes('json-patch') ? jsonPatch(before, body as unknown as PatchStep[]) : mergePatch(before, body);
    const object = after as KubeObject;
    object.metadata = { ...object.metadata, name: target.name!, ...(target.namespace ? { namespace: target.namespace } : {}) };
    return dryRun ? object : this.put(object);
  }

  #target(fullPath: string): Target {
    const [path = '', query = ''] = fullPath.split('?');
    const parts = path.split('/').filter(Boolean).map(decodeURIComponent);
    const group = parts[0] === 'api' ? '' : parts[1]!;
    let rest = parts.slice(parts[0] === 'api' ? 2 : 3);
    let namespace: string | undefined;
    if (rest[0] === 'namespaces' && rest.length > 2) {
      namespace = rest[1];
      rest = rest.slice(2);
    }
    const kind = this.kinds.find((each) => each.group === group && each.resource === rest[0]);
    if (!kind) throw new StatusError({ kind: 'Status', status: 'Failure', code: 404, reason: 'NotFound', message: 'the server could not find the requested resource' });
    return { kind, namespace, name: rest[1], subresource: rest[2], query: new URLSearchParams(query) };
  }

  #find({ kind, namespace, name }: Target): KubeObject {
    const object = this.#objects.get(keyOf(kind, namespace, name!));
    if (!object) throw notFound({ group: kind.group, kind: kind.resource }, name!);
    return object;
  }

  #list({ kind, namespace, query }: Target): KubeObject[] {
    const matches = matcher(query);
    const prefix = `${kind.group}/${kind.resource}|${namespace === undefined ? '' : `${namespace}/`}`;
    return [...this.#objects].filter(([key, object]) => key.startsWith(prefix) && matches(object)).map(([, object]) => object);
  }

  #tell(type: string, kind: FakeKind, object: KubeObject): void {
    const line = JSON.stringify({ type, object });
    for (const watcher of this.#watchers) {
      if (watcher.kind !== kind || (watcher.namespace && watcher.namespace !== object.metadata?.namespace)) continue;
      if (watcher.matches(object)) watcher.send(line);
    }
  }

  #kindOf(object: KubeObject): FakeKind {
    const kind = this.kinds.find((each) => each.kind === object.kind && apiVersionOf(each) === object.apiVersion);
    if (!kind) throw badRequest(`no kind ${object.kind} in ${object.apiVersion}`);
    return kind;
  }

  #discovery(legacy: boolean): unknown {
    const groups = [...new Set(this.kinds.map(({ group }) => group))].filter((group) => (group === '') === legacy);
    return {
      kind: 'APIGroupDiscoveryList',
      apiVersion: 'apidiscovery.k8s.io/v2',
      items: groups.map((group) => ({
        metadata: group ? { name: group } : {},
        versions: [
          {
            version: this.kinds.find((kind) => kind.group === group)!.version,
            resources: this.kinds
              .filter((kind) => kind.group === group)
              .map(({ resource, kind, namespaced }) => ({
                resource,
                responseKind: { kind },
                scope: namespaced ? 'Namespaced' : 'Cluster',
                verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
              })),
          },
        ],
      })),
    };
  }
}

const apiVersionOf = ({ group, version }: FakeKind) => (group ? `${group}/${version}` : version);
const keyOf = ({ group, resource }: FakeKind, namespace: string | undefined, name: string) => `${group}/${resource}|${namespace ? `${namespace}/` : ''}${name}`;

export function answer(status: number, body: unknown): BridgeResponse {
  return { status, contentType: 'application/json', body: JSON.stringify(body), warnings: [] };
}

const metadataOf = ({ metadata }: KubeObject): KubeObject => ({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata });

function metadataLine(line: string): string {
  const event = JSON.parse(line) as { type: string; object: KubeObject };
  return JSON.stringify(event.type === 'ERROR' ? event : { ...event, object: metadataOf(event.object) });
}

function matcher(query: URLSearchParams): (object: KubeObject) => boolean {
  const labels = parseSelector(query.get('labelSelector') ?? '');
  const fields = pairs(query.get('fieldSelector'));
  return (object) =>
    labels.matches(object.metadata?.labels ?? {}) &&
    fields.every(([path, value]) => String(path.split('.').reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], object) ?? '') === value);
}

const pairs = (text: string | null): [string, string][] =>
  (text ?? '').split(',').filter(Boolean).map((part) => part.split(/==?/) as [string, string]);

function tableOf(items: readonly KubeObject[]): unknown {
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    columnDefinitions: [
      { name: 'Name', type: 'string', format: 'name' },
      { name: 'Labels count', type: 'integer' },
      { name: 'Age', type: 'string' },
    ],
    rows: items.map((object) => ({ cells: [object.metadata?.name, Object.keys(object.metadata?.labels ?? {}).length, '1m'], object: { metadata: object.metadata } })),
  };
}

function mergePatch(before: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const after: Record<string, unknown> = typeof before === 'object' && before !== null && !Array.isArray(before) ? { ...before } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete after[key];
    else after[key] = mergePatch(after[key], value);
  }
  return after;
}

interface PatchStep {
  op: 'add' | 'replace' | 'remove' | 'test';
  path: string;
  value?: unknown;
}

function jsonPatch(before: unknown, steps: readonly PatchStep[]): unknown {
  const after = cloneJson(before) as Record<string, unknown>;
  for (const { op, path, value } of steps) {
    const keys = path.split('/').slice(1).map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = keys.pop()!;
    const parent = keys.reduce((at, key) => at[key] as Record<string, unknown>, after);
    if (op === 'remove') delete parent[last];
    else if (op !== 'test') parent[last] = value;
  }
  return after;
}
