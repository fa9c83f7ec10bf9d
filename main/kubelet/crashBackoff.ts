import type { Clock } from '../util/clock.ts';

const initialMs = 10_000;
const maxMs = 300_000;

/**
 * How long containers that end again and again have to wait: the first restart is at once, then 10 s, doubled up to
 * 5 min, counted from the container's end. Who runs for ten minutes starts afresh.
 * Mirrors the use of k8s.io/client-go/util/flowcontrol/backoff.go in kuberuntime_manager.go (doBackOff).
 */
export class CrashBackoff {
  readonly #entries = new Map<string, { wait: number; updated: number }>();

  constructor(private readonly clock: Clock) {}

  /** Milliseconds that a container which ended at `finishedAt` still has to wait, and the whole wait; 0: none. */
  remaining(key: string, finishedAt: number): { remaining: number; wait: number } {
    const entry = this.#entries.get(key);
    if (!entry || finishedAt - entry.updated > 2 * maxMs) return { remaining: 0, wait: 0 };
    return { remaining: Math.max(0, finishedAt + entry.wait - this.clock.now()), wait: entry.wait };
  }

  /** The container is started again now. */
  next(key: string, finishedAt: number): void {
    const entry = this.#entries.get(key);
    const fresh = !entry || finishedAt - entry.updated > 2 * maxMs;
    this.#entries.set(key, { wait: fresh ? initialMs : Math.min(entry.wait * 2, maxMs), updated: this.clock.now() });
  }

  forget(prefix: string): void {
    for (const key of this.#entries.keys()) if (key.startsWith(prefix)) this.#entries.delete(key);
  }
}
