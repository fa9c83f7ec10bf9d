import type { StoredEvent } from './entry.ts';

/** Where a store's writes go before they count, and where old events are read back from. */
export interface Journal {
  /**
   * Resolves when the events are durable, or, with how many, the first of them. Called one at a time; a failure is final, but
   * for a NoSpaceError (nothing of them is kept), an UnavailableError (what is kept will be told as what others write), a
   * TooLargeError (of the first event) and an OvertakenError (the core was given what others wrote).
   */
  append(events: readonly StoredEvent[]): Promise<number | void>;
  /** Makes a compaction durable, like `append`. */
  compact(revision: number): Promise<void>;
  /** Events with a greater revision can be read back. */
  readonly oldest: number;
  /**
   * Events of (after, to], oldest first, in handy portions. `after` must not lie before `oldest` when it begins;
   * throws CompactedError when they are taken away meanwhile.
   */
  read(after: number, to: number): AsyncIterable<StoredEvent[]>;
  /** The newest revision of which it is known, without reading, that it was written before `time`. */
  newestBefore(time: number): number;
  /** Nobody will ask for events up to `revision` again. */
  release(revision: number): void;
  /** Called when a flush has been committed: a moment for work in the background. */
  committed(): void;
  close(): Promise<void>;
  /** Bytes that the store takes up on its disk; absent where it has none. */
  size?(): Promise<number>;
  /** Why it can take nothing, as far as it knows by itself. */
  readonly problem?: Error | undefined;
  /** Where others write to the same journal: resolves when the core has all that was written before the call, or that revision, or waited for it in vain. */
  fresh?(revision: number | undefined): Promise<void>;
  /** Called when the core's revision has changed. */
  reached?(): void;
}
