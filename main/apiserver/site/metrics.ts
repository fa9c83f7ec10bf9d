import { readdirSync, readFileSync } from 'node:fs';
import { Counter, Gauge, Registry as Metrics } from 'prom-client';
import { featureStages, knownFeatureGates, type FeatureGates } from '../../api/featureGates.ts';
import type { Store } from '../../store/index.ts';
import type { Clock } from '../../util/clock.ts';
import { Counts, Distributions, type Count, type Distribution } from '../../util/series.ts';
import type { Aggregator } from '../aggregation/index.ts';
import type { RequestInfo } from '../auth/types.ts';
import type { Answer } from '../call.ts';
import type { Served, ServedObserver } from '../http/server.ts';
import { isStream } from '../longRunning.ts';
import { shownScope, shownVerb } from '../requestLabels.ts';
import { rootOf } from '../registry/keys.ts';
import type { ResourceTable } from '../registry/resources.ts';
import type { VersionInfo } from './index.ts';

/** Anybody can have any name; those few have one of their own (upstream: compressUsername). */
function shownUser(name: string): string {
  if (name === 'admin' || name === 'system:admin' || name === 'client' || name === 'system:anonymous' || /^system:(apiserver|kube-[\w-]+)$/.test(name)) return name;
  return name.includes('@') ? 'email_id' : 'other';
}

/** Milliseconds for which a store may look how large it is, until it is not told. */
const sizeTimeout = 1000;

/** What there is of each kind, counted when it is asked for. */
export function describeStorage(resources: ResourceTable, store: Store, clock: Clock, metrics: Metrics): void {
  const registers = [metrics];
  new Gauge({
    name: 'apiserver_storage_size_bytes',
    help: 'Bytes that the store takes up on the disk where it is kept.',
    labelNames: ['storage_cluster_id'],
    registers,
    async collect() {
      this.reset();
      const late = new AbortController();
      const size = await Promise.race([store.size(), clock.sleep(sizeTimeout, late.signal).then(() => undefined)]).catch(() => undefined);
      late.abort();
      if (size !== undefined) this.set({ storage_cluster_id: 'etcd-0' }, size);
    },
  });
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

/** The gates that can be switched here, and whether they are (upstream: component-base/metrics/prometheus/feature). */
export function describeFeatures(gates: FeatureGates, metrics: Metrics): void {
  const enabled = new Gauge({ name: 'kubernetes_feature_enabled', help: 'Feature gates that can be switched: 1 for those that are on.', labelNames: ['name', 'stage'], registers: [metrics] });
  for (const name of knownFeatureGates) enabled.set({ name, stage: featureStages[name] }, gates[name] ? 1 : 0);
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

/** Requests that are alike, and where they are counted. */
interface Kind {
  requests: Count;
  durations: Distribution;
  serviceTimes: Distribution;
  sizes?: Distribution;
  bodySizes?: Distribution;
}

/** Components that requests are told apart by, if their user agents have a version (upstream: MonitorRequest). */
const systemClients = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'cluster-policy-controller'];
const systemClientOf = (userAgent: string) => systemClients.find((name) => userAgent.startsWith(name) && userAgent[name.length] === '/') ?? '';

/** Counts and times requests under Kubernetes' own metric names (upstream: endpoints/metrics/metrics.go). */
export class RequestMetrics implements ServedObserver {
  readonly #metrics = new Metrics();
  readonly #requests = new Counts(this.#metrics, { name: 'apiserver_request_total', help: 'Requests by verb, resource and HTTP status code.' });
  readonly #durations = new Distributions(this.#metrics, {
    name: 'apiserver_request_duration_seconds',
    help: 'How long requests took, without watches and streams.',
    buckets: [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60],
  });
  readonly #serviceTimes = new Distributions(this.#metrics, {
    name: 'apiserver_request_sli_duration_seconds',
    help: 'How long requests took, less what they waited for their turn and for webhooks.',
    buckets: [0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60],
  });
  readonly #sizes = new Distributions(this.#metrics, {
    name: 'apiserver_response_sizes',
    help: 'Bytes of the answers to requests that read.',
    buckets: [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9],
  });
  readonly #bodySizes = new Distributions(this.#metrics, {
    name: 'apiserver_request_body_size_bytes',
    help: 'Bytes of the bodies of requests.',
    buckets: Array.from({ length: 31 }, (_, i) => 50_000 + 100_000 * i),
  });
  readonly #watchEvents = new Counts(this.#metrics, { name: 'apiserver_watch_events_total', help: 'Changes that were sent to those who watch.' });
  readonly #watchSizes = new Distributions(this.#metrics, {
    name: 'apiserver_watch_events_sizes',
    help: 'Bytes of changes that were sent to those who watch; of those that went together each counts for its share.',
    buckets: [1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072],
  });
  readonly #watchLists = new Distributions(this.#metrics, {
    name: 'apiserver_watch_list_duration_seconds',
    help: 'How long it took until those who watch were sent what there was at the beginning.',
    buckets: [0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8, 10, 15, 20, 30, 45, 60],
  });
  readonly #certificates = new Distributions(this.#metrics, {
    name: 'apiserver_client_certificate_expiration_seconds',
    help: 'How long the certificates of clients that ask are still good.',
    buckets: [0, 1800, 3600, 7200, 21_600, 43_200, 86_400, 172_800, 345_600, 604_800, 2_592_000, 7_776_000, 15_552_000, 31_104_000],
  });
  readonly #deprecated = new Gauge({
    name: 'apiserver_requested_deprecated_apis',
    help: 'Deprecated kinds that have been asked for.',
    labelNames: ['group', 'version', 'resource', 'subresource', 'removed_release'],
    registers: [this.#metrics],
  });
  readonly #handshakes = new Counter({ name: 'apiserver_tls_handshake_errors_total', help: 'TLS handshakes that failed.', registers: [this.#metrics] });
  readonly #authentications = new Counts(this.#metrics, { name: 'authentication_attempts', help: 'Requests by whether it became clear who asks.' });
  readonly #users = new Counts(this.#metrics, { name: 'authenticated_user_requests', help: 'Requests by who asks.' });
  readonly #authorizations = new Counts(this.#metrics, { name: 'authorization_attempts_total', help: 'Requests by whether they were allowed.' });
  readonly #known = new Map<string, Kind>();
  readonly #authenticated = { success: this.#authentications.series({ result: 'success' }), failure: this.#authentications.series({ result: 'failure' }) };
  readonly #authorized = { allowed: this.#authorizations.series({ result: 'allowed' }), denied: this.#authorizations.series({ result: 'denied' }) };
  readonly #byUser = new Map<string, Count>();
  readonly #certificateTimes = this.#certificates.series({});

  readonly #watchedKinds = new Map<string, { events: Count; sizes: Distribution }>();

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

  observe({ info, user, method, contentType, userAgent, dryRun, code, milliseconds, waited, denied, size, bodySize, certificateEnds, at, deprecated }: Served): void {
    const { verb, group, version, resource, subresource } = info;
    const scope = shownScope(info);
    // Anybody can ask for any path: what is not there counts as one.
    const what = info.isResourceRequest ? subresource : code === 404 ? '' : info.path;
    const shown = shownVerb(method, info, contentType);
    const systemClient = systemClientOf(userAgent);
    const key = `${systemClient} ${dryRun} ${shown} ${verb} ${group} ${version} ${resource} ${what} ${scope} ${code}`;
    let known = this.#known.get(key);
    if (!known) {
      const ofSizes = { verb: shown, group, version, resource, subresource: what, scope, component: 'apiserver' };
      const labels = { verb: shown, dry_run: dryRun, group, version, resource, subresource: what, scope, component: 'apiserver' };
      known = {
        requests: this.#requests.series({ ...labels, code: String(code), system_client: systemClient }),
        durations: this.#durations.series(labels),
        serviceTimes: this.#serviceTimes.series(ofSizes),
        ...(verb === 'get' || verb === 'list' ? { sizes: this.#sizes.series(ofSizes) } : {}),
        ...(info.isResourceRequest ? { bodySizes: this.#bodySizes.series({ group, resource, verb }) } : {}),
      };
      this.#known.set(key, known);
    }
    known.requests.add();
    // Without a user nothing was asked of the authorizer.
    this.#authenticated[user ? 'success' : 'failure'].add();
    if (user) {
      this.#countUser(shownUser(user.name));
      this.#authorized[denied ? 'denied' : 'allowed'].add();
    }
    if (verb !== 'watch' && !isStream(info)) {
      known.durations.add(milliseconds / 1000);
      if (!dryRun) known.serviceTimes.add(Math.max(0, milliseconds - waited) / 1000);
    }
    if (size !== undefined) known.sizes?.add(size);
    if (bodySize) known.bodySizes?.add(bodySize);
    if (certificateEnds !== undefined) this.#certificateTimes.add((certificateEnds - at) / 1000);
    if (deprecated) this.#deprecated.set({ group, version, resource, subresource, removed_release: '' }, 1);
  }

  watched({ group, version, resource }: RequestInfo, changes: number, bytes: number): void {
    const key = `${group} ${version} ${resource}`;
    let known = this.#watchedKinds.get(key);
    if (!known) {
      const labels = { group, version, resource };
      this.#watchedKinds.set(key, (known = { events: this.#watchEvents.series(labels), sizes: this.#watchSizes.series(labels) }));
    }
    known.events.add(changes);
    known.sizes.add(bytes / changes, changes);
  }

  listed(info: RequestInfo, milliseconds: number): void {
    const { group, version, resource } = info;
    this.#watchLists.series({ group, version, resource, scope: shownScope(info) }).add(milliseconds / 1000);
  }

  handshakeFailed(): void {
    this.#handshakes.inc();
  }

  #countUser(username: string): void {
    let count = this.#byUser.get(username);
    if (!count) this.#byUser.set(username, (count = this.#users.series({ username })));
    count.add();
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
