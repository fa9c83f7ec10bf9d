import { readdirSync } from 'node:fs';
import os from 'node:os';
import { setFlagsFromString } from 'node:v8';

/** The least that Linux gives a thread that wants to run: a sixtieth of what the others have. */
const { PRIORITY_LOW } = os.constants.priority;

/**
 * Lets the threads on which V8 compiles and collects step back behind the one that answers requests: on a machine of two processors a
 * burst right after the start has half a dozen of them compile at once, and every request then waits for its turn. Those that read and
 * write files stay as they are: an answered write waits for them. Elsewhere than on Linux priorities are those of processes; in the
 * app they are Chromium's, which serve the window as well.
 */
export function helpersStepBack(threads: Iterable<number> = helperThreads(), setPriority: (thread: number, priority: number) => void = os.setPriority): void {
  for (const thread of threads) {
    try {
      setPriority(thread, PRIORITY_LOW);
    } catch {
      // It has ended, or the system does not let a process do so: it runs as it did.
    }
  }
}

/**
 * Called when a start is over (see loader.ts): the main thread moves what is new by itself. It would wait in the middle of that for
 * helpers that a busy machine lets run last.
 */
export function collectAlone(): void {
  if (process.platform === 'linux') setFlagsFromString('--no-parallel-scavenge');
}

function helperThreads(): number[] {
  if (process.platform !== 'linux') return [];
  try {
    return threadsOfV8(readdirSync('/proc/self/task').map(Number), process.pid);
  } catch {
    return [];
  }
}

/** Node makes V8's threads before all others: one for what is due later, and a pool of four. */
const v8Threads = 5;

/** V8's own among a process's threads, of which `main` is the first. */
export function threadsOfV8(threads: readonly number[], main: number): number[] {
  return threads.filter((thread) => thread !== main).toSorted((a, b) => a - b).slice(0, v8Threads);
}
