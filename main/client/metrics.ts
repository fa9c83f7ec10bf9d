import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Clock } from '../util/clock.ts';

/** What a queue looks like to who measures it; times on the clock that never goes back. */
export interface MeasuredQueue {
  readonly length: number;
  /** When work began that has not ended. */
  underWay(): Iterable<number>;
}

/** Told by one queue of what happens in it; milliseconds. */
export interface QueueObserver {
  added(): void;
  taken(waited: number): void;
  done(worked: number): void;
  retried(): void;
}

// Ten nanoseconds and nine powers of ten from there.
const durations = Array.from({ length: 10 }, (_, i) => Number(`1e${i - 8}`));

/**
 * Work queues and requests of the components of this process, under the names that client-go's have
 * (component-base/metrics/prometheus/{workqueue,restclient}).
 */
export class ClientMetrics {
  readonly #queues = new Map<string, MeasuredQueue>();
  readonly #adds: Counter<'name'>;
  readonly #retries: Counter<'name'>;
  readonly #waits: Histogram<'name'>;
  readonly #works: Histogram<'name'>;
  readonly #requests: Counter<'code' | 'host' | 'method'>;
  readonly #latencies: Histogram<'host' | 'verb'>;

  constructor(
    register: Registry,
    private readonly clock: Clock,
    /** Where the requests go. */
    private readonly host: string,
  ) {
    const registers = [register];
    const labelNames = ['name'] as const;
    this.#adds = new Counter({ name: 'workqueue_adds_total', help: 'Keys that were put into the queue.', labelNames, registers });
    this.#retries = new Counter({ name: 'workqueue_retries_total', help: 'Keys that were put into the queue again after a failure.', labelNames, registers });
    this.#waits = new Histogram({ name: 'workqueue_queue_duration_seconds', help: 'How long keys lay in the queue.', labelNames, registers, buckets: durations });
    this.#works = new Histogram({ name: 'workqueue_work_duration_seconds', help: 'How long the work on a key took.', labelNames, registers, buckets: durations });
    this.#gauge(register, 'workqueue_depth', 'Keys that lie in the queue.', (queue) => queue.length);
    this.#gauge(register, 'workqueue_unfinished_work_seconds', 'For how long all work that is under way has been, together.', (queue) => this.#ages(queue).reduce((sum, age) => sum + age, 0));
    this.#gauge(register, 'workqueue_longest_running_processor_seconds', 'For how long the oldest work that is under way has been.', (queue) => Math.max(0, ...this.#ages(queue)));
    this.#requests = new Counter({ name: 'rest_client_requests_total', help: 'Requests by status code, method and host.', labelNames: ['code', 'host', 'method'], registers });
    this.#latencies = new Histogram({
      name: 'rest_client_request_duration_seconds', help: 'How long requests took, by verb and host.', labelNames: ['host', 'verb'], registers,
      buckets: [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60],
    });
  }

  /** A queue of a name that was there before takes its place. */
  queue(name: string, queue: MeasuredQueue): QueueObserver {
    this.#queues.set(name, queue);
    const [adds, retries, waits, works] = [this.#adds.labels(name), this.#retries.labels(name), this.#waits.labels(name), this.#works.labels(name)];
    // What has not happened yet has happened no times.
    adds.inc(0);
    retries.inc(0);
    return {
      added: () => adds.inc(),
      retried: () => retries.inc(),
      taken: (waited) => waits.observe(waited / 1000),
      done: (worked) => works.observe(worked / 1000),
    };
  }

  request(method: string, code: number, started: number): void {
    this.#requests.inc({ code: String(code), host: this.host, method });
    this.#latencies.observe({ host: this.host, verb: method }, (this.clock.monotonic() - started) / 1000);
  }

  /** On the clock that `request` measures by. */
  now(): number {
    return this.clock.monotonic();
  }

  #ages(queue: MeasuredQueue): number[] {
    const now = this.clock.monotonic();
    return [...queue.underWay()].map((since) => (now - since) / 1000);
  }

  #gauge(register: Registry, name: string, help: string, read: (queue: MeasuredQueue) => number): void {
    const queues = this.#queues;
    new Gauge({
      name,
      help,
      labelNames: ['name'],
      registers: [register],
      collect() {
        for (const [queue, measured] of queues) this.set({ name: queue }, read(measured));
      },
    });
  }
}
