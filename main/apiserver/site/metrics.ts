import { readdirSync, readFileSync } from 'node:fs';
import { Counter, Gauge, Histogram, Registry as Metrics } from 'prom-client';
import type { Store } from '../../store/index.ts';
import type { Aggregator } from '../aggregation/index.ts';
import type { RequestInfo } from '../auth/types.ts';
import type { Answer } from '../call.ts';
import type { Served, ServedObserver } from '../http/server.ts';
import { isStream } from '../longRunning.ts';
import { rootOf } from '../registry/keys.ts';
import type { ResourceTable } from '../registry/resources.ts';
import type { VersionInfo } from './index.ts';

const requestLabels = ['verb', 'dry_run', 'group', 'version', 'resource', 'subresource', 'scope', 'component'] as const;

/** As metrics name verbs, which is by HTTP's methods where there is one. */
const shownVerbs: Record<string, string> = { create: 'POST', update: 'PUT' };

function shownVerb(info: RequestInfo): string {
  return isStream(info) && info.subresource !== 'log' ? 'CONNECT' : (shownVerbs[info.verb] ?? info.verb.toUpperCase());
}

function scopeOf({ isResourceRequest, name, verb, namespace }: RequestInfo): string {
  if (name || verb === 'create') return 'resource';
  return namespace ? 'namespace' : isResourceRequest ? 'cluster' : '';
}

/** Anybody can have any name; those few have one of their own (upstream: compressUsername). */
function shownUser(name: string): string {
  if (name === 'admin' || name === 'system:admin' || name === 'client' || name === 'system:anonymous' || /^system:(apiserver|kube-[\w-]+)$/.test(name)) return name;
  return name.includes('@') ? 'email_id' : 'other';
}

/** What there is of each kind, counted when it is asked for. */
export function describeStorage(resources: ResourceTable, store: Store, metrics: Metrics): void {
  const registers = [metrics];
  const stored = () => resources.all().filter(({ strategy }) => !strategy.review && !strategy.storedAs);
  new Gauge({
    name: 'apiserver_storage_objects',
    help: 'Stored objects by kind.',
    labelNames: ['resource'],
    registers,
    collect() {
      this.reset();
      for (const { strategy: { definition } } of stored()) this.set({ resource: definition.group ? `${definition.resource}.${definition.group}` : definition.resource }, store.count(rootOf(definition)));
    },
  });
  new Gauge({
    name: 'apiserver_resource_objects',
    help: 'Stored objects by kind.',
    labelNames: ['group', 'resource'],
    registers,
    collect() {
      this.reset();
      for (const { strategy: { definition } } of stored()) this.set({ group: definition.group, resource: definition.resource }, store.count(rootOf(definition)));
    },
  });
}

/** Which API servers, this one or others, cannot be asked (upstream: kube-aggregator/pkg/controllers/status/metrics). */
export function describeAvailability(aggregator: Pick<Aggregator, 'registered' | 'onUnavailable'>, metrics: Metrics): void {
  const registers = [metrics];
  new Gauge({
    name: 'aggregator_unavailable_apiservice',
    help: 'APIServices by name: 1 for those that are not available.',
    labelNames: ['name'],
    registers,
    collect() {
      this.reset();
      for (const { metadata, status } of aggregator.registered()) {
        const available = status?.conditions?.some((condition) => condition.type === 'Available' && condition.status === 'True');
        this.set({ name: metadata!.name! }, available ? 0 : 1);
      }
    },
  });
  const falls = new Counter({ name: 'aggregator_unavailable_apiservice_total', help: 'How often APIServices became unavailable, by name and reason.', labelNames: ['name', 'reason'], registers });
  aggregator.onUnavailable = (name, reason) => falls.inc({ name, reason });
}

/** Counts and times requests under Kubernetes' own metric names (upstream: endpoints/metrics/metrics.go). */
export class RequestMetrics implements ServedObserver {
  readonly #metrics = new Metrics();
  readonly #requests = new Counter({
    name: 'apiserver_request_total',
    help: 'Requests by verb, resource and HTTP status code.',
    labelNames: [...requestLabels, 'code'],
    registers: [this.#metrics],
  });
  readonly #durations = new Histogram({
    name: 'apiserver_request_duration_seconds',
    help: 'How long requests took, without watches and streams.',
    labelNames: requestLabels,
    buckets: [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60],
    registers: [this.#metrics],
  });
  readonly #serviceTimes = new Histogram({
    name: 'apiserver_request_sli_duration_seconds',
    help: 'How long requests took, less what they waited for their turn and for webhooks.',
    labelNames: ['verb', 'group', 'version', 'resource', 'subresource', 'scope', 'component'],
    buckets: [0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60],
    registers: [this.#metrics],
  });
  readonly #sizes = new Histogram({
    name: 'apiserver_response_sizes',
    help: 'Bytes of the answers to requests that read.',
    labelNames: ['verb', 'group', 'version', 'resource', 'subresource', 'scope', 'component'],
    buckets: [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9],
    registers: [this.#metrics],
  });
  readonly #authentications = new Counter({ name: 'authentication_attempts', help: 'Requests by whether it became clear who asks.', labelNames: ['result'], registers: [this.#metrics] });
  readonly #users = new Counter({ name: 'authenticated_user_requests', help: 'Requests by who asks.', labelNames: ['username'], registers: [this.#metrics] });
  readonly #authorizations = new Counter({ name: 'authorization_attempts_total', help: 'Requests by whether they were allowed.', labelNames: ['result'], registers: [this.#metrics] });
  readonly #bodySizes = new Histogram({
    name: 'apiserver_request_body_size_bytes',
    help: 'Bytes of the bodies of requests.',
    labelNames: ['group', 'resource', 'verb'],
    buckets: Array.from({ length: 31 }, (_, i) => 50_000 + 100_000 * i),
    registers: [this.#metrics],
  });
  readonly #watchEvents = new Counter({ name: 'apiserver_watch_events_total', help: 'Changes that were sent to those who watch.', labelNames: ['group', 'version', 'resource'], registers: [this.#metrics] });
  readonly #watchSizes = new Histogram({
    name: 'apiserver_watch_events_sizes',
    help: 'Bytes of changes that were sent to those who watch; of those that went together each counts for its share.',
    labelNames: ['group', 'version', 'resource'],
    buckets: [1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072],
    registers: [this.#metrics],
  });
  readonly #certificates = new Histogram({
    name: 'apiserver_client_certificate_expiration_seconds',
    help: 'How long the certificates of clients that ask are still good.',
    buckets: [0, 1800, 3600, 7200, 21_600, 43_200, 86_400, 172_800, 345_600, 604_800, 2_592_000, 7_776_000, 15_552_000, 31_104_000],
    registers: [this.#metrics],
  });
  readonly #deprecated = new Gauge({
    name: 'apiserver_requested_deprecated_apis',
    help: 'Deprecated kinds that have been asked for.',
    labelNames: ['group', 'version', 'resource', 'subresource', 'removed_release'],
    registers: [this.#metrics],
  });
  readonly #handshakes = new Counter({ name: 'apiserver_tls_handshake_errors_total', help: 'TLS handshakes that failed.', registers: [this.#metrics] });
  // Children are looked up once a kind of request: hashing labels for every request costs more than the rest.
  readonly #known = new Map<string, { requests: Counter.Internal; durations: Histogram.Internal<string>; serviceTimes: Histogram.Internal<string>; sizes?: Histogram.Internal<string> }>();

  readonly #watchedKinds = new Map<string, { events: Counter.Internal; sizes: Histogram.Internal<string> }>();

  constructor({ gitVersion, gitCommit, gitTreeState, buildDate, goVersion, compiler, platform, major, minor }: VersionInfo, private readonly others?: Metrics) {
    describeProcess(this.#metrics);
    const build = new Gauge({
      name: 'kubernetes_build_info',
      help: 'Always 1; the labels say which build this is.',
      labelNames: ['major', 'minor', 'git_version', 'git_commit', 'git_tree_state', 'build_date', 'go_version', 'compiler', 'platform'],
      registers: [this.#metrics],
    });
    build.set({ major, minor, git_version: gitVersion, git_commit: gitCommit, git_tree_state: gitTreeState, build_date: buildDate, go_version: goVersion, compiler, platform }, 1);
  }

  observe({ info, user, code, milliseconds, waited, denied, size, bodySize, certificateEnds, at, deprecated }: Served): void {
    const { verb, group, version, resource, subresource } = info;
    const scope = scopeOf(info);
    // Anybody can ask for any path: what is not there counts as one.
    const what = info.isResourceRequest ? subresource : code === 404 ? '' : info.path;
    const key = `${verb} ${group} ${version} ${resource} ${what} ${scope} ${code}`;
    let known = this.#known.get(key);
    if (!known) {
      const labels = { verb: shownVerb(info), dry_run: '', group, version, resource, subresource: what, scope, component: 'apiserver' };
      const { dry_run: _, ...ofSizes } = labels;
      known = {
        requests: this.#requests.labels({ ...labels, code: String(code) }),
        durations: this.#durations.labels(labels),
        serviceTimes: this.#serviceTimes.labels(ofSizes),
        ...(verb === 'get' || verb === 'list' ? { sizes: this.#sizes.labels(ofSizes) } : {}),
      };
      this.#known.set(key, known);
    }
    known.requests.inc();
    // Without a user nothing was asked of the authorizer.
    this.#authentications.inc({ result: user ? 'success' : 'failure' });
    if (user) {
      this.#users.inc({ username: shownUser(user.name) });
      this.#authorizations.inc({ result: denied ? 'denied' : 'allowed' });
    }
    if (verb !== 'watch' && !isStream(info)) {
      known.durations.observe(milliseconds / 1000);
      known.serviceTimes.observe(Math.max(0, milliseconds - waited) / 1000);
    }
    if (size !== undefined) known.sizes?.observe(size);
    if (bodySize && info.isResourceRequest) this.#bodySizes.observe({ group, resource, verb }, bodySize);
    if (certificateEnds !== undefined) this.#certificates.observe((certificateEnds - at) / 1000);
    if (deprecated) this.#deprecated.set({ group, version, resource, subresource, removed_release: '' }, 1);
  }

  watched({ group, version, resource }: RequestInfo, changes: number, bytes: number): void {
    const key = `${group} ${version} ${resource}`;
    let known = this.#watchedKinds.get(key);
    if (!known) {
      const labels = { group, version, resource };
      this.#watchedKinds.set(key, (known = { events: this.#watchEvents.labels(labels), sizes: this.#watchSizes.labels(labels) }));
    }
    known.events.inc(changes);
    for (let i = 0; i < changes; i++) known.sizes.observe(bytes / changes);
  }

  handshakeFailed(): void {
    this.#handshakes.inc();
  }

  /** Where others publish theirs. */
  get register(): Metrics {
    return this.#metrics;
  }

  async answer(): Promise<Answer> {
    return { type: 'text', code: 200, contentType: this.#metrics.contentType, body: (await this.#metrics.metrics()) + ((await this.others?.metrics()) ?? '') };
  }
}

/**
 * What the process uses, read when it is asked for. prom-client's own default metrics measure all the time: their timer
 * wakes the process a hundred times a second, which is most of what an idle engine does.
 */
function describeProcess(metrics: Metrics): void {
  const registers = [metrics];
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge('process_resident_memory_bytes', 'Resident memory size in bytes.', () => process.memoryUsage.rss());
  gauge('process_heap_bytes', 'Process heap size in bytes.', () => process.memoryUsage().heapUsed);
  gauge('process_start_time_seconds', 'Start time of the process since unix epoch in seconds.', () => Math.round(performance.timeOrigin / 1000));
  // Where the kernel says so.
  if (process.platform === 'linux') {
    gauge('process_open_fds', 'Number of open file descriptors.', () => readdirSync('/proc/self/fd').length);
    gauge('process_max_fds', 'Maximum number of open file descriptors.', () => Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]));
    gauge('process_virtual_memory_bytes', 'Virtual memory size in bytes.', () => Number(/^VmSize:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024);
  }
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'Total user and system CPU time spent in seconds.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
}
