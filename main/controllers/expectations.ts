import type { Clock } from '../util/clock.ts';

const timeout = 5 * 60_000;

/**
 * What a controller has set in motion and not yet seen in its cache. Until it has, the cache is too old to count by:
 * acting on it would create or delete twice. Mirrors ControllerExpectations of pkg/controller/controller_utils.go.
 */
export class Expectations {
  readonly #entries = new Map<string, { creations: number; deletions: Set<string>; since: number }>();

  constructor(private readonly clock: Clock) {}

  /** Whether everything expected of `key` has been seen, or has been waited for too long. */
  satisfied(key: string): boolean {
    const entry = this.#entries.get(key);
    if (!entry) return true;
    return (entry.creations <= 0 && entry.deletions.size === 0) || this.clock.monotonic() - entry.since > timeout;
  }

  expectCreations(key: string, count: number): void {
    this.#entries.set(key, { creations: count, deletions: new Set(), since: this.clock.monotonic() });
  }

  expectDeletions(key: string, uids: string[]): void {
    this.#entries.set(key, { creations: 0, deletions: new Set(uids), since: this.clock.monotonic() });
  }

  /** Both at once. */
  expect(key: string, creations: number, deletions: string[]): void {
    this.#entries.set(key, { creations, deletions: new Set(deletions), since: this.clock.monotonic() });
  }

  creationObserved(key: string): void {
    const entry = this.#entries.get(key);
    if (entry) entry.creations--;
  }

  deletionObserved(key: string, uid: string): void {
    this.#entries.get(key)?.deletions.delete(uid);
  }

  forget(key: string): void {
    this.#entries.delete(key);
  }
}
