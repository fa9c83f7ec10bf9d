import type { Clock, Timer } from '../util/clock.ts';
import { noLog, type Logger } from '../util/log.ts';
import type { ClientMetrics, QueueObserver } from './metrics.ts';
import { DefaultControllerRateLimiter, type RateLimiter } from './rateLimiter.ts';

/**
 * Keys that want work. A key is queued at most once, is never handed out twice at once, and one that is added while
 * it is being worked on comes again afterwards. Mirrors k8s.io/client-go/util/workqueue (queue, delaying_queue,
 * rate_limiting_queue).
 */
export class WorkQueue {
  /** In order of arrival; `dirty` without those in `processing`. */
  #queue: string[] = [];
  #head = 0;
  /** Since when. */
  readonly #dirty = new Map<string, number>();
  /** Since when. */
  readonly #processing = new Map<string, number>();
  readonly #waiting = new Map<string, { at: number; timer: Timer }>();
  readonly #getters: ((key: string | undefined) => void)[] = [];
  readonly #limiter: RateLimiter;
  readonly #log: Logger;
  readonly #observer: QueueObserver | undefined;
  #shuttingDown = false;
  #drained: (() => void)[] = [];

  constructor(
    private readonly clock: Clock,
    options: { rateLimiter?: RateLimiter; log?: Logger; /** Under which name it is measured, and by whom. */ measured?: { name: string; by: ClientMetrics } } = {},
  ) {
    this.#observer = options.measured?.by.queue(options.measured.name, this);
    this.#limiter = options.rateLimiter ?? new DefaultControllerRateLimiter(clock);
    this.#log = options.log ?? noLog;
  }

  /** Keys that wait for a worker, without those that wait for time. */
  get length(): number {
    return this.#queue.length - this.#head;
  }

  /** When work began that has not ended, on the clock that never goes back. */
  underWay(): Iterable<number> {
    return this.#processing.values();
  }

  get shuttingDown(): boolean {
    return this.#shuttingDown;
  }

  add(key: string): void {
    if (this.#shuttingDown || this.#dirty.has(key)) return;
    this.#dirty.set(key, this.clock.monotonic());
    this.#observer?.added();
    if (this.#processing.has(key)) return;
    const getter = this.#getters.shift();
    if (getter) {
      this.#take(key);
      getter(key);
    } else this.#queue.push(key);
  }

  /** Adds `key` once `ms` have passed; of several waits for one key the earliest counts. */
  addAfter(key: string, ms: number): void {
    if (this.#shuttingDown) return;
    if (ms <= 0) return this.add(key);
    const at = this.clock.monotonic() + ms;
    const waiting = this.#waiting.get(key);
    if (waiting) {
      if (waiting.at <= at) return;
      waiting.timer.cancel();
    }
    const timer = this.clock.setTimer(ms, () => {
      this.#waiting.delete(key);
      this.add(key);
    });
    this.#waiting.set(key, { at, timer });
  }

  /** Adds `key` when its failures so far allow it. */
  addRateLimited(key: string): void {
    this.#observer?.retried();
    this.addAfter(key, this.#limiter.when(key));
  }

  /** `key` has no failures any more. */
  forget(key: string): void {
    this.#limiter.forget(key);
  }

  /** How often `key` was added rate limited since it was last forgotten. */
  requeues(key: string): number {
    return this.#limiter.requeues(key);
  }

  /** The next key, as soon as there is one; undefined once the queue is shut down and empty. Call `done` for each. */
  get(): Promise<string | undefined> {
    if (this.#head < this.#queue.length) {
      const key = this.#queue[this.#head++]!;
      if (this.#head > 1024 && this.#head * 2 > this.#queue.length) {
        this.#queue = this.#queue.slice(this.#head);
        this.#head = 0;
      }
      this.#take(key);
      return Promise.resolve(key);
    }
    if (this.#shuttingDown) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#getters.push(resolve));
  }

  /** The work on `key` has ended, well or not. */
  done(key: string): void {
    const since = this.#processing.get(key);
    if (since !== undefined) this.#observer?.done(this.clock.monotonic() - since);
    this.#processing.delete(key);
    if (this.#dirty.has(key)) {
      const getter = this.#getters.shift();
      if (getter) {
        this.#take(key);
        getter(key);
      } else this.#queue.push(key);
    }
    this.#checkDrained();
  }

  /**
   * Works with up to `workers` keys at once until the queue is shut down. A sync that throws is tried again, rate
   * limited; one that resolves is forgotten. Resolves when the last sync has ended.
   */
  async run(workers: number, sync: (key: string) => Promise<void>): Promise<void> {
    const work = async () => {
      for (let key = await this.get(); key !== undefined; key = await this.get()) {
        try {
          await sync(key);
          this.forget(key);
        } catch (error) {
          this.#log.warn('sync failed, will try again', { key, error: String(error), tries: this.requeues(key) + 1 });
          this.addRateLimited(key);
        } finally {
          this.done(key);
        }
      }
    };
    await Promise.all(Array.from({ length: workers }, work));
  }

  /** Takes nothing more; keys that wait for time are dropped, keys already queued are still handed out. */
  shutDown(): void {
    this.#shuttingDown = true;
    for (const { timer } of this.#waiting.values()) timer.cancel();
    this.#waiting.clear();
    for (const getter of this.#getters.splice(0)) getter(undefined);
    this.#checkDrained();
  }

  /** Shuts down, dropping what is queued, and resolves when nothing is being worked on any more. */
  async stop(): Promise<void> {
    this.#queue = [];
    this.#head = 0;
    this.#dirty.clear();
    this.shutDown();
    if (this.#processing.size > 0) await new Promise<void>((resolve) => this.#drained.push(resolve));
  }

  #take(key: string): void {
    const now = this.clock.monotonic();
    this.#observer?.taken(now - (this.#dirty.get(key) ?? now));
    this.#dirty.delete(key);
    this.#processing.set(key, now);
  }

  #checkDrained(): void {
    if (this.#shuttingDown && this.#processing.size === 0) for (const resolve of this.#drained.splice(0)) resolve();
  }
}
