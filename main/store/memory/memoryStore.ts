import { Causes } from '../causes.ts';
import { StoreCore, type HistoryLimits } from '../core.ts';
import { MemoKeeper } from '../entry.ts';
import type { Store } from '../index.ts';
import type { Journal } from '../journal.ts';
import type { Clock } from '../../util/clock.ts';

export interface MemoryStoreOptions {
  clock: Clock;
  /** What does not fit into `memoryBytes` is compacted, since there is no disk to read it back from. */
  history?: HistoryLimits;
  /** How much text may have its parsed form beside it in `memo`, characters; default 8 Mi. */
  memoChars?: number;
}

/** No disk: whatever is appended is as durable as it gets, and nothing can be read back. */
const nowhere: Journal = {
  append: () => Promise.resolve(),
  compact: () => Promise.resolve(),
  oldest: Infinity,
  async *read() {},
  newestBefore: () => 0,
  release() {},
  committed() {},
  close: () => Promise.resolve(),
};

/** A store that lives as long as the process. */
export function createMemoryStore(options: MemoryStoreOptions): Store {
  return new StoreCore({
    clock: options.clock,
    history: options.history ?? {},
    memos: new MemoKeeper(options.memoChars ?? 8 * 1024 * 1024),
    causes: new Causes(),
    journal: nowhere,
    start: { revision: 0, compacted: 0, entries: [] },
    gather: queueMicrotask,
  });
}
