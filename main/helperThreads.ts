import { readdirSync } from 'node:fs';
import os from 'node:os';
import { setFlagsFromString } from 'node:v8';

/** The least that Linux gives a thread that wants to run: a sixtieth of what the others have. */
const { PRIORITY_LOW } = os.constants.priority;

/**
 * Lets the threads on which V8 compiles and collects step back behind the one that answers requests: on a machine of two processors a
 * burst right after the start has half a dozen of them compile at once, and every request then waits for its turn. Called before
 * anything else has made threads, so that all there are but the first are V8's. Elsewhere than on Linux priorities are those of
 * processes; in the app they are Chromium's, which serve the window as well.
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
    return readdirSync('/proc/self/task').map(Number).filter((thread) => thread !== process.pid);
  } catch {
    return [];
  }
}
