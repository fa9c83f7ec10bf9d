import type { Causes } from './causes.ts';
import { StoredEntry, type MemoKeeper, type StoredEvent } from './entry.ts';
import { ClosedError, CompactedError, ConflictError, FutureRevisionError, NoSpaceError, OvertakenError, StoreFailedError, TooLargeError, UnavailableError } from './errors.ts';
import type { DeleteOptions, Encode, Entry, ListOptions, ListResult, Store, StoreEvent, Watch, WatchOptions, WriteOptions } from './index.ts';
import type { Journal } from './journal.ts';
import { RecentEvents } from './recentEvents.ts';
import { prefixEnd, SortedEntries } from './sortedEntries.ts';
import { Watches } from './watches.ts';
import type { Clock, Timer } from '../util/clock.ts';

/** How much of the past is kept. What any of the limits rules out is compacted. */
export interface HistoryLimits {
  /** Milliseconds; default an hour. */
  maxAge?: number;
  /** How many revisions; default 100,000. */
  maxRevisions?: number;
  /** How much of the history stays in memory, bytes (roughly); default 4 MiB. */
  memoryBytes?: number;
}

/** What a store begins with. */
export interface StartState {
  revision: number;
  compacted: number;
  entries: Iterable<StoredEntry>;
}

export interface CoreOptions {
  clock: Clock;
  history?: HistoryLimits;
  /** Where memos of live entries are counted. */
  memos: MemoKeeper;
  causes: Causes;
  journal: Journal;
  start: StartState;
  /** When the writes that came together are flushed: called once for the first of them. */
  gather(flush: () => void): void;
}

/** What another engine wrote; what it replaced is for the core to know. */
export type ForeignEvent = Omit<StoredEvent, 'previous'>;

/** What was asked for. */
interface Write {
  readonly type: StoreEvent['type'];
  readonly key: string;
  readonly make: Encode;
  readonly options: WriteOptions;
  /** Whether it was judged by everything that had been written when it came. */
  certain?: boolean;
  readonly resolve: (entry: StoredEntry | undefined) => void;
  readonly reject: (error: unknown) => void;
}

interface Pending {
  readonly write: Write;
  readonly event: StoredEvent;
  readonly batch: Batch;
}

/** A write that changes nothing because of one under way; what it is told holds once that one can be read. */
interface Loser {
  readonly write: Write;
  tell(): void;
}

/** Writes that become durable together. */
class Batch {
  readonly writes: Pending[] = [];
  readonly losers: Loser[] = [];
}

interface Compaction {
  readonly revision: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

const retentionInterval = 60_000;

/**
 * The store but for the disk: keys in memory, revisions, compare-and-swap, group commit, watches and history.
 * A write is checked against the newest write of its key, durable or not, and becomes visible when the journal has it.
 */
export class StoreCore implements Store {
  readonly #clock: Clock;
  readonly #journal: Journal;
  readonly #memos: MemoKeeper;
  readonly #limits: Required<HistoryLimits>;
  readonly #gather: CoreOptions['gather'];
  readonly #keys = new SortedEntries();
  readonly #recent: RecentEvents;
  readonly #watches: Watches;
  /** The newest write of each key that is not durable yet. */
  readonly #pending = new Map<string, Pending>();
  readonly #causes: Causes;
  #batch = new Batch();
  #compactions: Compaction[] = [];
  /** Durable compactions that wait until the watches have heard of what came before. */
  #compacting: Compaction[] = [];
  #liveChars = 0;
  #assigned: number;
  #revision: number;
  #compacted: number;
  #flushing: Promise<void> | undefined;
  #failed: StoreFailedError | undefined;
  /** Why the last writes failed, where later ones may not. */
  #trouble: NoSpaceError | undefined;
  /** While the journal has a part of a batch: nothing else may become visible. */
  #appending = false;
  /** What others wrote meanwhile. */
  #arrived: ForeignEvent[] = [];
  #closed: Promise<void> | undefined;
  #heard: number;
  #retention: Timer | undefined;
  /** Which revision was the newest at which time, the oldest first. */
  readonly #marks: { time: number; revision: number }[] = [];

  constructor(options: CoreOptions) {
    this.#clock = options.clock;
    this.#journal = options.journal;
    this.#memos = options.memos;
    this.#causes = options.causes;
    this.#gather = options.gather;
    this.#limits = {
      maxAge: options.history?.maxAge ?? 3_600_000,
      maxRevisions: options.history?.maxRevisions ?? 100_000,
      memoryBytes: options.history?.memoryBytes ?? 4 * 1024 * 1024,
    };
    const { revision, compacted, entries } = options.start;
    for (const entry of entries) {
      this.#keys.set(entry);
      this.#liveChars += entry.value.length;
    }
    this.#assigned = this.#revision = this.#heard = revision;
    this.#compacted = compacted;
    this.#recent = new RecentEvents(revision);
    const recent = this.#recent;
    const current = () => this.#revision;
    this.#watches = new Watches(
      {
        get revision() {
          return current();
        },
        get recentBase() {
          return recent.base;
        },
        recent: (after, to) => recent.between(after, to),
        older: (after) => this.#older(after),
      },
      this.#clock,
      () => this.#idle(),
    );
    this.#mark();
    this.#retainLater();
  }

  get revision(): number {
    return this.#revision;
  }

  get compactedRevision(): number {
    return this.#compacted;
  }

  get problem(): Error | undefined {
    return this.#failed ?? this.#trouble ?? this.#journal.problem;
  }

  get(key: string): Promise<Entry | undefined> {
    if (this.#closed) return Promise.reject(new ClosedError());
    return Promise.resolve(this.#keys.get(key));
  }

  fresh(revision?: number): Promise<void> {
    if (this.#closed) return Promise.reject(new ClosedError());
    return this.#journal.fresh?.(revision) ?? Promise.resolve();
  }

  count(prefix: string): number {
    return this.#keys.count(prefix, prefixEnd(prefix));
  }

  async size(): Promise<number | undefined> {
    if (this.#closed) throw new ClosedError();
    return this.#journal.size?.();
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ListResult> {
    if (this.#closed) throw new ClosedError();
    const from = options.start !== undefined && options.start > prefix ? options.start : prefix;
    const end = prefixEnd(prefix);
    const limit = options.limit || Infinity;
    if (options.revision === undefined || options.revision === this.#revision) {
      const entries = this.#keys.range(from, end, limit);
      const remaining = entries.length < limit ? 0 : this.#keys.count(from, end) - entries.length;
      return { entries, revision: this.#revision, more: remaining > 0, remaining };
    }
    const before = await this.#valuesAt(prefix, options.revision);
    const past = [...before.values()].filter((entry) => entry !== undefined && entry.key >= from) as StoredEntry[];
    past.sort((a, b) => (a.key < b.key ? -1 : 1));
    // A page needs no more than itself of what is behind it: a client that goes through a large collection while others write asks often.
    const all = mergeSorted(this.#keys.range(from, end, limit, before), past);
    const entries = all.length > limit ? all.slice(0, limit) : all;
    const remaining = entries.length < limit ? 0 : this.#keys.count(from, end) - this.#living(before, from) + past.length - entries.length;
    return { entries, revision: options.revision, more: remaining > 0, remaining };
  }

  /** How many of these keys, from `from` on, are there now. */
  #living(keys: ReadonlyMap<string, unknown>, from: string): number {
    let count = 0;
    for (const key of keys.keys()) if (key >= from && this.#keys.get(key)) count++;
    return count;
  }

  put(key: string, encode: Encode, options: WriteOptions): Promise<Entry> {
    return this.#write('put', key, encode, options) as Promise<Entry>;
  }

  delete(key: string, options: DeleteOptions): Promise<Entry | undefined> {
    return this.#write('delete', key, options.tombstone, options);
  }

  #write(type: StoreEvent['type'], key: string, make: Encode, options: WriteOptions): Promise<Entry | undefined> {
    return new Promise((resolve, reject) => this.#take({ type, key, make, options, resolve, reject }));
  }

  /** Checks a write against the newest one of its key and lets it become part of the batch. */
  #take(write: Write): void {
    const refusal = this.#refusal();
    if (refusal) return write.reject(refusal);
    const { type, key, make, options } = write;
    const pending = this.#pending.get(key);
    const previous = pending ? living(pending.event) : this.#keys.get(key);
    if (options.expected !== undefined && (options.expected !== (previous?.modRevision ?? 0) || (type === 'delete' && !previous)))
      return this.#lose(pending, { write, tell: () => write.reject(new ConflictError(key, previous)) });
    if (type === 'delete' && !previous) return this.#lose(pending, { write, tell: () => write.resolve(undefined) });
    try {
      const revision = this.#assigned + 1;
      const entry = new StoredEntry(
        previous?.key ?? key,
        make(revision),
        previous?.createRevision ?? revision,
        revision,
        this.#causes.of(options.cause.who, options.cause.revision),
        this.#memos,
      );
      if (options.memo) entry.remember(options.memo(revision));
      this.#enqueue(write, { type, time: this.#clock.now(), entry, previous });
    } catch (error) {
      write.reject(error);
    }
  }

  watch(prefix: string, options: WatchOptions): Watch {
    if (this.#closed) throw new ClosedError();
    if (this.#failed) throw this.#failed;
    const after = options.after ?? this.#revision;
    this.#check(after);
    return this.#watches.add(prefix, after, options);
  }

  async history(options: { after: number; to?: number; prefix?: string; limit?: number }): Promise<StoreEvent[]> {
    if (this.#closed) throw new ClosedError();
    this.#check(options.after);
    const to = Math.min(options.to ?? this.#revision, this.#revision);
    const limit = options.limit || Infinity;
    const found: StoreEvent[] = [];
    const take = (events: readonly StoredEvent[]) => {
      for (const event of events) {
        if (found.length >= limit || event.entry.modRevision > to) return;
        if (options.prefix === undefined || event.entry.key.startsWith(options.prefix)) found.push(event);
      }
    };
    let cursor = options.after;
    if (cursor < Math.min(to, this.#recent.base))
      for await (const events of this.#older(cursor)) {
        take(events);
        cursor = events.at(-1)!.entry.modRevision;
        if (found.length >= limit || cursor >= to) return found;
      }
    if (cursor < to) take(this.#recent.between(cursor, to));
    return found;
  }

  compact(revision: number): Promise<void> {
    const refusal = this.#refusal();
    if (refusal) return Promise.reject(refusal);
    if (revision > this.#revision) return Promise.reject(new FutureRevisionError(revision, this.#revision));
    if (revision <= this.#compacted) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#compactions.push({ revision, resolve, reject });
      this.#schedule();
    });
  }

  close(): Promise<void> {
    return (this.#closed ??= (async () => {
      this.#retention?.cancel();
      await this.#flushing;
      for (const compaction of this.#compacting.splice(0)) compaction.resolve();
      this.#watches.end(new ClosedError());
      await this.#journal.close();
    })());
  }

  /** How long all live values are together, characters. */
  get liveChars(): number {
    return this.#liveChars;
  }

  /** All live entries, in order, as of now. For snapshots. */
  entries(): StoredEntry[] {
    return this.#keys.all();
  }

  #refusal(): Error | undefined {
    return this.#closed ? new ClosedError() : this.#failed;
  }

  /** Throws unless `revision` can be read at or watched from. */
  #check(revision: number): void {
    if (revision > this.#revision) throw new FutureRevisionError(revision, this.#revision);
    if (revision < this.#compacted) throw new CompactedError(revision, this.#compacted);
  }

  /**
   * Whoever loses against a write under way is told when that write can be read, so that reading again helps. Where others
   * write as well, the key may be another than is known here: who would lose tries once more when that is certain.
   */
  #lose(pending: Pending | undefined, loser: Loser): void {
    const { write } = loser;
    if (pending) pending.batch.losers.push(loser);
    else if (!this.#journal.fresh || write.certain) loser.tell();
    else {
      write.certain = true;
      this.#journal.fresh(undefined).then(() => this.#take(write), write.reject);
    }
  }

  #enqueue(write: Write, event: StoredEvent): void {
    this.#assigned = event.entry.modRevision;
    const pending: Pending = { write, event, batch: this.#batch };
    this.#batch.writes.push(pending);
    this.#pending.set(event.entry.key, pending);
    this.#schedule();
  }

  /**
   * Takes in what others wrote, in order and without a gap; what is known already is passed over. What has been
   * accepted on top of the state before is judged anew.
   */
  ingest(events: readonly ForeignEvent[]): void {
    if (this.#appending) this.#arrived.push(...events);
    else if (this.#absorb(events)) this.#redo(this.#batch);
  }

  /** Whether there was anything new. */
  #absorb(events: readonly ForeignEvent[]): boolean {
    const news = events.filter(({ entry }) => entry.modRevision > this.#revision);
    if (news.length === 0) return false;
    for (const event of news) this.#apply({ ...event, previous: this.#keys.get(event.entry.key) });
    this.#journal.reached?.();
    this.#watches.wake();
    return true;
  }

  /** Begins anew from another state, since the way to it from this one is not known: who watches must list again. */
  restart({ revision, compacted, entries }: StartState): void {
    this.#arrived = [];
    this.#keys.clear();
    this.#liveChars = 0;
    for (const entry of entries) {
      this.#keys.set(entry);
      this.#liveChars += entry.value.length;
    }
    this.#revision = this.#heard = revision;
    this.#compacted = Math.max(compacted, revision);
    this.#recent.restart(revision);
    this.#watches.endBehind(revision, (asked) => new CompactedError(asked, this.#compacted));
    if (!this.#appending) this.#redo(this.#batch);
    this.#journal.reached?.();
  }

  /** Looks anew how far back the history reaches. */
  reconsider(): void {
    this.#watches.wake();
  }

  /** Nothing that is written from now on can be told from what was there: the store is of no use any more. */
  fail(error: Error): void {
    this.#fail(this.#batch, error);
  }

  #schedule(): void {
    this.#flushing ??= new Promise<void>((resolve) => this.#gather(() => void this.#flush().then(resolve)));
  }

  /** Flushes until nothing waits: what arrives during one flush makes up the next. Never rejects. */
  async #flush(): Promise<void> {
    while (this.#batch.writes.length > 0 || this.#compactions.length > 0) {
      const batch = this.#batch;
      const compactions = this.#compactions;
      this.#batch = new Batch();
      this.#compactions = [];
      try {
        await this.#append(batch);
        for (const compaction of compactions) await this.#journal.compact(compaction.revision);
        this.#compacting.push(...compactions);
        this.#watches.wake();
      } catch (error) {
        this.#compactions.push(...compactions);
        this.#fail(batch, error);
        this.ingest(this.#arrived.splice(0));
      }
    }
    this.#flushing = undefined;
  }

  /** Resolves when all writes of the batch are durable, or have been judged anew because others wrote meanwhile. */
  async #append(batch: Batch): Promise<void> {
    while (batch.writes.length > 0) {
      let asAssigned = true;
      this.#appending = true;
      try {
        const count = (await this.#journal.append(batch.writes.map((write) => write.event))) ?? batch.writes.length;
        this.#trouble = undefined;
        this.#commit(batch.writes.splice(0, count));
      } catch (error) {
        asAssigned = false;
        if (error instanceof TooLargeError) batch.writes.shift()!.write.reject(error);
        else if (!(error instanceof OvertakenError)) throw error;
      } finally {
        this.#appending = false;
      }
      if (this.#absorb(this.#arrived.splice(0)) || !asAssigned) return this.#redo(batch, this.#batch);
    }
    for (const loser of batch.losers) loser.tell();
  }

  #apply(event: StoredEvent): void {
    if (event.type === 'put') this.#keys.set(event.entry);
    else this.#keys.delete(event.entry.key);
    this.#liveChars += (event.type === 'put' ? event.entry.value.length : 0) - (event.previous?.value.length ?? 0);
    this.#recent.push(event);
    this.#revision = event.entry.modRevision;
  }

  #commit(writes: readonly Pending[]): void {
    for (const pending of writes) {
      const { event } = pending;
      this.#apply(event);
      if (this.#pending.get(event.entry.key) === pending) this.#pending.delete(event.entry.key);
      pending.write.resolve(event.entry);
    }
    this.#journal.reached?.();
    this.#watches.wake();
  }

  /** Judges everything in the batches anew, and what was lost against it. */
  #redo(...batches: Batch[]): void {
    this.#assigned = this.#revision;
    if (batches.every(({ writes, losers }) => writes.length + losers.length === 0)) return;
    this.#batch = new Batch();
    this.#pending.clear();
    for (const { writes } of batches)
      for (const { write, event } of writes) {
        event.entry.retire();
        this.#take(write);
      }
    for (const { losers } of batches) for (const { write } of losers) this.#take(write);
  }

  /**
   * What was not acknowledged may or may not be on the disk: nothing may be built on it, so no write is taken any more.
   * Where it is known that nothing is, because there was no room, or whoever keeps the store tells what there is, later writes are tried again.
   */
  #fail(batch: Batch, error: unknown): void {
    if (error instanceof NoSpaceError) this.#trouble = error;
    else if (!(error instanceof UnavailableError)) this.#failed ??= new StoreFailedError(error);
    const failed = this.#failed ?? (error as Error);
    for (const { writes, losers } of new Set([batch, this.#batch])) {
      // Some of the batch's writes may have been committed before something else failed; rejecting those again is without effect.
      for (const { write, event } of writes) {
        if (event.entry.modRevision > this.#revision) event.entry.retire();
        write.reject(failed);
      }
      for (const { write } of losers) write.reject(failed);
    }
    for (const compaction of this.#compactions) compaction.reject(failed);
    this.#batch = new Batch();
    this.#compactions = [];
    this.#pending.clear();
    this.#assigned = this.#revision;
    if (this.#failed) this.#watches.end(this.#failed);
  }

  /** The watches have heard of everything: what was kept for them may go. */
  #idle(): void {
    for (const event of this.#recent.between(Math.max(this.#heard, this.#recent.base), this.#revision)) {
      event.previous?.retire();
      if (event.type === 'delete') event.entry.retire();
    }
    this.#heard = this.#revision;
    this.#retain();
    this.#journal.committed();
  }

  #retainLater(): void {
    this.#retention = this.#clock.setTimer(retentionInterval, () => {
      this.#watches.wake();
      this.#mark();
      this.#retainLater();
    });
  }

  #mark(): void {
    const time = this.#clock.now();
    while (this.#marks.length > 0 && this.#marks[0]!.time < time - this.#limits.maxAge) this.#marks.shift();
    this.#marks.push({ time, revision: this.#revision });
  }

  isOutdated(revision: number, age: number): boolean {
    const before = this.#clock.now() - age;
    return this.#marks.some((mark) => mark.time < before && mark.revision > revision);
  }

  /** Applies the limits and the compactions that were asked for. */
  #retain(): void {
    const asked = this.#compacting.splice(0);
    const tooOld = this.#clock.now() - this.#limits.maxAge;
    const compacted = Math.max(
      this.#compacted,
      this.#revision - this.#limits.maxRevisions,
      this.#recent.base === this.#revision || this.#recent.newestBefore(tooOld) === this.#recent.base
        ? this.#journal.newestBefore(tooOld)
        : this.#recent.newestBefore(tooOld),
      ...asked.map((compaction) => compaction.revision),
    );
    this.#recent.trim(this.#limits.memoryBytes, compacted);
    this.#compacted = Math.max(compacted, Math.min(this.#recent.base, this.#journal.oldest));
    this.#watches.endBehind(this.#compacted, (revision) => new CompactedError(revision, this.#compacted));
    this.#journal.release(this.#compacted);
    for (const compaction of asked) compaction.resolve();
  }

  /** The events behind `after` up to those in memory. */
  async *#older(after: number): AsyncGenerator<StoredEvent[]> {
    let cursor = after;
    while (cursor < this.#recent.base) {
      if (cursor < this.#compacted) throw new CompactedError(cursor, this.#compacted);
      for await (const events of this.#journal.read(cursor, this.#recent.base)) {
        cursor = events.at(-1)!.entry.modRevision;
        yield events;
      }
    }
  }

  /** What the keys with this prefix that were written after `revision` held then; undefined: they did not exist. */
  async #valuesAt(prefix: string, revision: number): Promise<Map<string, StoredEntry | undefined>> {
    this.#check(revision);
    const values = new Map<string, StoredEntry | undefined>();
    const take = (events: readonly StoredEvent[]) => {
      for (const { entry, previous } of events)
        if (entry.key.startsWith(prefix) && !values.has(entry.key)) values.set(entry.key, previous);
    };
    let cursor = revision;
    for await (const events of this.#older(cursor)) {
      take(events);
      cursor = events.at(-1)!.entry.modRevision;
    }
    take(this.#recent.between(cursor, this.#revision));
    return values;
  }
}

function living(event: StoredEvent): StoredEntry | undefined {
  return event.type === 'put' ? event.entry : undefined;
}

function mergeSorted(a: readonly StoredEntry[], b: readonly StoredEntry[]): StoredEntry[] {
  if (b.length === 0) return a as StoredEntry[];
  const merged: StoredEntry[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) merged.push(a[i]!.key < b[j]!.key ? a[i++]! : b[j++]!);
  while (i < a.length) merged.push(a[i++]!);
  while (j < b.length) merged.push(b[j++]!);
  return merged;
}
