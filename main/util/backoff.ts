import type { Clock } from './clock.ts';

/** How a key's waiting time grows with its failures. Milliseconds. */
export interface BackoffPolicy {
  initial: number;
  max: number;
  factor: number;
  /** A key that has been left alone this long starts again at `initial`; not less than `max`. */
  resetAfter: number;
}

/**
 * Waiting times by key, each failure doubling (by `factor`) up to a maximum.
 * Mirrors k8s.io/client-go/util/flowcontrol/backoff.go (without jitter).
 */
export class Backoff {
  /** Those that failed longest ago first. */
  readonly #entries = new Map<string, { wait: number; last: number }>();

  constructor(
    private readonly policy: BackoffPolicy,
    private readonly clock: Clock,
  ) {}

  /** Counts one more failure of `key` and returns how long to wait, from now, before the next try. */
  next(key: string): number {
    const now = this.clock.now();
    const entry = this.#entries.get(key);
    const wait =
      entry && now - entry.last <= this.policy.resetAfter
        ? Math.min(entry.wait * this.policy.factor, this.policy.max)
        : this.policy.initial;
    this.#entries.delete(key);
    this.#entries.set(key, { wait, last: now });
    this.#forgetOld(now);
    return wait;
  }

  /** Of keys that nobody asks for again nothing is kept for ever. */
  #forgetOld(now: number): void {
    for (const [key, { last }] of this.#entries) {
      if (now - last <= this.policy.resetAfter) return;
      this.#entries.delete(key);
    }
  }

  /** Milliseconds from now until `key` may be tried again; 0 when it may at once. */
  remaining(key: string): number {
    const entry = this.#entries.get(key);
    return entry ? Math.max(0, entry.last + entry.wait - this.clock.now()) : 0;
  }

  /** Forgets `key`: its next failure counts as the first. */
  reset(key: string): void {
    this.#entries.delete(key);
  }
}
