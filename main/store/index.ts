/**
 * The store: etcd's place. Ordered keys, one revision counter, compare-and-swap, watch from a revision,
 * history until compaction. It knows no kinds: keys and values are opaque strings.
 *
 * Guarantees that every implementation keeps (tests/contracts/store.ts runs them all):
 * a write is durable before its promise resolves; reads and watches show durable writes only;
 * revisions grow by one a write; watch events are ordered, unique, reliable and resumable.
 */

export * from './errors.ts';
export { createMemoryStore, type MemoryStoreOptions } from './memory/memoryStore.ts';
export { openEtcdStore, type EtcdStoreOptions } from './etcd/etcdStore.ts';
export { lockDirectory, lockHolder } from './disk/lock.ts';
export { openDiskStore, type DiskStoreOptions } from './disk/diskStore.ts';

/** Who made a write, and which revision of which object made it act. Kept beside the history, not in the value. */
export interface Cause {
  /** The user agent up to its first space, such as `kube-controller-manager/deployment-controller` or `kubectl/v1.36.4`. */
  who: string;
  /** The revision that the writer acted upon, when it acted upon one. */
  revision?: number;
}

/** One key's value as of a revision. Shared and immutable, but for `memo`. */
export interface Entry {
  readonly key: string;
  readonly value: string;
  /** The revision that created the key. */
  readonly createRevision: number;
  /** The revision that wrote this value. */
  readonly modRevision: number;
  readonly cause: Cause;
  /**
   * A place for the reader to keep what it parsed out of `value`; the store never looks at it.
   * It may be gone at any time: an entry that was replaced keeps none once its watchers have heard of it,
   * and of the live entries only those used last keep theirs. So read it as `(entry.memo ??= parse(entry.value))`, whose
   * value is right even where it was not kept.
   */
  memo?: unknown;
}

export interface StoreEvent {
  readonly type: 'put' | 'delete';
  /** When it was written, milliseconds since the epoch. */
  readonly time: number;
  /** For a delete: the tombstone, whose value is what `DeleteOptions.tombstone` made and whose modRevision is the delete's. */
  readonly entry: Entry;
  /** The entry that this write replaced or deleted; undefined for a creation. */
  readonly previous: Entry | undefined;
}

/** Makes a value that holds its own revision. Pure: a store may call it again with another revision. */
export type Encode = (revision: number) => string;

export interface WriteOptions {
  /** The modRevision that the key must have now; 0: it must not exist; undefined: whatever it has. */
  expected?: number;
  cause: Cause;
  /** What the reader will want in `memo` of the written entry, so that it need not parse what it just made. */
  memo?: (revision: number) => unknown;
}

export interface DeleteOptions extends WriteOptions {
  /** The value of the delete event's entry. */
  tombstone: Encode;
}

export interface ListOptions {
  /** Exact read of the past; undefined: now. */
  revision?: number;
  /** The first key to return (inclusive); must start with the prefix. */
  start?: string;
  limit?: number;
}

export interface ListResult {
  entries: Entry[];
  /** The revision that the list shows. */
  revision: number;
  /** Whether keys of the prefix lie behind the last entry. */
  more: boolean;
  /** How many keys lie behind the last entry (0 unless `more`). */
  remaining: number;
}

export interface WatchOptions {
  /** Events with a greater revision are delivered; undefined: only those to come. */
  after?: number;
  /** Called in order of revisions, never before `watch` returned, with all events of one flush together. */
  onEvents(events: readonly StoreEvent[]): void;
  /** The store's revision as of now, on request or now and then, when no event of the prefix is under way before it. */
  onProgress?(revision: number): void;
  /** The watch has ended by itself: its revision was compacted, or the store closed or failed. */
  onEnd(error: Error): void;
}

export interface Watch {
  /** Asks for one `onProgress` soon. */
  requestProgress(): void;
  cancel(): void;
}

export interface Store {
  /** The newest durable revision. */
  readonly revision: number;
  /** The oldest revision that can still be read or watched from. */
  readonly compactedRevision: number;
  /** Whether something newer than `revision` was written longer ago than `age` milliseconds. Known to a minute, and anew after a start. */
  isOutdated(revision: number, age: number): boolean;
  /** Why writes fail: for good, or, with a NoSpaceError, until one finds room. */
  readonly problem: Error | undefined;
  /**
   * Resolves when the reads that follow show everything that was answered before the call, also to another engine on the same
   * store; with a revision, when that is reached, or a few seconds have passed. Rejects with an UnavailableError.
   */
  fresh(revision?: number): Promise<void>;
  get(key: string): Promise<Entry | undefined>;
  /** Keys with this prefix, in order of their code units. Throws CompactedError, FutureRevisionError. */
  list(prefix: string, options?: ListOptions): Promise<ListResult>;
  /** How many keys have this prefix now. */
  count(prefix: string): number;
  /** Bytes that it takes up on the disk where it is kept, unused room with them; undefined where there is none. Rejects with what keeps it from knowing. */
  size(): Promise<number | undefined>;
  /** Throws ConflictError. */
  put(key: string, encode: Encode, options: WriteOptions): Promise<Entry>;
  /** Throws ConflictError; a key that does not exist is a conflict unless `expected` is undefined, when it resolves undefined. */
  delete(key: string, options: DeleteOptions): Promise<Entry | undefined>;
  /** Throws CompactedError, FutureRevisionError at once. */
  watch(prefix: string, options: WatchOptions): Watch;
  /** Every write of `(after, to]` with its cause, oldest first, for the trace and time travel. */
  history(options: { after: number; to?: number; prefix?: string; limit?: number }): Promise<StoreEvent[]>;
  /** Forgets the history up to and including `revision`; live values stay. */
  compact(revision: number): Promise<void>;
  /** Everything answered is on disk; further calls reject. */
  close(): Promise<void>;
}
