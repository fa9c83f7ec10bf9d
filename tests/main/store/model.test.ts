import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CompactedError, ConflictError, createMemoryStore, openDiskStore, type Store, type StoreEvent } from '../../../main/store/index.ts';
import { noLog } from '../../../main/util/log.ts';
import { checkConsistency, plain, until } from '../../contracts/store.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { CrashFiles } from './support/crashFiles.ts';
import { Model } from './support/model.ts';

const cause = { who: 'test' };

type Step =
  | { type: 'put'; key: string; value: string; expected: 'any' | 'right' | 'wrong' | 'none' }
  | { type: 'delete'; key: string; expected: 'any' | 'right' | 'wrong' }
  | { type: 'flush' }
  | { type: 'compact'; back: number }
  | { type: 'watch'; prefix: string; back: number }
  | { type: 'reopen' };

const key = fc.constantFrom('/a', '/a/1', '/a/2', '/b/1', '/b/2', '/b/c/d/e', '/b/c/d/f/g', '/ä');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constant('put' as const), key, value: fc.string({ maxLength: 60, unit: 'binary' }), expected: fc.constantFrom('any', 'right', 'wrong', 'none') }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('delete' as const), key, expected: fc.constantFrom('any', 'right', 'wrong') }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('flush' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('compact' as const), back: fc.nat(6) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('watch' as const), prefix: fc.constantFrom('', '/a', '/a/', '/b/', '/b/c/d/', '/b/c/d/e'), back: fc.nat(8) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('reopen' as const) }) },
);

/** The newest writes, durable or not, as a store must see them when it checks what is expected. */
class Newest {
  readonly revisions = new Map<string, number>();
  next = 1;
}

interface Ear {
  prefix: string;
  from: number;
  events: StoreEvent[];
  ended: boolean;
}

async function play(steps: readonly Step[], first: Store, reopen: ((store: Store) => Promise<Store>) | undefined): Promise<void> {
  let store = first;
  const model = new Model();
  const newest = new Newest();
  let ears: Ear[] = [];
  let underWay: Promise<void>[] = [];

  const settle = async () => {
    await Promise.all(underWay);
    underWay = [];
    await model.check(store);
    expect(store.revision).toBe(newest.next - 1);
  };
  const heardAll = async () => {
    for (const ear of ears) {
      const wanted = [...model.writes].filter(([revision, write]) => revision > ear.from && write.key.startsWith(ear.prefix));
      await until(() => ear.ended || ear.events.length >= wanted.length);
      const heard = ear.events.map((event) => [event.entry.modRevision, event.entry.key, event.type === 'put' ? event.entry.value : undefined]);
      // A watch that was compacted away has heard the beginning.
      expect(heard).toEqual(wanted.map(([revision, write]) => [revision, write.key, write.value]).slice(0, ear.ended ? heard.length : undefined));
    }
  };
  const expectation = (name: string, what: 'any' | 'right' | 'wrong' | 'none'): number | undefined => {
    const current = newest.revisions.get(name) ?? 0;
    return what === 'any' ? undefined : what === 'none' ? 0 : what === 'right' ? current : current + 1;
  };

  for (const action of steps) {
    switch (action.type) {
      case 'put': {
        const expected = expectation(action.key, action.expected);
        const wins = expected === undefined || expected === (newest.revisions.get(action.key) ?? 0);
        const written = store.put(action.key, () => action.value, { cause, ...(expected === undefined ? {} : { expected }) });
        if (wins) {
          const revision = newest.next++;
          newest.revisions.set(action.key, revision);
          model.put(revision, action.key, action.value);
          underWay.push(written.then((entry) => void expect(entry.modRevision).toBe(revision)));
        } else {
          const current = newest.revisions.get(action.key);
          underWay.push(
            written.then(
              () => expect.unreachable(),
              async (error: unknown) => {
                expect(error).toBeInstanceOf(ConflictError);
                expect((error as ConflictError).current?.modRevision).toBe(current);
                // The loser can read what it lost against, or something newer.
                if (current !== undefined) expect(store.revision).toBeGreaterThanOrEqual(current);
              },
            ),
          );
        }
        break;
      }
      case 'delete': {
        const current = newest.revisions.get(action.key);
        const expected = expectation(action.key, action.expected);
        const gone = store.delete(action.key, { tombstone: (revision) => `t${revision}`, cause, ...(expected === undefined ? {} : { expected }) });
        if (current !== undefined && (expected === undefined || expected === current)) {
          const revision = newest.next++;
          newest.revisions.delete(action.key);
          model.delete(revision, action.key);
          underWay.push(gone.then((entry) => void expect(plain(entry)).toMatchObject({ modRevision: revision, value: `t${revision}` })));
        } else if (expected === undefined) underWay.push(gone.then((entry) => void expect(entry).toBeUndefined()));
        else underWay.push(gone.then(() => expect.unreachable(), (error: unknown) => void expect(error).toBeInstanceOf(ConflictError)));
        break;
      }
      case 'flush':
        await settle();
        break;
      case 'compact':
        await settle();
        await store.compact(Math.max(0, store.revision - action.back));
        break;
      case 'watch': {
        const from = Math.max(0, store.revision - action.back);
        const ear: Ear = { prefix: action.prefix, from, events: [], ended: false };
        try {
          store.watch(action.prefix, { after: from, onEvents: (events) => void ear.events.push(...events), onEnd: () => (ear.ended = true) });
          ears.push(ear);
        } catch (error) {
          expect(error).toBeInstanceOf(CompactedError);
          expect(from).toBeLessThan(store.compactedRevision);
        }
        break;
      }
      case 'reopen':
        await settle();
        await heardAll();
        if (reopen) {
          store = await reopen(store);
          ears = [];
          await model.check(store);
        }
        break;
    }
  }
  await settle();
  await heardAll();
  await checkConsistency(store);
  await store.close();
}

describe('whatever is done to a store, it does what the model does', () => {
  it('in memory', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), (steps) => play(steps, createMemoryStore({ clock: new FakeClock() }), undefined)),
      { numRuns: 150 },
    );
  });

  it('on disk, with everything but the newest event read back from tiny files', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.constantFrom(0, 300, 1e6), async (steps, memoryBytes) => {
        const files = new CrashFiles();
        const open = () => openDiskStore({ directory: '/data', clock: new FakeClock(), log: noLog, files, history: { memoryBytes }, logFileBytes: 500, preallocateBytes: 100, snapshotBytes: 200 });
        await play(steps, await open(), async (store) => {
          await store.close();
          return open();
        });
      }),
      { numRuns: 150 },
    );
  });
});
