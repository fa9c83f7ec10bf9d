import { Counter, Gauge, Histogram, Registry as Metrics } from 'prom-client';
import type { Answer } from '../call.ts';
import type { Served } from '../http/server.ts';
import { isStream } from '../longRunning.ts';

/** Counts and times requests under Kubernetes' own metric names (upstream: endpoints/metrics/metrics.go). */
export class RequestMetrics {
  readonly #metrics = new Metrics();
  readonly #requests = new Counter({
    name: 'apiserver_request_total',
    help: 'Requests by verb, resource and HTTP status code.',
    labelNames: ['verb', 'group', 'version', 'resource', 'subresource', 'code'],
    registers: [this.#metrics],
  });
  readonly #durations = new Histogram({
    name: 'apiserver_request_duration_seconds',
    help: 'How long requests took, without watches and streams.',
    labelNames: ['verb', 'group', 'resource'],
    buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 30],
    registers: [this.#metrics],
  });
  // Children are looked up once a kind of request: hashing labels for every request costs more than the rest.
  readonly #known = new Map<string, { requests: Counter.Internal; durations: Histogram.Internal<string> }>();

  constructor() {
    describeProcess(this.#metrics);
  }

  observe({ info, code, milliseconds }: Served): void {
    const { verb, group, version, resource, subresource } = info;
    const key = `${verb} ${group} ${version} ${resource} ${subresource} ${code}`;
    let known = this.#known.get(key);
    if (!known) {
      known = {
        requests: this.#requests.labels({ verb, group, version, resource, subresource, code: String(code) }),
        durations: this.#durations.labels({ verb, group, resource }),
      };
      this.#known.set(key, known);
    }
    known.requests.inc();
    if (verb !== 'watch' && !isStream(info)) known.durations.observe(milliseconds / 1000);
  }

  /** Where others publish theirs. */
  get register(): Metrics {
    return this.#metrics;
  }

  async answer(): Promise<Answer> {
    return { type: 'text', code: 200, contentType: this.#metrics.contentType, body: await this.#metrics.metrics() };
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
