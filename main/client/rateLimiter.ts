import type { Clock } from '../util/clock.ts';

/** How long a key has to wait before its next try. Mirrors k8s.io/client-go/util/workqueue/default_rate_limiters.go. */
export interface RateLimiter {
  /** Counts a try of `key`; milliseconds until it may run. */
  when(key: string): number;
  /** `key` succeeded, or is given up. */
  forget(key: string): void;
  /** How often `key` has been counted since it was last forgotten. */
  requeues(key: string): number;
}

/** `base`·2^failures milliseconds, at most `max`. */
export class ItemExponentialFailureRateLimiter implements RateLimiter {
  readonly #failures = new Map<string, number>();

  constructor(
    private readonly base: number,
    private readonly max: number,
  ) {}

  when(key: string): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    return Math.min(this.base * 2 ** failures, this.max);
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }

  requeues(key: string): number {
    return this.#failures.get(key) ?? 0;
  }
}

/** A bucket of tokens, refilled at `perSecond`; whoever finds it empty reserves a token that is to come. */
export class TokenBucket {
  #tokens: number;
  #last: number;

  constructor(
    private readonly perSecond: number,
    private readonly burst: number,
    private readonly clock: Clock,
  ) {
    this.#tokens = burst;
    this.#last = clock.monotonic();
  }

  /** Takes a token, now or from the future; milliseconds until it is there. */
  reserve(): number {
    this.#refill();
    this.#tokens--;
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.perSecond) * 1000;
  }

  /** Takes a token if one is there. */
  tryTake(): boolean {
    this.#refill();
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  #refill(): void {
    const now = this.clock.monotonic();
    this.#tokens = Math.min(this.burst, this.#tokens + ((now - this.#last) / 1000) * this.perSecond);
    this.#last = now;
  }
}

/** 5 ms doubling up to `longest` (1000 s) a key, and ten a second with a burst of a hundred over all keys: whichever waits longer. */
export class DefaultControllerRateLimiter implements RateLimiter {
  readonly #items: ItemExponentialFailureRateLimiter;
  readonly #bucket: TokenBucket;

  constructor(clock: Clock, longest = 1_000_000) {
    this.#items = new ItemExponentialFailureRateLimiter(5, longest);
    this.#bucket = new TokenBucket(10, 100, clock);
  }

  when(key: string): number {
    return Math.max(this.#items.when(key), this.#bucket.reserve());
  }

  forget(key: string): void {
    this.#items.forget(key);
  }

  requeues(key: string): number {
    return this.#items.requeues(key);
  }
}
