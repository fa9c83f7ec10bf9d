import { afterEach, beforeEach, expect, it } from 'vitest';
import { objectOf } from '../../../main/apiserver/registry/stored.ts';
import { createMemoryStore } from '../../../main/store/index.ts';
import { realClock } from '../../../main/util/clock.ts';
import { start, type Harness, type Widget } from './support/harness.ts';

const base = '/apis/test.skiff/v1/namespaces/default/widgets';
const root = '/registry/test.skiff/widgets/default/';

/** More text than this has its object beside it no more. */
const memoChars = 1000;

let harness: Harness;
beforeEach(async () => {
  harness = await start({ store: createMemoryStore({ clock: realClock, memoChars }) });
});
afterEach(() => harness.close());

const textOf = (name: string) => (revision: number) =>
  JSON.stringify({ kind: 'Widget', apiVersion: 'test.skiff/v1', metadata: { name, namespace: 'default', uid: name, resourceVersion: String(revision) } });

async function fill(count: number): Promise<void> {
  const names = Array.from({ length: count }, (_, i) => `w-${String(i).padStart(5, '0')}`);
  await Promise.all(names.map((name) => harness.store.put(root + name, textOf(name), { expected: 0, cause: { who: 'test' } })));
}

/** How often everybody else had a turn while `work` was done. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let done = false;
  void work.finally(() => (done = true));
  let turns = 0;
  for (; !done; turns++) await new Promise((resolve) => setImmediate(resolve));
  return turns;
}

it('a list of thousands that is read in this process lets others have their turns', async () => {
  await fill(3000);
  const list = harness.local.request<{ items: Widget[]; metadata: { resourceVersion: string } }>({ method: 'GET', path: base });
  expect(await turnsDuring(list)).toBeGreaterThan(10);
  const { items, metadata } = (await list).body;
  expect([items.length, metadata.resourceVersion]).toEqual([3000, String(harness.store.revision)]);
});

it('a deletion of many lets others have their turns, and leaves none', async () => {
  await fill(320);
  expect(await turnsDuring(harness.local.request({ method: 'DELETE', path: base }))).toBeGreaterThanOrEqual(20);
  expect(harness.store.count(root)).toBe(0);
});

it('who deletes a collection has what was there as the answer, unless it goes unread', async () => {
  await fill(3);
  const { body } = await harness.local.request<{ items: Widget[] }>({ method: 'DELETE', path: base });
  expect(body.items.map(({ metadata }) => metadata!.name)).toEqual(['w-00000', 'w-00001', 'w-00002']);
  await fill(3);
  expect((await harness.local.request({ method: 'DELETE', path: base, unread: true })).body).toBeUndefined();
  expect(harness.store.count(root)).toBe(0);
});

it('an object that the store has no room for is parsed once for all who look at it in a row', async () => {
  await fill(50);
  const entries = (await harness.store.list(root)).entries;
  const last = entries.at(-1)!;
  for (const entry of entries) objectOf(entry);
  expect(last.memo).toBeUndefined();
  expect(objectOf(last)).toBe(objectOf(last));
});
