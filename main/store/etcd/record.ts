import type { Causes } from '../causes.ts';
import { StoredEntry, type MemoKeeper, type StoredEvent } from '../entry.ts';
import { CorruptionError } from '../errors.ts';
import type { KeyValue } from './messages.ts';
import { textOf } from './text.ts';

/*
 * How the store's writes stand in etcd:
 *
 * - A key holds a line of JSON, then the value as it is: `[revision, created, who, cause revision]` and the object.
 *   So a value tells all that an entry is, also where the history has been compacted.
 * - One more key, the journal, is written in every transaction. Its version counts them, its value tells what was done in
 *   which order, and what etcd keeps nothing of: when, and of a deletion the tombstone and the cause.
 */

/** One write in the journal's value: key and time; a deletion has its tombstone, revision of creation, and cause besides. */
type WriteRecord = [key: string, time: number, tombstone?: string, created?: number, who?: string, cause?: number | null];

/** What the journal's key holds. */
export interface JournalRecord {
  /** The revision of the last of the writes. */
  revision: number;
  /** Who wrote: an engine, from its start to its end. */
  writer: string;
  /** That engine's own number of the transaction. */
  batch: number;
  writes: WriteRecord[];
}

export function journalRecord(kv: Pick<KeyValue, 'value'>): JournalRecord {
  try {
    return JSON.parse(kv.value.toString('utf8')) as JournalRecord;
  } catch (error) {
    throw new CorruptionError(`the journal in etcd is not what Skiff wrote: ${(error as Error).message}`);
  }
}

export function writeRecord({ type, time, entry }: StoredEvent): WriteRecord {
  if (type === 'put') return [entry.key, time];
  return [entry.key, time, entry.value, entry.createRevision, entry.cause.who, entry.cause.revision ?? null];
}

/** The line before an entry's value. */
export function headOf({ modRevision, createRevision, cause }: StoredEntry): string {
  return `${JSON.stringify([modRevision, createRevision, cause.who, ...(cause.revision === undefined ? [] : [cause.revision])])}\n`;
}

const newline = 10;

export function entryOf(key: string, { value }: Pick<KeyValue, 'value'>, causes: Causes, memos: MemoKeeper | undefined): StoredEntry {
  const end = value.indexOf(newline);
  try {
    const [revision, created, who, cause] = JSON.parse(value.toString('utf8', 0, end)) as [number, number, string, number?];
    if (!Number.isSafeInteger(revision) || !Number.isSafeInteger(created)) throw new Error('it tells no revision');
    return new StoredEntry(key, textOf(value, end + 1), created, revision, causes.of(who, cause), memos);
  } catch (error) {
    throw new CorruptionError(`the value of ${key} in etcd is not what Skiff wrote: ${(error as Error).message}`);
  }
}

export function tombstoneOf([key, , tombstone, created, who, cause]: WriteRecord, revision: number, causes: Causes): StoredEntry {
  return new StoredEntry(key, tombstone!, created!, revision, causes.of(who!, cause ?? undefined), undefined);
}
