import type { Causes } from '../causes.ts';
import type { ForeignEvent } from '../core.ts';
import type { MemoKeeper, StoredEvent } from '../entry.ts';
import type { Keyspace } from './keyspace.ts';
import type { WatchEvent } from './messages.ts';
import { entryOf, journalRecord, tombstoneOf, type JournalRecord } from './record.ts';

/** What one transaction did: all events of one revision of etcd. */
export interface Group {
  /** etcd's revision. */
  at: number;
  /** Undefined: it was none of Skiff's. */
  record: JournalRecord | undefined;
  /** How often the journal has been written; 0 where it was left alone, -1 where it was deleted. */
  version: number;
  /** By the bytes of the key. */
  changes: Map<string, WatchEvent>;
}

/** Events as a watch brings them, by transaction. Throws CorruptionError. */
export function groupsOf(events: readonly WatchEvent[], keyspace: Keyspace): Group[] {
  const groups: Group[] = [];
  for (const event of events) {
    let group = groups.at(-1);
    if (group?.at !== event.kv.modRevision) groups.push((group = { at: event.kv.modRevision, record: undefined, version: 0, changes: new Map() }));
    if (!keyspace.isJournal(event.kv.key)) group.changes.set(event.kv.key.toString('latin1'), event);
    else if (event.deletes) group.version = -1;
    else {
      group.record = journalRecord(event.kv);
      group.version = event.kv.version;
    }
  }
  return groups;
}

/** The first revision of a transaction. */
export const firstOf = ({ revision, writes }: JournalRecord): number => revision - writes.length + 1;

/** The transaction's writes as the store's events, in order. Throws CorruptionError. */
export function eventsOf({ record, changes }: Group, keyspace: Keyspace, causes: Causes, memos: MemoKeeper | undefined): ForeignEvent[] {
  const first = firstOf(record!);
  return record!.writes.map((write, i) => {
    const [key, time, tombstone] = write;
    if (tombstone !== undefined) return { type: 'delete', time, entry: tombstoneOf(write, first + i, causes) };
    return { type: 'put', time, entry: entryOf(key, changeOf(changes, key, keyspace).kv, causes, memos) };
  });
}

/** The same where etcd told what was replaced. */
export function pastEventsOf(group: Group, keyspace: Keyspace, causes: Causes): StoredEvent[] {
  return eventsOf(group, keyspace, causes, undefined).map((event) => {
    const { previous } = changeOf(group.changes, event.entry.key, keyspace);
    return { ...event, previous: previous && entryOf(event.entry.key, previous, causes, undefined) };
  });
}

/** Whether etcd has forgotten what was replaced: it tells of the write at the revision that it has compacted to as if that had made the key. */
export const lacksPrevious = ({ type, entry, previous }: StoredEvent): boolean => !previous && (type === 'delete' || entry.createRevision !== entry.modRevision);

function changeOf(changes: Group['changes'], key: string, keyspace: Keyspace): WatchEvent {
  return changes.get(keyspace.bytesOf(key).toString('latin1'))!;
}
