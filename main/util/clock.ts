import { performance } from 'node:perf_hooks';

/** A pending timer; cancelling one that has fired does nothing. */
export interface Timer {
  cancel(): void;
}

/**
 * The only source of time for the rooms of main. It is chosen once, in cluster.ts; tests give a fake one.
 * All durations are milliseconds.
 */
export interface Clock {
  /** Wall-clock time, milliseconds since the epoch. */
  now(): number;
  /** Milliseconds from an arbitrary start; never goes back. */
  monotonic(): number;
  /** Calls `fn` once, `ms` from now. A timer never keeps the process alive by itself. */
  setTimer(ms: number, fn: () => void): Timer;
  /** Resolves `ms` from now, or rejects with the signal's reason as soon as it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** The share of the last moments (some fifth of a second) that this thread was at work, 0 to 1. */
  busy(): number;
}

/** Resolves after `ms` on `clock`; the building block of every Clock's `sleep`. */
export function sleepOn(clock: Pick<Clock, 'setTimer'>, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      timer.cancel();
      reject(signal!.reason);
    };
    const timer = clock.setTimer(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Milliseconds; for a longer time Node would not wait at all. */
const longest = 2 ** 31 - 1;

/** Milliseconds over which `busy` looks back, or since it was last asked where that is longer. */
const lookBack = 200;
let looked = performance.eventLoopUtilization();
let lookedAt = performance.now();
let busyShare = 0;

/** The machine's own clock. */
export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(ms, fn) {
    let handle: ReturnType<typeof setTimeout>;
    const arm = (left: number) => {
      handle = setTimeout(() => (left > longest ? arm(left - longest) : fn()), Math.min(left, longest));
      handle.unref?.();
    };
    arm(ms);
    return { cancel: () => clearTimeout(handle) };
  },
  sleep(ms, signal) {
    return sleepOn(this, ms, signal);
  },
  busy() {
    const at = performance.now();
    if (at - lookedAt >= lookBack) {
      const now = performance.eventLoopUtilization();
      busyShare = performance.eventLoopUtilization(now, looked).utilization;
      [looked, lookedAt] = [now, at];
    }
    return busyShare;
  },
};
