import { afterEach, describe, expect, it } from 'vitest';
import { CompactedError, ClosedError, ConflictError, FutureRevisionError, type Entry, type Store, type StoreEvent, type WatchOptions } from '../../main/store/index.ts';
import { settle, type FakeClock } from '../support/fakeClock.ts';

/** A store under test, and what the suite needs to know of it. */
export interface StoreHarness {
  store: Store;
  clock: FakeClock;
  /** Closes the store and opens it again; undefined where nothing outlives it. */
  reopen?(): Promise<Store>;
  /** Takes away whatever was made. */
  dispose(): Promise<void>;
}

export interface HarnessOptions {
  history?: { maxAge?: number; maxRevisions?: number; memoryBytes?: number };
}

const cause = { who: 'test' };

/** Everything that has been heard of one watch. */
export function listen(store: Store, prefix: string, options: Partial<WatchOptions> = {}) {
  const heard = { events: [] as StoreEvent[], flushes: [] as number[], progress: [] as number[], ended: undefined as Error | undefined };
  const watch = store.watch(prefix, {
    onEvents: (events) => {
      heard.events.push(...events);
      heard.flushes.push(events.length);
    },
    onProgress: (revision) => heard.progress.push(revision),
    onEnd: (error) => (heard.ended = error),
    ...options,
  });
  return Object.assign(heard, { watch });
}

/** Waits until `done` holds; the clock of a test stands still, so this is about promises and disk writes under way. */
export async function until(done: () => boolean): Promise<void> {
  // By the clock and not by turns: a busy machine's disk takes as long as it takes.
  for (const end = performance.now() + 20_000; !done() && performance.now() < end; ) await new Promise((resolve) => setImmediate(resolve));
  expect(done()).toBe(true);
}

export const plain = (entry: Entry | undefined) =>
  entry && { key: entry.key, value: entry.value, createRevision: entry.createRevision, modRevision: entry.modRevision, cause: entry.cause };
export const plainEvent = (event: StoreEvent) => ({ type: event.type, time: event.time, entry: plain(event.entry), previous: plain(event.previous) });

/**
 * What must hold of every store at any moment, whatever was done to it: the history, replayed, gives the present;
 * revisions have no gap; counts, lists and gets agree; an exact read of each moment agrees with the history.
 */
export async function checkConsistency(store: Store): Promise<void> {
  const { revision, compactedRevision } = store;
  const events = await store.history({ after: compactedRevision, to: revision });
  expect(events.map((event) => event.entry.modRevision)).toEqual(Array.from({ length: revision - compactedRevision }, (_, i) => compactedRevision + 1 + i));
  const base = await store.list('', { revision: compactedRevision });
  expect(base.revision).toBe(compactedRevision);
  const state = new Map(base.entries.map((entry) => [entry.key, plain(entry)]));
  const middle = compactedRevision + Math.floor((revision - compactedRevision) / 2);
  for (const event of events) {
    expect(plain(event.previous)).toEqual(state.get(event.entry.key));
    if (event.type === 'put') state.set(event.entry.key, plain(event.entry));
    else state.delete(event.entry.key);
    if (event.entry.modRevision === middle) {
      const then = await store.list('', { revision: middle });
      expect(then.entries.map(plain)).toEqual(sorted(state));
    }
  }
  const now = await store.list('');
  expect(now.revision).toBe(revision);
  expect(now.entries.map(plain)).toEqual(sorted(state));
  expect(store.count('')).toBe(state.size);
  for (const entry of now.entries.slice(0, 50)) expect(await store.get(entry.key)).toBe(entry);
  const heard: StoreEvent[] = [];
  const watch = store.watch('', { after: compactedRevision, onEvents: (batch) => void heard.push(...batch), onEnd: () => undefined });
  await until(() => heard.length >= events.length);
  watch.cancel();
  expect(heard.map(plainEvent)).toEqual(events.map(plainEvent));
}

function sorted<V>(state: Map<string, V>): V[] {
  return [...state].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
}

/** The promises of main/store/index.ts, for any store. */
export function storeContract(name: string, make: (options?: HarnessOptions) => Promise<StoreHarness>): void {
  describe(`the store's contract: ${name}`, () => {
    const made: StoreHarness[] = [];

    async function open(options?: HarnessOptions): Promise<StoreHarness> {
      const harness = await make(options);
      made.push(harness);
      return harness;
    }

    afterEach(async () => {
      for (const harness of made.splice(0)) {
        try {
          await checkConsistency(harness.store).catch((error: unknown) => {
            if (!(error instanceof ClosedError)) throw error;
          });
        } finally {
          await harness.store.close();
          await harness.dispose();
        }
      }
    });

    const put = (store: Store, key: string, value: string, expected?: number) =>
      store.put(key, () => value, { cause, ...(expected === undefined ? {} : { expected }) });
    const remove = (store: Store, key: string, expected?: number) =>
      store.delete(key, { cause, tombstone: (revision) => `gone@${revision}`, ...(expected === undefined ? {} : { expected }) });

    describe('writes', () => {
      it('a new store is empty and at revision 0', async () => {
        const { store } = await open();
        expect(store.revision).toBe(0);
        expect(await store.get('/a')).toBeUndefined();
        expect(await store.list('')).toEqual({ entries: [], revision: 0, more: false, remaining: 0 });
      });

      it('a value can hold its own revision', async () => {
        const { store } = await open();
        await put(store, '/a', 'x');
        const entry = await store.put('/b', (revision) => `{"resourceVersion":"${revision}"}`, { cause });
        expect(entry.value).toBe('{"resourceVersion":"2"}');
        expect(entry.modRevision).toBe(2);
      });

      it('a replaced key keeps the revision that created it, a recreated one does not', async () => {
        const { store } = await open();
        await put(store, '/a', '1');
        expect(plain(await put(store, '/a', '2'))).toMatchObject({ createRevision: 1, modRevision: 2 });
        await remove(store, '/a');
        expect(plain(await put(store, '/a', '3'))).toMatchObject({ createRevision: 4, modRevision: 4 });
      });

      it('who and why stay with the entry', async () => {
        const { store } = await open();
        await store.put('/a', () => 'x', { cause: { who: 'deployment-controller', revision: 17 } });
        expect((await store.get('/a'))!.cause).toEqual({ who: 'deployment-controller', revision: 17 });
      });

      it('expected 0 creates only what does not exist', async () => {
        const { store } = await open();
        await put(store, '/a', '1', 0);
        const error = await put(store, '/a', '2', 0).catch((e: unknown) => e);
        expect(error).toBeInstanceOf(ConflictError);
        expect((error as ConflictError).current!.modRevision).toBe(1);
        expect((await store.get('/a'))!.value).toBe('1');
        expect(store.revision).toBe(1);
      });

      it('a write that expects an old revision is refused', async () => {
        const { store } = await open();
        await put(store, '/a', '1');
        await put(store, '/a', '2', 1);
        await expect(put(store, '/a', '3', 1)).rejects.toBeInstanceOf(ConflictError);
        await expect(remove(store, '/a', 1)).rejects.toBeInstanceOf(ConflictError);
        expect((await store.get('/a'))!.value).toBe('2');
      });

      it('a delete leaves a tombstone in the history and nothing to read', async () => {
        const { store } = await open();
        await put(store, '/a', '1');
        const tombstone = await remove(store, '/a', 1);
        expect(plain(tombstone)).toMatchObject({ value: 'gone@2', createRevision: 1, modRevision: 2 });
        expect(await store.get('/a')).toBeUndefined();
        expect(store.count('/')).toBe(0);
      });

      it('deleting what does not exist is no write, and a conflict where a revision was expected', async () => {
        const { store } = await open();
        expect(await remove(store, '/a')).toBeUndefined();
        await expect(remove(store, '/a', 3)).rejects.toMatchObject({ current: undefined });
        await expect(remove(store, '/a', 0)).rejects.toBeInstanceOf(ConflictError);
        expect(store.revision).toBe(0);
      });

      it('an encoder that throws costs no revision', async () => {
        const { store } = await open();
        await expect(
          store.put('/a', () => { throw new Error('too large'); }, { cause }),
        ).rejects.toThrow('too large');
        expect((await put(store, '/a', '1')).modRevision).toBe(1);
      });

      it('keys and values come back unit for unit', async () => {
        const { store } = await open();
        for (const text of ['', 'ä', '日本', '🚢', '\ud800', 'a\0b', '\uffff']) {
          await put(store, `/k${text}`, text);
          expect((await store.get(`/k${text}`))!.value).toBe(text);
        }
      });

      it('a memo given with a write is there for its readers, and gone once the entry is replaced', async () => {
        const { store } = await open();
        const memo = { parsed: true };
        const first = await store.put('/a', () => '1', { cause, memo: () => memo });
        expect((await store.get('/a'))!.memo).toBe(memo);
        await put(store, '/a', '2');
        await until(() => first.memo === undefined);
        first.memo = memo;
        expect(first.memo).toBeUndefined();
      });
    });

    describe('writes side by side', () => {
      it('writes of one moment get revisions in the order of their calls', async () => {
        const { store } = await open();
        const entries = await Promise.all(Array.from({ length: 100 }, (_, i) => put(store, `/k${i}`, `${i}`)));
        expect(entries.map((entry) => entry.modRevision)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
      });

      it('of many who expect the same revision one wins', async () => {
        const { store } = await open();
        await put(store, '/a', 'start');
        const results = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => put(store, '/a', `w${i}`, 1)));
        expect(results.map((result) => result.status)).toEqual(['fulfilled', ...Array.from({ length: 19 }, () => 'rejected')]);
        expect((await store.get('/a'))!.value).toBe('w0');
      });

      it('who loses against a write under way reads that write when it tries again', async () => {
        const { store } = await open();
        const winner = put(store, '/a', 'winner', 0);
        const error = await put(store, '/a', 'loser', 0).catch((e: unknown) => e);
        expect(error).toBeInstanceOf(ConflictError);
        const seen = await store.get('/a');
        expect(seen!.value).toBe('winner');
        expect(seen).toBe((error as ConflictError).current);
        await winner;
      });

      it('a write builds on the newest write under way', async () => {
        const { store } = await open();
        const [created, updated, gone, again] = await Promise.all([put(store, '/a', '1', 0), put(store, '/a', '2', 1), remove(store, '/a', 2), put(store, '/a', '3', 0)]);
        expect(created.modRevision).toBe(1);
        expect(plain(updated)).toMatchObject({ createRevision: 1, modRevision: 2 });
        expect(gone!.modRevision).toBe(3);
        expect(plain(again)).toMatchObject({ createRevision: 4, modRevision: 4 });
      });

      it('a write under way is not seen', async () => {
        const { store } = await open();
        const heard = listen(store, '/');
        const write = put(store, '/a', '1');
        expect(store.revision).toBe(0);
        expect(store.count('/')).toBe(0);
        expect(heard.events).toEqual([]);
        await write;
        expect(store.revision).toBe(1);
      });

      it('a delete of what is being deleted resolves when that is done', async () => {
        const { store } = await open();
        await put(store, '/a', '1');
        const first = remove(store, '/a');
        expect(await remove(store, '/a')).toBeUndefined();
        expect(store.revision).toBe(2);
        await first;
      });
    });

    describe('lists', () => {
      it('lists a prefix in order of code units, and nothing else', async () => {
        const { store } = await open();
        for (const key of ['/b/2', '/a/1', '/b/10', '/b/1', '/c', '/b/é', '/b/\ud83d\udea2', '/b/\uffff']) await put(store, key, key);
        const { entries } = await store.list('/b/');
        expect(entries.map((entry) => entry.key)).toEqual(['/b/1', '/b/10', '/b/2', '/b/é', '/b/\ud83d\udea2', '/b/\uffff']);
        expect(store.count('/b/')).toBe(6);
        expect(store.count('/b/1')).toBe(2);
        expect(store.count('/x')).toBe(0);
      });

      it('pages through a prefix with limit and start, telling what remains', async () => {
        const { store } = await open();
        await Promise.all(Array.from({ length: 25 }, (_, i) => put(store, `/p/${String(i).padStart(2, '0')}`, `${i}`)));
        await put(store, '/q', 'other');
        const first = await store.list('/p/', { limit: 10 });
        expect(first).toMatchObject({ more: true, remaining: 15, revision: 26 });
        const second = await store.list('/p/', { limit: 10, start: '/p/10' });
        expect(second).toMatchObject({ more: true, remaining: 5 });
        const third = await store.list('/p/', { limit: 10, start: '/p/20' });
        expect(third).toMatchObject({ more: false, remaining: 0 });
        expect([...first.entries, ...second.entries, ...third.entries].map((entry) => entry.value)).toEqual(Array.from({ length: 25 }, (_, i) => `${i}`));
      });

      it('lists a past revision exactly: replaced, deleted and later keys as they were', async () => {
        const { store } = await open();
        await put(store, '/a', 'a1');
        await put(store, '/b', 'b1');
        await put(store, '/c', 'c1');
        await put(store, '/a', 'a2');
        await remove(store, '/b');
        await put(store, '/d', 'd1');
        const values = async (revision: number) => (await store.list('/', { revision })).entries.map((entry) => entry.value);
        expect(await values(3)).toEqual(['a1', 'b1', 'c1']);
        expect(await values(4)).toEqual(['a2', 'b1', 'c1']);
        expect(await values(5)).toEqual(['a2', 'c1']);
        expect(await values(1)).toEqual(['a1']);
        expect(await values(0)).toEqual([]);
        expect(await store.list('/', { revision: 3, limit: 2 })).toMatchObject({ revision: 3, more: true, remaining: 1 });
        expect((await store.list('/', { revision: 3, start: '/b' })).entries.map((entry) => entry.value)).toEqual(['b1', 'c1']);
      });

      it('goes through a past revision page by page, telling what remains, whatever is written meanwhile', async () => {
        const { store } = await open();
        const key = (i: number) => `/p/${String(i).padStart(2, '0')}`;
        for (let i = 0; i < 30; i += 2) await put(store, key(i), `${i}`);
        await put(store, '/q', 'other');
        const revision = 16;
        const seen: string[] = [];
        const left: number[] = [];
        let start = '/p/';
        for (let turn = 0; ; turn++) {
          // One is replaced, one goes and two are new, behind and before the next page.
          await put(store, key(2 * turn), 'replaced');
          await remove(store, key(28 - 2 * turn));
          await put(store, key(2 * turn + 1), 'new');
          await put(store, key(29 - 2 * turn), 'new');
          const page = await store.list('/p/', { revision, limit: 4, start });
          seen.push(...page.entries.map((entry) => entry.value));
          left.push(page.remaining);
          expect(page.more).toBe(page.remaining > 0);
          if (!page.more) break;
          start = `${page.entries.at(-1)!.key}\0`;
        }
        expect(seen).toEqual(Array.from({ length: 15 }, (_, i) => `${2 * i}`));
        expect(left).toEqual([11, 7, 3, 0]);
      });

      it('refuses the future and what was compacted', async () => {
        const { store } = await open();
        await put(store, '/a', '1');
        await put(store, '/a', '2');
        await expect(store.list('/', { revision: 9 })).rejects.toBeInstanceOf(FutureRevisionError);
        await store.compact(2);
        await expect(store.list('/', { revision: 1 })).rejects.toBeInstanceOf(CompactedError);
        expect((await store.list('/', { revision: 2 })).entries).toHaveLength(1);
      });
    });

    describe('watches', () => {
      it('a watch hears of what comes, in order, and of its prefix only', async () => {
        const { store } = await open();
        await put(store, '/a/1', 'before');
        const heard = listen(store, '/a/');
        await put(store, '/a/1', 'now');
        await put(store, '/b/1', 'elsewhere');
        await remove(store, '/a/1');
        await until(() => heard.events.length === 2);
        expect(heard.events.map((event) => [event.type, event.entry.modRevision, event.previous!.modRevision])).toEqual([
          ['put', 2, 1],
          ['delete', 4, 2],
        ]);
        expect(heard.events[1]!.entry.value).toBe('gone@4');
      });

      it('watches of every depth hear what is below them and nothing else, in the same moment and from anywhere', async () => {
        const { store } = await open();
        const keys = ['/r/core/pods/a/x', '/r/core/pods/a/y', '/r/core/pods/b/x', '/r/core/podsets/a/x', '/r/apps/pods/a/x', '/r/core/nodes/n', '/r/core/', '/r', '/s/1'];
        const prefixes = ['', '/', '/r', '/r/core', '/r/core/', '/r/core/pods', '/r/core/pods/', '/r/core/pods/a/', '/r/core/pods/a/x', '/r/core/nodes/n', '/s/', '/t/'];
        for (const key of keys) await put(store, key, 'first');
        const ears = prefixes.flatMap((prefix) => [undefined, 0, 4].map((after) => ({ prefix, after: after ?? keys.length, heard: listen(store, prefix, { after }) })));
        await Promise.all(keys.map((key) => put(store, key, 'second')));
        for (const key of keys.slice(0, 3)) await remove(store, key);
        const all = await store.history({ after: 0 });
        expect(all).toHaveLength(2 * keys.length + 3);
        for (const { prefix, after, heard } of ears) {
          const wanted = all.filter(({ entry }) => entry.modRevision > after && entry.key.startsWith(prefix));
          await until(() => heard.events.length >= wanted.length);
          expect(heard.events.map(({ entry }) => [entry.modRevision, entry.key])).toEqual(wanted.map(({ entry }) => [entry.modRevision, entry.key]));
        }
      });

      it('a creation has no previous entry', async () => {
        const { store } = await open();
        const heard = listen(store, '/');
        await put(store, '/a', '1');
        await until(() => heard.events.length === 1);
        expect(heard.events[0]!.previous).toBeUndefined();
      });

      it('a watch from the past gets the past, then the present, without gap or repetition', async () => {
        const { store } = await open();
        for (let i = 0; i < 10; i++) await put(store, '/a', `${i}`);
        const heard = listen(store, '/', { after: 4 });
        expect(heard.events).toEqual([]);
        const later = Promise.all(Array.from({ length: 5 }, (_, i) => put(store, '/a', `later ${i}`)));
        await later;
        await until(() => heard.events.length >= 11);
        expect(heard.events.map((event) => event.entry.modRevision)).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
      });

      it('the events of one flush come together', async () => {
        const { store } = await open();
        const heard = listen(store, '/');
        await Promise.all(Array.from({ length: 8 }, (_, i) => put(store, `/k${i}`, '')));
        await until(() => heard.events.length === 8);
        expect(heard.flushes).toEqual([8]);
      });

      it('a cancelled watch hears nothing more, not even what was on its way', async () => {
        const { store } = await open();
        await put(store, '/a', '1');
        const heard = listen(store, '/', { after: 0 });
        heard.watch.cancel();
        await put(store, '/a', '2');
        await settle();
        expect(heard).toMatchObject({ events: [], ended: undefined });
      });

      it('a handler that throws ends its own watch and no other', async () => {
        const { store } = await open();
        const bad = listen(store, '/', { onEvents: () => { throw new Error('broken handler'); } });
        const good = listen(store, '/');
        await put(store, '/a', '1');
        await put(store, '/a', '2');
        await until(() => good.events.length === 2);
        expect(bad.ended!.message).toBe('broken handler');
      });

      it('progress is told on request, with the revision up to which everything was heard', async () => {
        const { store } = await open();
        const heard = listen(store, '/a');
        await put(store, '/b', '1');
        heard.watch.requestProgress();
        await until(() => heard.progress.length === 1);
        expect(heard.progress).toEqual([1]);
        const order: string[] = [];
        const second = listen(store, '/', { after: 0, onEvents: () => order.push('event'), onProgress: (revision) => order.push(`progress ${revision}`) });
        second.watch.requestProgress();
        await until(() => order.length === 2);
        expect(order).toEqual(['event', 'progress 1']);
      });

      it('a watch from the future is refused, and from what is compacted too', async () => {
        const { store } = await open();
        for (let i = 0; i < 5; i++) await put(store, '/a', `${i}`);
        await store.compact(3);
        expect(() => listen(store, '/', { after: 6 })).toThrow(FutureRevisionError);
        expect(() => listen(store, '/', { after: 2 })).toThrow(CompactedError);
        const heard = listen(store, '/', { after: 3 });
        await until(() => heard.events.length === 2);
      });

      it('a handler may write, watch and cancel', async () => {
        const { store } = await open();
        const inner: StoreEvent[] = [];
        const outer = listen(store, '/a', {
          onEvents: () => {
            outer.watch.cancel();
            store.watch('/b', { onEvents: (events) => void inner.push(...events), onEnd: () => undefined });
            void put(store, '/b', 'from the handler');
          },
        });
        await put(store, '/a', '1');
        await until(() => inner.length === 1);
      });
    });

    describe('history and compaction', () => {
      it('the history tells every write with its cause', async () => {
        const { store } = await open();
        await store.put('/a', () => '1', { cause: { who: 'kubectl' } });
        await store.put('/b', () => '1', { cause: { who: 'controller', revision: 1 } });
        await store.delete('/a', { cause: { who: 'gc', revision: 2 }, tombstone: () => '' });
        const events = await store.history({ after: 0 });
        expect(events.map((event) => event.entry.cause)).toEqual([{ who: 'kubectl' }, { who: 'controller', revision: 1 }, { who: 'gc', revision: 2 }]);
        expect((await store.history({ after: 0, prefix: '/a' })).map((event) => event.entry.modRevision)).toEqual([1, 3]);
        expect((await store.history({ after: 1, limit: 1 })).map((event) => event.entry.modRevision)).toEqual([2]);
        expect((await store.history({ after: 0, to: 2 })).map((event) => event.entry.modRevision)).toEqual([1, 2]);
      });

      it('an event knows when it was written', async () => {
        const { store, clock } = await open();
        await put(store, '/a', '1');
        await clock.advance(5_000);
        await put(store, '/a', '2');
        const [first, second] = await store.history({ after: 0 });
        expect(second!.time - first!.time).toBe(5_000);
      });

      it('knows to a minute what has been outdated for how long', async () => {
        const { store, clock } = await open();
        const { modRevision } = await put(store, '/a', '1');
        await clock.advance(3_600_000);
        expect(store.isOutdated(modRevision, 60_000)).toBe(false);
        await put(store, '/a', '2');
        expect(store.isOutdated(modRevision, 60_000)).toBe(false);
        await clock.advance(180_000);
        expect(store.isOutdated(modRevision, 60_000)).toBe(true);
        expect(store.isOutdated(modRevision, 240_000)).toBe(false);
        expect(store.isOutdated(modRevision + 1, 60_000)).toBe(false);
      });

      it('compaction forgets the past and keeps the present', async () => {
        const { store } = await open();
        await put(store, '/a', '1');
        await put(store, '/b', '1');
        await put(store, '/a', '2');
        await store.compact(2);
        expect(store.compactedRevision).toBe(2);
        await expect(store.history({ after: 1 })).rejects.toBeInstanceOf(CompactedError);
        expect((await store.list('/')).entries.map((entry) => entry.value)).toEqual(['2', '1']);
        await store.compact(1);
        expect(store.compactedRevision).toBe(2);
        await expect(store.compact(4)).rejects.toBeInstanceOf(FutureRevisionError);
      });

      it('history beyond the number of revisions is compacted', async () => {
        const { store } = await open({ history: { maxRevisions: 10 } });
        for (let i = 0; i < 25; i++) await put(store, '/a', `${i}`);
        await until(() => store.compactedRevision === 15);
        expect(() => listen(store, '/', { after: 14 })).toThrow(CompactedError);
      });

      it('history beyond its age is compacted, the newest revision never', async () => {
        const { store, clock } = await open({ history: { maxAge: 600_000 } });
        await put(store, '/a', 'old'.repeat(200));
        await clock.advance(400_000);
        await put(store, '/a', 'young');
        await clock.advance(300_000);
        await until(() => store.compactedRevision === 1);
        await clock.advance(600_000);
        await until(() => store.compactedRevision === 2);
        expect((await store.get('/a'))!.value).toBe('young');
        expect((await store.list('/', { revision: 2 })).entries).toHaveLength(1);
      });

      it('a live watch survives compaction of what it has heard', async () => {
        const { store } = await open();
        const heard = listen(store, '/');
        for (let i = 0; i < 5; i++) await put(store, '/a', `${i}`);
        await store.compact(5);
        await put(store, '/a', 'after');
        await until(() => heard.events.length === 6);
        expect(heard.ended).toBeUndefined();
      });
    });

    describe('the end', () => {
      it('a closed store ends its watches and refuses everything', async () => {
        const { store } = await open();
        await put(store, '/a', '1');
        const heard = listen(store, '/');
        const write = put(store, '/a', '2');
        await store.close();
        expect((await write).modRevision).toBe(2);
        expect(heard.ended).toBeInstanceOf(ClosedError);
        await expect(put(store, '/a', '3')).rejects.toBeInstanceOf(ClosedError);
        await expect(store.get('/a')).rejects.toBeInstanceOf(ClosedError);
        await expect(store.list('/')).rejects.toBeInstanceOf(ClosedError);
        await expect(store.size()).rejects.toBeInstanceOf(ClosedError);
        expect(() => listen(store, '/')).toThrow(ClosedError);
      });
    });

    it('says how much room it takes up, where that is not only memory', async () => {
      const { store, reopen } = await open();
      await put(store, '/a', '1');
      if (reopen) expect(await store.size()).toBeGreaterThan(0);
      else expect(await store.size()).toBeUndefined();
    });

    it('what was written is there after the store was closed and opened again', async () => {
      const harness = await open();
      if (!harness.reopen) return;
      const { store } = harness;
      await store.put('/a', () => 'ä1', { cause: { who: 'kubectl', revision: 0 } });
      await put(store, '/a', '2');
      await put(store, '/b', '日本\ud800');
      await remove(store, '/a');
      const before = (await store.history({ after: 0 })).map(plainEvent);
      const again = await harness.reopen();
      expect(again.revision).toBe(4);
      expect((await again.list('')).entries.map((entry) => entry.value)).toEqual(['日本\ud800']);
      expect((await again.history({ after: 0 })).map(plainEvent)).toEqual(before);
      expect((await put(again, '/a', '5')).modRevision).toBe(5);
    });

    it('a compaction is remembered after the store was opened again', async () => {
      const harness = await open();
      if (!harness.reopen) return;
      for (let i = 0; i < 5; i++) await put(harness.store, '/a', `${i}`);
      await harness.store.compact(3);
      const again = await harness.reopen();
      expect(again.compactedRevision).toBe(3);
    });
  });
}
