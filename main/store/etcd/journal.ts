import type { Causes } from '../causes.ts';
import type { StoreCore, StartState } from '../core.ts';
import type { MemoKeeper, StoredEvent } from '../entry.ts';
import { CompactedError, CorruptionError, NoSpaceError, OvertakenError, TooLargeError, UnavailableError } from '../errors.ts';
import type { Journal } from '../journal.ts';
import type { Clock } from '../../util/clock.ts';
import type { Logger } from '../../util/log.ts';
import { code, EtcdError, type Channel } from './channel.ts';
import { Feed } from './feed.ts';
import { eventsOf, groupsOf, lacksPrevious, pastEventsOf, type Group } from './groups.ts';
import type { Keyspace } from './keyspace.ts';
import { compactRequest, databaseSize, methods, rangeRequest, rangeResponse, responseHeader, statusRequest, TxnRequest, txnResponse, watchRequest, watchResponse, type KeyValue, type ResponseHeader } from './messages.ts';
import { Positions, type Position } from './positions.ts';
import { headOf, journalRecord, writeRecord, type JournalRecord } from './record.ts';

/** etcd takes 128 operations in a transaction (--max-txn-ops); one is the journal's. */
const mostWrites = 127;
/** Of the 1.5 MiB of a request (--max-request-bytes). */
const mostBytes = 1024 * 1024;
/** How long a write may go on without an answer, milliseconds. */
const patience = 10_000;
/** How long a read waits until others' writes have come, milliseconds. Upstream: storage/cacher (blockTimeout). */
const freshness = 3_000;
const firstRetry = 20;
const longestRetry = 500;
/** How often history that nobody will ask for is compacted in etcd, milliseconds. Upstream: storagebackend.DefaultCompactInterval. */
const compactionInterval = 5 * 60_000;

export interface EtcdJournalOptions {
  channel: Channel;
  keyspace: Keyspace;
  clock: Clock;
  log: Logger;
  causes: Causes;
  memos: MemoKeeper;
  /** Tells this engine's writes from those of others. */
  writer: string;
  /** The cluster that was read from. */
  clusterId: string;
  /** Reads everything anew. */
  load(): Promise<Loaded>;
}

/** What stood in etcd at one of its revisions. */
export interface Loaded extends StartState {
  /** etcd's revision. */
  at: number;
  clusterId: string;
  /** How often the journal had been written. */
  version: number;
  /** Where the oldest revision that can be read back stands, and the newest. */
  positions: Position[];
  /** Whose the last transaction was, if there was one. */
  author: Author | undefined;
}

/** Tells a transaction from all others. */
type Author = Pick<JournalRecord, 'writer' | 'batch'>;

const tagOf = ({ writer, batch }: Author): string => `${writer} ${batch}`;

/** The transaction under way. */
interface Attempt {
  readonly batch: number;
  /** It has been seen to be done. */
  done: boolean;
  /** Whether it was done is not to be found out. */
  lost: boolean;
}

/**
 * The store's journal in an etcd that others write to as well. Every transaction counts up the version of one key, the
 * journal's, and is done only if nobody else's was done since: so the revision that is written into values is known
 * before, and where it was not, the writes are judged anew on what the others wrote, which one watch brings.
 */
export class EtcdJournal implements Journal {
  readonly #options: EtcdJournalOptions;
  readonly #feed: Feed;
  readonly #positions = new Positions();
  #core: StoreCore | undefined;
  /** The version of the journal up to which everything has been heard. */
  #version = 0;
  /** Where the last transaction that is known stands, and whose it is; undefined: there has been none. */
  #newest: { at: number; author: string | undefined } = { at: 0, author: undefined };
  #oldest = 0;
  #batches = 0;
  #attempt: Attempt | undefined;
  #waiting: (() => void)[] = [];
  #reading: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  /** The newest revision of etcd that an answer told of. */
  #seen = 0;
  #compactedAt = 0;
  #compactLater = 0;
  #failure: Error | undefined;
  #closed = false;

  constructor(options: EtcdJournalOptions) {
    this.#options = options;
    const { channel, keyspace, clock, log } = options;
    this.#feed = new Feed({
      channel,
      keyspace,
      clock,
      log,
      onGroup: (group) => this.#hear(group),
      check: () => this.#checkPast(),
      onCompacted: (revision) => this.#missed(revision),
      onFailure: (error) => this.#fail(error),
    });
  }

  /** Begins to follow etcd from where `loaded` was read. */
  start(core: StoreCore, loaded: Loaded): void {
    this.#core = core;
    this.#compactLater = this.#options.clock.monotonic() + compactionInterval;
    this.#take(loaded);
    this.#feed.start(loaded.at);
  }

  #take({ at, version, compacted, positions, author }: Loaded): void {
    this.#newest = { at: positions.at(-1)!.at, author: author && tagOf(author) };
    this.#seen = Math.max(this.#seen, at);
    this.#version = version;
    this.#oldest = compacted;
    this.#positions.clear();
    for (const position of positions) this.#positions.add(position);
  }

  get oldest(): number {
    return this.#oldest;
  }

  get problem(): Error | undefined {
    const { problem } = this.#feed;
    return this.#failure ?? (problem && new UnavailableError(problem.message));
  }

  async append(events: readonly StoredEvent[]): Promise<number> {
    const { clock } = this.#options;
    const version = this.#version;
    const attempt = (this.#attempt = { batch: ++this.#batches, done: false, lost: false });
    const until = clock.monotonic() + patience;
    let { request, count } = this.#request(events, attempt.batch, mostWrites);
    try {
      for (let wait = firstRetry; ; wait = Math.min(wait * 2, longestRetry)) {
        if (this.#failure) throw this.#failure;
        this.#checkLost(attempt);
        if (attempt.done) return count;
        if (this.#version > version) throw new OvertakenError();
        try {
          const { header, succeeded, range } = txnResponse(await this.#call(methods.txn, request));
          this.#checkLost(attempt);
          if (succeeded) {
            this.#at({ revision: events[count - 1]!.entry.modRevision, at: header.revision, time: events[count - 1]!.time }, version + 1, { writer: this.#options.writer, batch: attempt.batch });
            return count;
          }
          // Unless an attempt before this one was done and its answer lost, somebody was faster.
          const now = range?.kvs[0]?.version ?? 0;
          if (now < version) throw this.#fail(new CorruptionError('the journal of the store in etcd is older than what was read from it'));
          await this.#until(() => this.#version >= now || attempt.lost, until);
        } catch (error) {
          if (!(error instanceof EtcdError)) throw error;
          if (isTooMuch(error)) {
            if (count === 1) throw new TooLargeError(error.message);
            ({ request, count } = this.#request(events, attempt.batch, 1));
          } else if (tells(error, code.resourceExhausted, 'space exceeded')) {
            // etcd says so also of the write that took the last room (server/etcdserver/apply: quotaApplierV3).
            if (!(await this.#isBehind(version))) throw new NoSpaceError(error);
            await this.#until(() => this.#version > version || attempt.lost, until);
          } else if (isFinal(error) || clock.monotonic() >= until) throw new UnavailableError(error.message);
          else await clock.sleep(wait);
        }
      }
    } finally {
      this.#attempt = undefined;
    }
  }

  /** Whether more has been written than `version` counts. */
  async #isBehind(version: number): Promise<boolean> {
    try {
      return ((await this.#read())?.version ?? 0) > version;
    } catch (error) {
      throw error instanceof EtcdError ? new UnavailableError(error.message) : error;
    }
  }

  #checkLost({ lost }: Attempt): void {
    if (lost) throw new UnavailableError('the history was compacted, so it is not known whether the last write was done');
  }

  /** A transaction of the first events, as many as one can hold: no key twice. */
  #request(events: readonly StoredEvent[], batch: number, most: number): { request: Buffer; count: number } {
    const { keyspace, writer } = this.#options;
    const txn = new TxnRequest(keyspace.journal, this.#version);
    const keys = new Set<string>();
    let count = 0;
    let bytes = 0;
    for (const event of events) {
      const { key, value } = event.entry;
      // A tombstone stands in the journal's value.
      bytes += value.length;
      if (count === most || keys.has(key) || (count > 0 && bytes > mostBytes)) break;
      keys.add(key);
      count++;
      if (event.type === 'put') txn.put(keyspace.bytesOf(key), headOf(event.entry), value);
      else txn.delete(keyspace.bytesOf(key));
    }
    const written = events.slice(0, count);
    txn.put(keyspace.journal, JSON.stringify({ revision: written.at(-1)!.entry.modRevision, writer, batch, writes: written.map(writeRecord) }));
    return { request: txn.end(), count };
  }

  /** A transaction was done. */
  #hear(group: Group): void {
    const { record, version } = group;
    const { keyspace, causes, memos, log } = this.#options;
    if (!record) {
      if (version < 0) throw new CorruptionError('the journal of the store was deleted from etcd');
      log.error('somebody else changed keys of the store in etcd; that is not taken over', { keys: [...group.changes.values()].map(({ kv }) => keyspace.textOf(kv.key)).join(' ') });
      return;
    }
    if (version <= this.#version) return;
    if (version !== this.#version + 1) throw new CorruptionError(`the journal of the store in etcd was written ${version} times, and ${this.#version} are known`);
    const attempt = this.#attempt;
    if (attempt && !attempt.lost && record.writer === this.#options.writer && record.batch === attempt.batch) attempt.done = true;
    else this.#core!.ingest(eventsOf(group, keyspace, causes, memos));
    this.#at({ revision: record.revision, at: group.at, time: record.writes.at(-1)![1] }, version, record);
  }

  #at(position: Position, version: number, author: Author): void {
    if (version > this.#version) {
      this.#version = version;
      this.#newest = { at: position.at, author: tagOf(author) };
    }
    this.#positions.add(position);
    this.#wake();
  }

  /** Resolves when `done` holds; rejects with an UnavailableError when the time is up. */
  async #until(done: () => boolean, until: number): Promise<void> {
    const { clock } = this.#options;
    let late = false;
    const timer = clock.setTimer(Math.max(0, until - clock.monotonic()), () => {
      late = true;
      this.#wake();
    });
    try {
      while (!done()) {
        if (this.#failure) throw this.#failure;
        if (late || this.#closed) throw new UnavailableError(this.#feed.problem?.message ?? 'what others wrote does not come');
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
      }
    } finally {
      timer.cancel();
    }
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  reached(): void {
    this.#wake();
  }

  async fresh(revision: number | undefined): Promise<void> {
    const { clock } = this.#options;
    if (this.#failure) throw this.#failure;
    if (revision !== undefined) {
      if (this.#core!.revision >= revision) return;
      return this.#until(() => this.#core!.revision >= revision, clock.monotonic() + freshness).catch((error: unknown) => {
        // Who asked for it looks for itself what there is.
        if (!(error instanceof UnavailableError)) throw error;
      });
    }
    // All who ask while one answer is awaited share the next.
    this.#next ??= (this.#reading?.catch(() => {}) ?? Promise.resolve()).then(() => {
      const reading = this.#catchUp();
      this.#reading = reading;
      this.#next = undefined;
      return reading;
    });
    return this.#next;
  }

  async #catchUp(): Promise<void> {
    const until = this.#options.clock.monotonic() + freshness;
    const journal = await this.#read().catch((error: unknown) => {
      throw error instanceof EtcdError ? new UnavailableError(error.message) : error;
    });
    const revision = journal ? journalRecord(journal).revision : 0;
    await this.#until(() => this.#core!.revision >= revision, until);
  }

  /** The journal now, or at a revision of etcd. Throws EtcdError. */
  async #read(at = 0): Promise<KeyValue | undefined> {
    const { kvs } = rangeResponse(await this.#call(methods.range, rangeRequest({ key: this.#options.keyspace.journal }, { revision: at })));
    return kvs[0];
  }

  /** Throws EtcdError, and another error where what answers is not the etcd that was read before. */
  async #call(method: string, request: Buffer): Promise<Buffer> {
    const before = this.#seen;
    const answer = await this.#options.channel.call(method, request);
    this.#checkHeader(responseHeader(answer), before);
    return answer;
  }

  #checkHeader({ clusterId, revision }: ResponseHeader, before: number): void {
    if (clusterId !== this.#options.clusterId) throw this.#fail(new CorruptionError(`${this.#options.channel.server} is the etcd of another cluster than before`));
    if (revision < before) throw this.#fail(new CorruptionError(`etcd at ${this.#options.channel.server} is at revision ${revision} and was at ${before}: it was set back to an older state, which the next start reads`));
    this.#seen = Math.max(this.#seen, revision);
  }

  /** After a connection was lost: whether etcd still is what it was. */
  async #checkPast(): Promise<void> {
    await this.#read();
    const { at, author } = this.#newest;
    if (author === undefined) return;
    try {
      const journal = await this.#read(at);
      if (journal?.modRevision === at && tagOf(journalRecord(journal)) === author) return;
    } catch (error) {
      // What is compacted can no longer be compared.
      if (error instanceof EtcdError && tells(error, code.outOfRange, 'compacted')) return;
      if (!(error instanceof EtcdError) || !tells(error, code.outOfRange, 'future')) throw error;
    }
    throw new CorruptionError(`etcd at ${this.#options.channel.server} no longer holds what was read from it at revision ${at}: it was set back to an older state, which the next start reads`);
  }

  /** Of what is compacted, all may be known: the engine's own writes are answered before they are heard. */
  #missed(compacted: number): void {
    const { at } = this.#newest;
    if (at + 1 >= compacted) this.#feed.start(at);
    else void this.#restart();
  }

  /** What happened meanwhile cannot be read: begins anew from what there is. */
  async #restart(): Promise<void> {
    this.#options.log.warn('the history in etcd was compacted before it was read: everything is read anew');
    if (this.#attempt) this.#attempt.lost = true;
    for (let wait = firstRetry; !this.#closed && !this.#failure; wait = Math.min(wait * 2, longestRetry * 4)) {
      try {
        const loaded = await this.#options.load();
        if (this.#attempt) this.#attempt.lost = true;
        this.#take(loaded);
        this.#core!.restart(loaded);
        this.#wake();
        if (!this.#closed) this.#feed.start(loaded.at);
        return;
      } catch (error) {
        if (!(error instanceof EtcdError)) return void this.#fail(error as Error);
        await this.#options.clock.sleep(wait);
      }
    }
  }

  #fail(error: Error): Error {
    if (this.#failure || this.#closed) return error;
    this.#failure = error;
    this.#options.log.error('the store in etcd cannot be used any more', { error: error.message });
    this.#feed.stop();
    this.#core?.fail(error);
    this.#wake();
    return error;
  }

  async compact(revision: number): Promise<void> {
    try {
      await this.#compact(revision);
    } catch (error) {
      throw error instanceof EtcdError ? new UnavailableError(error.message) : error;
    }
  }

  /** That of the whole database of etcd, whatever else is in it. */
  async size(): Promise<number> {
    try {
      // A member speaks for itself here, and may be behind what is known: that is no older state of etcd.
      return databaseSize(await this.#options.channel.call(methods.status, statusRequest()));
    } catch (error) {
      throw error instanceof EtcdError ? new UnavailableError(error.message) : error;
    }
  }

  async #compact(revision: number): Promise<void> {
    const at = await this.#locate(revision);
    if (at <= this.#compactedAt) return;
    try {
      await this.#call(methods.compact, compactRequest(at));
    } catch (error) {
      if (!(error instanceof EtcdError) || !tells(error, code.outOfRange, 'compacted')) throw error;
    }
    this.#compactedAt = at;
  }

  /** The last revision of etcd at which no write behind `revision` had been done. Throws EtcdError. */
  async #locate(revision: number): Promise<number> {
    for (;;) {
      const [before, after] = this.#positions.around(revision);
      if (!before) throw new CompactedError(revision, this.#oldest);
      if (before.revision === revision || !after || after.at - before.at <= 1) return before.at;
      let low = before.at;
      let high = after.at;
      // Revisions of other users, or of the journal that are not known: half by half.
      while (high - low > 1) {
        const middle = Math.floor((low + high) / 2);
        const journal = await this.#read(middle);
        if (!journal) {
          low = middle;
          continue;
        }
        const record = journalRecord(journal);
        this.#positions.add({ revision: record.revision, at: journal.modRevision, time: record.writes.at(-1)![1] });
        if (record.revision === revision) return journal.modRevision;
        if (record.revision < revision) low = middle;
        else high = journal.modRevision;
      }
      return low;
    }
  }

  /** Goes on where a connection was lost, unless that lasts. */
  async *read(after: number, to: number): AsyncGenerator<StoredEvent[]> {
    const { clock } = this.#options;
    let cursor = after;
    let until = clock.monotonic() + patience;
    for (let wait = firstRetry; ; wait = Math.min(wait * 2, longestRetry)) {
      try {
        for await (const events of this.#readOnce(cursor, to)) {
          cursor = events.at(-1)!.entry.modRevision;
          until = clock.monotonic() + patience;
          yield events;
        }
        return;
      } catch (error) {
        if (!(error instanceof EtcdError)) throw error;
        if (isFinal(error) || clock.monotonic() >= until || this.#closed) throw new UnavailableError(error.message);
      }
      await clock.sleep(wait);
    }
  }

  /** Throws EtcdError, CompactedError. */
  async *#readOnce(after: number, to: number): AsyncGenerator<StoredEvent[]> {
    const { channel, keyspace, causes } = this.#options;
    const at = await this.#locate(after).catch((error: unknown) => {
      throw error instanceof EtcdError && tells(error, code.outOfRange, 'compacted') ? new CompactedError(after, this.#oldest) : error;
    });
    const arrived: (Buffer | EtcdError)[] = [];
    let wake = () => {};
    const stream = channel.stream(methods.watch, watchRequest(keyspace.range, { start: at + 1, previous: true }), {
      onMessage(message) {
        arrived.push(message);
        if (arrived.length > 4) stream.pause();
        wake();
      },
      onEnd(error) {
        arrived.push(error);
        wake();
      },
    });
    try {
      for (let cursor = after; cursor < to; ) {
        while (arrived.length === 0) await new Promise<void>((resolve) => (wake = resolve));
        const next = arrived.shift()!;
        stream.resume();
        if (next instanceof EtcdError) throw next;
        const { canceled, compactRevision, cancelReason, events } = watchResponse(next);
        if (canceled) {
          if (compactRevision === 0) throw new EtcdError(code.unavailable, cancelReason);
          await this.#learnOldest(compactRevision);
          throw new CompactedError(after, this.#oldest);
        }
        const found: StoredEvent[] = [];
        for (const group of groupsOf(events, keyspace)) {
          if (!group.record) continue;
          const past = pastEventsOf(group, keyspace, causes).filter(({ entry: { modRevision } }) => modRevision > cursor && modRevision <= to);
          if (past.some(lacksPrevious)) {
            await this.#learnOldest(group.at);
            throw new CompactedError(after, this.#oldest);
          }
          found.push(...past);
        }
        if (found.length === 0) continue;
        cursor = found.at(-1)!.entry.modRevision;
        yield found;
      }
    } finally {
      stream.cancel();
    }
  }

  async #learnOldest(at: number): Promise<void> {
    try {
      const journal = await this.#read(at);
      this.#oldest = Math.max(this.#oldest, journal ? journalRecord(journal).revision : 0);
      this.#core?.reconsider();
    } catch (error) {
      // Compacted further meanwhile: the next who reads learns of it.
      if (!(error instanceof EtcdError)) throw error;
    }
  }

  newestBefore(time: number): number {
    return this.#positions.newestBefore(time);
  }

  release(revision: number): void {
    const { clock, log } = this.#options;
    if (clock.monotonic() < this.#compactLater || revision <= this.#oldest) return;
    this.#compactLater = clock.monotonic() + compactionInterval;
    this.#compact(revision).catch((error: unknown) => log.warn('the history in etcd could not be compacted', { error: (error as Error).message }));
  }

  committed(): void {}

  close(): Promise<void> {
    this.#closed = true;
    this.#feed.stop();
    this.#options.channel.close();
    this.#wake();
    return Promise.resolve();
  }
}

const tells = (error: EtcdError, wanted: number, words: string): boolean => error.code === wanted && error.message.includes(words);

/** Whether a smaller request might be taken: by etcd's own limits, or by gRPC's, which it derives from them. */
const isTooMuch = (error: EtcdError): boolean =>
  tells(error, code.invalidArgument, 'too large') || tells(error, code.invalidArgument, 'too many operations') || tells(error, code.resourceExhausted, 'larger than max');

/** Whether trying again can be of no use. */
const isFinal = (error: EtcdError): boolean => ([code.permissionDenied, code.unauthenticated] as number[]).includes(error.code);
