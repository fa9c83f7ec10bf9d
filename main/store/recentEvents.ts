import type { StoredEvent } from './entry.ts';

/** What an event's objects weigh beside its strings; a rough figure, in bytes. */
const eventWeight = 240;

/**
 * The newest events, in memory, one a revision without a gap: the event of revision `base + 1` first.
 * An event weighs what nobody else keeps: the value that it replaced and, for a delete, the tombstone's.
 */
export class RecentEvents {
  #events: (StoredEvent | undefined)[] = [];
  #head = 0;
  #base: number;
  #weight = 0;

  constructor(base: number) {
    this.#base = base;
  }

  /** Events with a greater revision are here. */
  get base(): number {
    return this.#base;
  }

  get weight(): number {
    return this.#weight;
  }

  get length(): number {
    return this.#events.length - this.#head;
  }

  /** Forgets everything and begins behind another revision. */
  restart(base: number): void {
    this.#events = [];
    this.#head = this.#weight = 0;
    this.#base = base;
  }

  push(event: StoredEvent): void {
    this.#events.push(event);
    this.#weight += weigh(event);
  }

  /** Events of (after, to]; `after` must not lie before `base`. */
  between(after: number, to: number): StoredEvent[] {
    const from = this.#head + (after - this.#base);
    return this.#events.slice(from, from + Math.max(0, to - after)) as StoredEvent[];
  }

  /** Lets go of the oldest events until the rest weighs no more than `budget`, and of all up to `revision`. */
  trim(budget: number, revision: number): void {
    while (this.length > 0 && (this.#weight > budget || this.#base < revision)) {
      this.#weight -= weigh(this.#events[this.#head]!);
      // A gone event must not keep its strings alive until the array is cut.
      this.#events[this.#head++] = undefined;
      this.#base++;
    }
    if (this.length === 0 && this.#base < revision) this.#base = revision;
    if (this.#head > 256 && this.#head * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#head);
      this.#head = 0;
    }
  }

  /** The newest revision written before `time`, or `base` where all are younger. */
  newestBefore(time: number): number {
    let low = this.#head;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#events[middle]!.time < time) low = middle + 1;
      else high = middle;
    }
    return this.#base + (low - this.#head);
  }
}

function weigh(event: StoredEvent): number {
  return eventWeight + (event.previous?.value.length ?? 0) + (event.type === 'delete' ? event.entry.value.length : 0);
}
