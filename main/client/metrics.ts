import { Gauge, type Registry } from 'prom-client';
import type { Clock } from '../util/clock.ts';
import { Counts, Distributions, type Count, type Distribution } from '../util/series.ts';

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
  readonly #adds: Counts;
  readonly #retries: Counts;
  readonly #waits: Distributions;
  readonly #works: Distributions;
  readonly #requests: Counts;
  readonly #latencies: Distributions;
  /** By method and code. */
  readonly #known = new Map<string, { requests: Count; latencies: Distribution }>();

  constructor(
    register: Registry,
    private readonly clock: Clock,
    /** Where the requests go. */
    private readonly host: string,
  ) {
    this.#adds = new Counts(register, { name: 'workqueue_adds_total', help: 'Keys that were put into the queue.' });
    this.#retries = new Counts(register, { name: 'workqueue_retries_total', help: 'Keys that were put into the queue again after a failure.' });
    this.#waits = new Distributions(register, { name: 'workqueue_queue_duration_seconds', help: 'How long keys lay in the queue.', buckets: durations });
    this.#works = new Distributions(register, { name: 'workqueue_work_duration_seconds', help: 'How long the work on a key took.', buckets: durations });
    this.#gauge(register, 'workqueue_depth', 'Keys that lie in the queue.', (queue) => queue.length);
    this.#gauge(register, 'workqueue_unfinished_work_seconds', 'For how long all work that is under way has been, together.', (queue) => this.#ages(queue).reduce((sum, age) => sum + age, 0));
    this.#gauge(register, 'workqueue_longest_running_processor_seconds', 'For how long the oldest work that is under way has been.', (queue) => Math.max(0, ...this.#ages(queue)));
    this.#requests = new Counts(register, { name: 'rest_client_requests_total', help: 'Requests by status code, method and host.' });
    this.#latencies = new Distributions(register, {
      name: 'rest_client_request_duration_seconds', help: 'How long requests took, by verb and host.',
      buckets: [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60],
    });
  }

  /** A queue of a name that was there before takes its place. */
  queue(name: string, queue: MeasuredQueue): QueueObserver {
    this.#queues.set(name, queue);
    const [adds, retries, waits, works] = [this.#adds.series({ name }), this.#retries.series({ name }), this.#waits.series({ name }), this.#works.series({ name })];
    // What has not happened yet has happened no times.
    adds.add(0);
    retries.add(0);
    return {
      added: () => adds.add(),
      retried: () => retries.add(),
      taken: (waited) => waits.add(waited / 1000),
      done: (worked) => works.add(worked / 1000),
    };
  }

  request(method: string, code: number, started: number): void {
    const key = `${method} ${code}`;
    let known = this.#known.get(key);
    if (!known) {
      const { host } = this;
      known = { requests: this.#requests.series({ code: String(code), host, method }), latencies: this.#latencies.series({ host, verb: method }) };
      this.#known.set(key, known);
    }
    known.requests.add();
    known.latencies.add((this.clock.monotonic() - started) / 1000);
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
