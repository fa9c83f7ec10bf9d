import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Clock } from './util/clock.ts';

/** The process itself, or what a test has in its place. */
export interface Process {
  /** What it holds of the machine's memory, bytes. */
  memory(): number;
  /** The share of the time since the last call that it was at work, 0 to 1. */
  busy(): number;
  /** Finds what nobody holds any more, in all its memory or only in that of new objects. */
  collect(where: 'everywhere' | 'among the new'): void;
}

const interval = 5_000;
/** A process that is less at work than this is at rest. */
const rest = 0.1;
/** Looks in a row that must find it at rest. */
const looks = 2;
/** Bytes that are worth it. */
const worth = 12 * 1024 * 1024;
/** V8 makes the room for new objects small when it has been found to be little used for some seconds. */
const steps = ['everywhere', 'among the new', 'among the new'] as const;

/**
 * Gives memory back after a start or a burst of work: by itself V8 keeps what it once took until there is new work. It is
 * done once for each rise, and only where nobody waits for the process. Returns what ends it.
 */
export function tidyAtRest(clock: Clock, process: Process = thisProcess()): () => void {
  let settled = 0;
  let resting = 0;
  let step = 0;
  const look = () => {
    timer = clock.setTimer(interval, look);
    resting = process.busy() < rest ? resting + 1 : 0;
    if (resting < looks) step = 0;
    else if (step === steps.length) {
      // What was given back is gone from the process a moment later.
      settled = process.memory();
      step = 0;
    } else if (step > 0 || process.memory() >= settled + worth) process.collect(steps[step++]!);
  };
  let timer = clock.setTimer(interval, look);
  return () => timer.cancel();
}

function thisProcess(): Process {
  let last = performance.eventLoopUtilization();
  return {
    memory: () => process.memoryUsage.rss(),
    busy() {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, last);
      last = now;
      return utilization;
    },
    collect: collector(),
  };
}

/** V8's own collector, which scripts are given only under a flag, and only in a context made under it; nothing where there is none. */
export function collector(): Process['collect'] {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('globalThis.gc') as ((how?: { type: 'minor' }) => void) | undefined;
  setFlagsFromString('--no-expose-gc');
  return (where) => (where === 'everywhere' ? collect?.() : collect?.({ type: 'minor' }));
}
