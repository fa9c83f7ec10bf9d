import path from 'node:path';
import { Low } from 'lowdb';
import { Causes } from '../causes.ts';
import { StoreCore, type HistoryLimits } from '../core.ts';
import { MemoKeeper } from '../entry.ts';
import { NoSpaceError } from '../errors.ts';
import type { Store } from '../index.ts';
import type { Journal } from '../journal.ts';
import { SortedEntries } from '../sortedEntries.ts';
import type { Clock } from '../../util/clock.ts';
import type { Logger } from '../../util/log.ts';
import { diskFiles, type Files } from './files.ts';
import { Log } from './log.ts';
import { SnapshotFile, type Snapshot } from './snapshot.ts';

export interface DiskStoreOptions {
  /** Made where it is missing, for its owner only. One process has it at a time. */
  directory: string;
  clock: Clock;
  log: Logger;
  history?: HistoryLimits;
  /** How much text may have its parsed form beside it in `memo`, characters; default 3 Mi. */
  memoChars?: number;
  /** A log file that has grown to this is followed by another, bytes; default 4 MiB. */
  logFileBytes?: number;
  /** Room made at a time behind the end of the log, bytes; default 256 KiB. */
  preallocateBytes?: number;
  /** A snapshot is written when the log since the last one has grown beyond this and beyond all live values, bytes; default 16 MiB. */
  snapshotBytes?: number;
  /** The file system; a test's own, or the machine's. */
  files?: Files;
}

/** Whether the disk only lacks room, or its owner's share of it is used up. */
const isFull = (error: unknown) => ['ENOSPC', 'EDQUOT'].includes((error as { code?: string } | undefined)?.code ?? '');

const nothing: Snapshot = { revision: 0, compacted: 0, entries: [] };

/**
 * Opens the store of a directory: the newest snapshot and the log behind it, as the last process left them.
 * Throws LockedError, CorruptionError, or what the file system says.
 */
export async function openDiskStore(options: DiskStoreOptions): Promise<Store> {
  const files = options.files ?? diskFiles;
  await files.makeDirectory(options.directory);
  const unlock = await files.lock(options.directory, options.clock);
  try {
    return await openLocked(options, files, unlock);
  } catch (error) {
    await unlock();
    throw error;
  }
}

async function openLocked(options: DiskStoreOptions, files: Files, unlock: () => Promise<void>): Promise<Store> {
  const { directory, clock } = options;
  const memos = new MemoKeeper(options.memoChars ?? 3 * 1024 * 1024);
  const causes = new Causes();
  let closing = false;
  const low = new Low<Snapshot>(new SnapshotFile(files, directory, memos, causes, () => closing), nothing);
  await low.read();
  const base = low.data;
  low.data = nothing;
  const wal = new Log(files, directory, { fileBytes: options.logFileBytes ?? 4 * 1024 * 1024, preallocateBytes: options.preallocateBytes ?? 256 * 1024 }, memos, causes);
  const keys = new SortedEntries();
  for (const entry of base.entries) keys.set(entry);
  let compacted = base.compacted;
  let revision = base.revision;
  let unsaved = 0;
  await wal.recover(base.revision, {
    event(record) {
      if (record.deletes) keys.delete(record.key);
      else {
        const entry = record.entry(memos, causes);
        unsaved += entry.value.length;
        keys.set(entry);
      }
      revision = record.revision;
    },
    compacted: (to) => (compacted = Math.max(compacted, to)),
  });
  let saved = base.revision;
  let failed = false;
  let saving: Promise<void> | undefined;
  const snapshotBytes = options.snapshotBytes ?? 16 * 1024 * 1024;

  /** Writes all live entries, in the background; the log files that it makes superfluous may go then. */
  async function save(): Promise<void> {
    const snapshot: Snapshot = { revision: store.revision, compacted: store.compactedRevision, entries: store.entries() };
    unsaved = 0;
    low.data = snapshot;
    try {
      await low.write();
      if (!closing) saved = snapshot.revision;
    } catch (error) {
      // The log still has everything; the next attempt comes when it has grown as much again.
      options.log.error('could not write a snapshot', { directory, error: String(error) });
    } finally {
      low.data = nothing;
      saving = undefined;
    }
    journal.release(store.compactedRevision);
  }

  let full = false;
  const attempt = async (write: () => Promise<void>) => {
    try {
      await write();
      if (full) options.log.info('the disk has room again, writes are taken', { directory });
      full = false;
    } catch (error) {
      if (isFull(error) && (await rewound())) {
        if (!full) options.log.error('the disk is full, writes fail until there is room', { directory, error: String(error) });
        full = true;
        throw new NoSpaceError(error);
      }
      failed = true;
      options.log.error('the log cannot be written, no further write is taken', { directory, error: String(error) });
      throw error;
    }
  };

  const rewound = () =>
    wal.rewind().then(
      () => true,
      () => false,
    );

  const journal: Journal = {
    append(events) {
      for (const event of events) unsaved += event.entry.value.length;
      return attempt(() => wal.append(events));
    },
    compact: (to) => attempt(() => wal.compact(to, clock.now())),
    get oldest() {
      return wal.oldest ?? 0;
    },
    read: (after, to) => wal.read(after, to),
    newestBefore: (time) => wal.newestBefore(time),
    release: (to) => wal.release(Math.min(to, saved)),
    committed() {
      if (saving || closing || failed || unsaved < snapshotBytes) return;
      if (unsaved < store.liveChars) return;
      saving = save();
    },
    async size() {
      const names = await files.list(directory);
      // Meanwhile some may have gone.
      const sizes = await Promise.all(names.map((name) => files.size(path.join(directory, name))));
      return sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
    },
    async close() {
      closing = true;
      await saving;
      await (failed ? wal.abandon() : wal.close());
      await unlock();
    },
  };
  const store = new StoreCore({
    clock,
    history: options.history ?? {},
    memos,
    causes,
    journal,
    start: { revision, compacted: Math.max(compacted, wal.oldest ?? 0), entries: keys.all() },
    gather: setImmediate,
  });
  return store;
}
