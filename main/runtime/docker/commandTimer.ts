import type { Clock, Timer } from '../../util/clock.ts';

export type CommandState = 'waiting' | 'running' | 'ended';

/** How long an engine may take to begin a command, and to say that it has ended. Milliseconds. */
const patience = 30_000;
const shortestStep = 50;

/**
 * Gives a command its time from when it runs: an engine that is busy takes long to begin one, and that is not its fault.
 * containerd counts in the same way (internal/cri/server/container_execsync.go, execInternal).
 */
export class CommandTimer {
  /** Resolves when the command has had its time, or the engine never began it. */
  readonly over: Promise<void>;
  #end = () => {};
  #timers: Timer[] = [];
  #cancelled = false;

  constructor(
    private readonly clock: Clock,
    private readonly timeoutMs: number,
  ) {
    this.over = new Promise((resolve) => (this.#end = resolve));
    this.#after(timeoutMs + patience, this.#end);
  }

  /** The engine was told to begin: whether it has is looked at every quarter of the time, which is how exactly it is kept. */
  begin(state: () => Promise<CommandState>): void {
    const look = () => state().catch(() => 'waiting' as const);
    this.#after(Math.max(shortestStep, this.timeoutMs / 4), async () => {
      const found = await look();
      if (found === 'waiting') this.begin(state);
      // One that has ended by then is not late, however long the engine takes to tell.
      else if (found === 'running') this.#after(this.timeoutMs, async () => (await look()) !== 'ended' && this.#end());
    });
  }

  cancel(): void {
    this.#cancelled = true;
    for (const timer of this.#timers) timer.cancel();
  }

  #after(ms: number, what: () => unknown): void {
    if (!this.#cancelled) this.#timers.push(this.clock.setTimer(ms, what));
  }
}
