import { Backoff } from './backoff.ts';
import type { Clock, Timer } from './clock.ts';
import type { Logger } from './log.ts';

export interface FanOutOptions<T> {
  clock: Clock;
  log: Logger;
  /** Who wants to know. */
  targets(): string[];
  /** What a target is to know now; undefined: nothing yet. */
  compute(target: string): T | undefined;
  /** Tells a target; what it rejects is tried again, each time after a longer wait. */
  sink(target: string, value: T): Promise<void>;
}

/** Milliseconds: changes that come together go together; a target is not told more often than that. */
const gatherMs = 10;
const minIntervalMs = 100;
const retry = { initial: 500, max: 10_000, factor: 2, resetAfter: 60_000 };

interface Target {
  /** What it was told last, as JSON; undefined when that is not certain. */
  told?: string;
  /** What it is being told now is lost on it. */
  lost: boolean;
  telling: boolean;
  /** Something changed while it was being told. */
  again: boolean;
  timer?: { at: number; timer: Timer };
  lastStart: number;
}

/**
 * Keeps several targets up to date with a value that is computed from changing things: tells a target only when its
 * value is another one, one value at a time, and of many quick changes only the last.
 */
export class FanOut<T> {
  readonly #targets = new Map<string, Target>();
  readonly #backoff: Backoff;
  #stopped = false;

  constructor(private readonly options: FanOutOptions<T>) {
    this.#backoff = new Backoff(retry, options.clock);
  }

  /** Something that values are computed from has changed. */
  changed(): void {
    const wanted = new Set(this.options.targets());
    for (const [name, target] of this.#targets)
      if (!wanted.has(name)) {
        target.timer?.timer.cancel();
        this.#targets.delete(name);
      }
    for (const name of wanted) this.#schedule(name, gatherMs);
  }

  /** A target no longer knows what it was told: tell it at once. */
  refresh(name: string): void {
    const target = this.#targets.get(name);
    if (target) {
      target.told = undefined;
      target.lost = true;
    }
    this.#backoff.reset(name);
    if (this.options.targets().includes(name)) this.#schedule(name, 0);
  }

  stop(): void {
    this.#stopped = true;
    for (const { timer } of this.#targets.values()) timer?.timer.cancel();
    this.#targets.clear();
  }

  #schedule(name: string, wait: number): void {
    if (this.#stopped) return;
    const { clock } = this.options;
    let target = this.#targets.get(name);
    if (!target)
      this.#targets.set(name, (target = { lost: false, telling: false, again: false, lastStart: -Infinity }));
    if (target.telling) {
      target.again = true;
      return;
    }
    const now = clock.monotonic();
    const at = wait === 0 ? now : Math.max(now + wait, target.lastStart + minIntervalMs);
    if (target.timer) {
      if (target.timer.at <= at) return;
      target.timer.timer.cancel();
    }
    target.timer = { at, timer: clock.setTimer(at - now, () => void this.#tell(name, target)) };
  }

  async #tell(name: string, target: Target): Promise<void> {
    target.timer = undefined;
    target.telling = true;
    target.again = false;
    target.lost = false;
    target.lastStart = this.options.clock.monotonic();
    let wait = gatherMs;
    try {
      const value = this.options.compute(name);
      const text = value === undefined ? undefined : JSON.stringify(value);
      if (value !== undefined && text !== target.told) {
        target.told = undefined;
        await this.options.sink(name, value);
        if (!target.lost) target.told = text;
      }
      this.#backoff.reset(name);
    } catch (error) {
      this.options.log.debug('a target could not be told, will try again', { target: name, error: String(error) });
      target.again = true;
      wait = this.#backoff.next(name);
    } finally {
      target.telling = false;
      if (target.again && this.#targets.get(name) === target) this.#schedule(name, wait);
    }
  }
}
