import { collectDefaultMetrics, Counter, Histogram, Registry as Metrics } from 'prom-client';
import type { Answer } from '../call.ts';
import type { Served } from '../http/server.ts';
import { isStream } from '../inflight.ts';

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
    collectDefaultMetrics({ register: this.#metrics });
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

  async answer(): Promise<Answer> {
    return { type: 'text', code: 200, contentType: this.#metrics.contentType, body: await this.#metrics.metrics() };
  }
}
