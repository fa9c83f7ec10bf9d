import { Causes } from '../causes.ts';
import { StoreCore, type HistoryLimits } from '../core.ts';
import { MemoKeeper, type StoredEntry } from '../entry.ts';
import { UnavailableError } from '../errors.ts';
import type { Store } from '../index.ts';
import type { Clock } from '../../util/clock.ts';
import type { Logger } from '../../util/log.ts';
import { Channel, code, EtcdError, type TlsOptions } from './channel.ts';
import { EtcdJournal, type Loaded } from './journal.ts';
import { Keyspace } from './keyspace.ts';
import { methods, rangeRequest, rangeResponse, watchRequest, watchResponse, type KeyValue } from './messages.ts';
import type { Position } from './positions.ts';
import { entryOf, journalRecord } from './record.ts';

export interface EtcdStoreOptions extends TlsOptions {
  /** Of one etcd cluster: `https://host:port` or `http://host:port`. */
  servers: readonly string[];
  /** What all keys in etcd begin with; begins with a slash and does not end with one. */
  prefix: string;
  /** Tells this engine from all others that ever wrote there. */
  writer: string;
  clock: Clock;
  log: Logger;
  history?: HistoryLimits;
  /** How much text may have its parsed form beside it in `memo`, characters; default 3 Mi. */
  memoChars?: number;
  /** A connection that is silent for so long is asked for a sign of life, milliseconds; default 10 s. */
  keepAlive?: number;
  /** A call that takes longer has failed, milliseconds; default 5 s. */
  timeout?: number;
}

/** How many keys are read at a time. */
const pageSize = 500;

/**
 * Opens the store that an etcd cluster keeps (v3 API, 3.4 or later), alone or beside other engines. Throws UnavailableError,
 * CorruptionError.
 */
export async function openEtcdStore(options: EtcdStoreOptions): Promise<Store> {
  const { clock, log } = options;
  const channel = new Channel(options);
  const keyspace = new Keyspace(options.prefix);
  const memos = new MemoKeeper(options.memoChars ?? 3 * 1024 * 1024);
  const causes = new Causes();
  const loadNow = async (): Promise<Loaded> => {
    for (;;) {
      try {
        return await load(channel, keyspace, causes, memos);
      } catch (error) {
        // Compacted between two pages.
        if (!(error instanceof EtcdError) || error.code !== code.outOfRange) throw error;
      }
    }
  };
  try {
    const loaded = await loadNow();
    const journal = new EtcdJournal({ channel, keyspace, clock, log, causes, memos, writer: options.writer, clusterId: loaded.clusterId, load: loadNow });
    const store = new StoreCore({ clock, history: options.history ?? {}, memos, causes, journal, start: loaded, gather: setImmediate });
    journal.start(store, loaded);
    return store;
  } catch (error) {
    channel.close();
    throw error instanceof EtcdError ? new UnavailableError(error.message) : error;
  }
}

/** Everything as of one revision of etcd, page by page. Throws EtcdError. */
async function load(channel: Channel, keyspace: Keyspace, causes: Causes, memos: MemoKeeper): Promise<Loaded> {
  const { key: first, end } = keyspace.range;
  const entries: StoredEntry[] = [];
  let journal: KeyValue | undefined;
  let at = 0;
  let clusterId = '';
  for (let from: Buffer | undefined = first; from; ) {
    const { header, kvs, more } = rangeResponse(await channel.call(methods.range, rangeRequest({ key: from, end: end! }, { limit: pageSize, revision: at })));
    at ||= header.revision;
    clusterId = header.clusterId;
    for (const kv of kvs)
      if (keyspace.isJournal(kv.key)) journal = kv;
      else entries.push(entryOf(keyspace.textOf(kv.key), kv, causes, memos));
    const last = kvs.at(-1);
    // The key behind the last one.
    from = more && last ? Buffer.concat([last.key, Buffer.alloc(1)]) : undefined;
  }
  if (!journal) return { revision: 0, compacted: 0, entries, at, clusterId, version: 0, positions: [{ revision: 0, at, time: 0 }], author: undefined };
  const newest = positionOf(journal);
  const oldest = await oldestPosition(channel, keyspace, journal);
  return { revision: newest.revision, compacted: oldest.revision, entries, at, clusterId, version: journal.version, positions: [oldest, newest], author: journalRecord(journal) };
}

function positionOf(journal: KeyValue): Position {
  const { revision, writes } = journalRecord(journal);
  return { revision, at: journal.modRevision, time: writes.at(-1)![1] };
}

/** Where the history begins that etcd still has. */
async function oldestPosition(channel: Channel, keyspace: Keyspace, { createRevision }: Pick<KeyValue, 'createRevision'>): Promise<Position> {
  const compacted = await compactedRevision(channel, keyspace);
  const beginning: Position = { revision: 0, at: createRevision - 1, time: 0 };
  if (compacted < createRevision) return beginning;
  try {
    const { kvs } = rangeResponse(await channel.call(methods.range, rangeRequest({ key: keyspace.journal }, { revision: compacted })));
    return kvs[0] ? positionOf(kvs[0]) : beginning;
  } catch (error) {
    // Compacted once more in between.
    if (error instanceof EtcdError && error.code === code.outOfRange) return oldestPosition(channel, keyspace, { createRevision });
    throw error;
  }
}

/** Up to which revision etcd has compacted: a watch from the beginning is refused with it. */
function compactedRevision(channel: Channel, keyspace: Keyspace): Promise<number> {
  return new Promise((resolve, reject) => {
    const nobody = Buffer.concat([keyspace.journal, Buffer.alloc(1)]);
    const stream = channel.stream(methods.watch, watchRequest({ key: nobody }, { start: 1 }), {
      onMessage(message) {
        const { created, canceled, compactRevision } = watchResponse(message);
        if (created && !canceled) return probe();
        stream.cancel();
        resolve(canceled ? compactRevision : 0);
      },
      onEnd: reject,
    });
    /** A watch that is taken says nothing more for as long as nothing happens to its key; one that is refused says so at once. */
    function probe(): void {
      channel.call(methods.range, rangeRequest({ key: nobody }, { revision: 1 })).then(
        () => {
          stream.cancel();
          resolve(0);
        },
        (error: EtcdError) => {
          if (error.code === code.outOfRange) return;
          stream.cancel();
          reject(error);
        },
      );
    }
  });
}
