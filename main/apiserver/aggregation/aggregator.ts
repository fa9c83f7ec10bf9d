import type { APIService, APIServiceCondition } from '../../api/index.ts';
import type { Json } from '../../api/json.ts';
import { timestamp } from '../../api/meta.ts';
import type { Store } from '../../store/index.ts';
import type { Clock, Timer } from '../../util/clock.ts';
import type { Logger } from '../../util/log.ts';
import type { Random } from '../../util/random.ts';
import { LiveObjects } from '../auth/liveObjects.ts';
import type { UserInfo } from '../auth/types.ts';
import type { Answer, Call } from '../call.ts';
import { dialEndpoint, resolveEndpoint, type Egress } from '../egress/index.ts';
import { forward, type Destination } from '../proxy/index.ts';
import type { Objects } from '../registry/strategy.ts';
import { availability } from './availability.ts';
import { fetchGroups, type AggregatedGroup, type AggregatedResource } from './discovery.ts';

/** With what this server shows others that it speaks for a user. PEM. */
export interface FrontProxy {
  certificate: string;
  key: string;
}

export interface AggregatorOptions {
  store: Store;
  objects: Objects;
  egress: Egress;
  clock: Clock;
  random: Random;
  log: Logger;
  frontProxy?: FrontProxy;
  /** Writes the conditions of an APIService. */
  setStatus(name: string, conditions: APIServiceCondition[]): Promise<void>;
}

/** Milliseconds: how often what works is looked at again, and what does not. */
const recheck = 30_000;
const retry = 1_000;
/** For how long a document of another server counts. */
const documentAge = 60_000;

interface Known {
  service: APIService;
  available: boolean;
  resources: AggregatedResource[];
  /** Its OpenAPI document and when it was read, on the clock that never goes back. */
  document?: { at: number; value: Promise<Json | undefined> };
  timer?: Timer;
}

/** Mirrors k8s.io/kube-aggregator/pkg/apiserver (handler_proxy.go) and pkg/controllers/status. */
export class Aggregator {
  readonly #services: LiveObjects<APIService>;
  readonly #related: LiveObjects<APIService>[];
  readonly #known = new Map<string, Known>();
  /** Told of each fall of another server. */
  onUnavailable?: (name: string, reason: string) => void;
  #version = 0;
  #closed = false;

  constructor(private readonly options: AggregatorOptions) {
    const { store } = options;
    this.#services = new LiveObjects(store, { group: 'apiregistration.k8s.io', resource: 'apiservices' }, () => this.#refresh());
    // A Service that comes or goes, or whose endpoints do, may make an API server reachable at once.
    this.#related = [new LiveObjects(store, { group: '', resource: 'services' }, () => this.#lookAgain()), new LiveObjects(store, { group: 'discovery.k8s.io', resource: 'endpointslices' }, () => this.#lookAgain())];
  }

  /** Grows with every change of what is served by others. */
  get version(): number {
    return this.#version;
  }

  async start(): Promise<void> {
    await Promise.all([this.#services, ...this.#related].map((objects) => objects.load()));
    this.#refresh();
  }

  close(): void {
    this.#closed = true;
    for (const objects of [this.#services, ...this.#related]) objects.close();
    for (const known of this.#known.values()) known.timer?.cancel();
  }

  /** Who answers for the group and version of a path; undefined: this server itself. */
  #serviceAt(path: string): Known | undefined {
    if (!this.#known.size) return undefined;
    const parts = /^\/+apis\/+([^/]+)\/+([^/]+)/.exec(path);
    return parts ? this.#known.get(`${parts[2]}.${parts[1]}`) : undefined;
  }

  /** Every APIService, those of this server included. */
  registered(): Iterable<APIService> {
    return this.#services.all();
  }

  handles(path: string): boolean {
    return this.#serviceAt(path) !== undefined;
  }

  /** Passes a request on. The answer is 503 as long as the other server cannot be reached. */
  async answer(call: Call): Promise<Answer> {
    const known = this.#serviceAt(call.path.replace(/^\/openapi\/v3/, ''))!;
    if (!known.available) return { type: 'text', code: 503, contentType: 'text/plain; charset=utf-8', body: 'service unavailable\n' };
    return forward(call, { ...this.#destination(known.service, call.path + (call.search ? `?${call.search}` : '')), headers: userHeaders(call.user) });
  }

  /** The groups of other servers, for discovery. */
  groups(): AggregatedGroup[] {
    const groups = new Map<string, AggregatedGroup>();
    const all = [...this.#known.values()].sort((a, b) => b.service.spec!.versionPriority! - a.service.spec!.versionPriority!);
    for (const { service, available, resources } of all) {
      const { group = '', version = '' } = service.spec!;
      let found = groups.get(group);
      if (!found) groups.set(group, (found = { group, versions: [] }));
      found.versions.push({ version, resources, freshness: available ? 'Current' : 'Stale' });
    }
    return [...groups.values()];
  }

  /** The OpenAPI v2 documents of other servers, one a server. Who cannot be asked has none. */
  async documents(): Promise<Json[]> {
    const servers = new Map<string, Known>();
    for (const known of this.#known.values()) {
      const { namespace, name, port } = known.service.spec!.service!;
      if (known.available) servers.set(`${namespace}/${name}:${port}`, known);
    }
    const found = await Promise.all([...servers.values()].map((known) => this.#document(known)));
    return found.filter((document) => document !== undefined);
  }

  #document(known: Known): Promise<Json | undefined> {
    const at = this.options.clock.monotonic();
    if (known.document && at - known.document.at < documentAge) return known.document.value;
    const value = this.#ask(known.service, '/openapi/v2', 'application/json').then((document) => document as Json | undefined, () => undefined);
    known.document = { at, value };
    return value;
  }

  #destination({ spec }: APIService, path: string): Destination {
    const { egress, objects, random, frontProxy } = this.options;
    const { name = '', namespace = '', port = 443 } = spec!.service!;
    const servername = `${name}.${namespace}.svc`;
    const ca = spec!.caBundle ? Buffer.from(spec!.caBundle, 'base64').toString('utf8') : undefined;
    return {
      dial: async () => dialEndpoint(egress, await resolveEndpoint(objects, random, namespace, name, port)),
      tls: { servername, ...(ca ? { ca } : {}), rejectUnauthorized: !spec!.insecureSkipTLSVerify, ...(frontProxy ? { cert: frontProxy.certificate, key: frontProxy.key } : {}) },
      host: `${servername}:${port}`,
      hostHeader: `${servername}:${port}`,
      path,
      unreachable: 'error trying to reach service',
    };
  }

  /** Takes note of registrations that came, changed and went. */
  #refresh(): void {
    if (this.#closed) return;
    const now = new Map([...this.#services.all()].filter(({ spec }) => spec?.service).map((service) => [service.metadata!.name!, service]));
    for (const [name, known] of this.#known) {
      if (now.has(name)) continue;
      known.timer?.cancel();
      this.#known.delete(name);
      this.#version++;
    }
    for (const [name, service] of now) {
      const known = this.#known.get(name);
      const sameSpec = known && JSON.stringify(known.service.spec) === JSON.stringify(service.spec);
      if (known) known.service = service;
      if (sameSpec) continue;
      if (!known) this.#known.set(name, { service, available: false, resources: [] });
      this.#version++;
      this.#schedule(name, 0);
    }
  }

  #lookAgain(): void {
    for (const [name, { available }] of this.#known) if (!available) this.#schedule(name, 0);
  }

  #schedule(name: string, after: number): void {
    const known = this.#known.get(name);
    if (!known || this.#closed) return;
    known.timer?.cancel();
    known.timer = this.options.clock.setTimer(after, () => void this.#check(name).catch((error: unknown) => this.options.log.warn('an aggregated API cannot be judged', { name, error: String(error) })));
  }

  async #check(name: string): Promise<void> {
    const { objects, clock, log } = this.options;
    const known = this.#known.get(name);
    if (!known || this.#closed) return;
    const { group = '', version = '' } = known.service.spec!;
    const verdict = await availability(known.service, objects, async () => {
      known.resources = await fetchGroups(group, version, (path, accept) => this.#ask(known.service, path, accept));
    });
    if (this.#known.get(name) !== known || this.#closed) return;
    const changed = known.available !== verdict.available;
    if (changed) known.document = undefined;
    known.available = verdict.available;
    if (changed) log.info(verdict.available ? 'an aggregated API is there' : 'an aggregated API is not there', { name, why: verdict.message });
    this.#version++;
    const before = known.service.status?.conditions?.find(({ type }) => type === 'Available');
    const status = verdict.available ? 'True' : 'False';
    if (before?.status !== status || before.reason !== verdict.reason || before.message !== verdict.message) {
      const lastTransitionTime = before?.status === status ? before.lastTransitionTime : timestamp(clock.now());
      if (before?.status !== status && !verdict.available) this.onUnavailable?.(name, verdict.reason);
      const others = (known.service.status?.conditions ?? []).filter(({ type }) => type !== 'Available');
      await this.options.setStatus(name, [...others, { type: 'Available', status, lastTransitionTime, reason: verdict.reason, message: verdict.message }]);
    }
    this.#schedule(name, verdict.available ? recheck : retry);
  }

  /** What the other server says to this one. Rejects unless it is 200. */
  async #ask(service: APIService, path: string, accept: string): Promise<unknown> {
    const { clock } = this.options;
    const gone = new AbortController();
    const timer = clock.setTimer(5000, () => gone.abort());
    try {
      const call = { method: 'GET', accept, userAgent: 'kube-aggregator', onGone: (listener: () => void) => gone.signal.addEventListener('abort', listener), body: () => Promise.resolve({ type: 'none' }) } as unknown as Call;
      const headers = userHeaders({ name: 'system:kube-aggregator', groups: ['system:masters'] });
      const asked = forward(call, { ...this.#destination(service, path), headers });
      const answer = await Promise.race([asked, new Promise<never>((_resolve, reject) => gone.signal.addEventListener('abort', () => reject(new Error('context deadline exceeded'))))]);
      if (answer.type !== 'relay') throw new Error('no answer');
      const parts: Buffer[] = [];
      for await (const part of answer.body) parts.push(part as Buffer);
      const text = Buffer.concat(parts).toString('utf8');
      // Whoever wants to see credentials first is there all the same.
      if (answer.code === 401 || answer.code === 403) return undefined;
      if (answer.code < 200 || answer.code > 299) throw new Error(`bad status from https://${this.#destination(service, '').host}${path}: ${answer.code}`);
      return JSON.parse(text) as unknown;
    } finally {
      timer.cancel();
    }
  }
}

/** Mirrors k8s.io/client-go/transport (SetAuthProxyHeaders). */
function userHeaders({ name, uid, groups, extra }: UserInfo): Record<string, string | string[]> {
  return {
    'x-remote-user': name,
    'x-remote-group': groups,
    ...(uid ? { 'x-remote-uid': uid } : {}),
    ...Object.fromEntries(Object.entries(extra ?? {}).map(([key, values]) => [`x-remote-extra-${encodeURIComponent(key).toLowerCase()}`, values])),
  };
}
