import type { Cause, Entry, StoreEvent } from './index.ts';

/**
 * An entry as the store keeps it. Its memo can be taken away, once for all when the entry is replaced
 * (`retire`), or to make room (`forget`), so that parsed objects do not pile up beside the serialized ones.
 */
export class StoredEntry implements Entry {
  #memo: unknown = undefined;
  #keeper: MemoKeeper | undefined;
  /** Read since the keeper looked last. */
  used = false;

  constructor(
    readonly key: string,
    readonly value: string,
    readonly createRevision: number,
    readonly modRevision: number,
    readonly cause: Cause,
    keeper: MemoKeeper | undefined,
  ) {
    this.#keeper = keeper;
  }

  get memo(): unknown {
    this.used = true;
    return this.#memo;
  }

  set memo(memo: unknown) {
    if (!this.#keeper || (this.#memo === undefined && memo !== undefined && !this.#keeper.offer(this))) return;
    this.#memo = memo;
  }

  /** Keeps the memo of a write: its readers come at once. */
  remember(memo: unknown): void {
    if (!this.#keeper || memo === undefined) return;
    this.#keeper.add(this);
    this.#memo = memo;
  }

  forget(): void {
    this.#memo = undefined;
    this.#keeper?.remove(this);
  }

  /** Drops the memo and takes no other. */
  retire(): void {
    this.forget();
    this.#keeper = undefined;
  }
}

export interface StoredEvent extends StoreEvent {
  readonly entry: StoredEntry;
  readonly previous: StoredEntry | undefined;
}

/** With all room taken, one memo of so many is let in. */
const admission = 16;

/**
 * Bounds what memos may hold: a parsed object weighs several times its text. When the texts behind the memos pass
 * the budget, the oldest memo that was not used since the last round goes (second chance).
 */
export class MemoKeeper {
  readonly #entries = new Set<StoredEntry>();
  #held = 0;

  #refused = 0;

  /** `budget` counts characters of value. */
  constructor(private readonly budget: number) {}

  /**
   * Whether a reader's memo is kept. When all room is taken most are not: a reader that goes through more than fits would
   * otherwise push out every memo just before it comes by again.
   */
  offer(entry: StoredEntry): boolean {
    if (this.#held + entry.value.length > this.budget && ++this.#refused % admission !== 0) return false;
    this.add(entry);
    return true;
  }

  add(entry: StoredEntry): void {
    entry.used = false;
    this.#entries.add(entry);
    this.#held += entry.value.length;
    if (this.#held <= this.budget) return;
    for (const oldest of this.#entries) {
      if (this.#held <= this.budget || oldest === entry) return;
      if (oldest.used) {
        oldest.used = false;
        this.#entries.delete(oldest);
        this.#entries.add(oldest);
      } else oldest.forget();
    }
  }

  remove(entry: StoredEntry): void {
    if (this.#entries.delete(entry)) this.#held -= entry.value.length;
  }
}
