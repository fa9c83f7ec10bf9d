import { getHeapStatistics } from 'node:v8';
import { beforeEach, expect, test } from 'vitest';
import { collector, tidyAtRest } from '../../main/tidy.ts';
import { FakeClock } from '../support/fakeClock.ts';

const MiB = 1024 * 1024;
let clock: FakeClock;
let memory: number;
let busy: number;
let collections: string[];
let end: () => void;

const start = () =>
  tidyAtRest(clock, {
    memory: () => memory,
    busy: () => busy,
    collect: (where) => {
      collections.push(where);
      if (where === 'among the new') memory = Math.min(memory, 80 * MiB);
    },
  });
const once = ['everywhere', 'among the new', 'among the new'];

beforeEach(() => {
  clock = new FakeClock();
  [memory, busy, collections] = [90 * MiB, 0, []];
  end = start();
});

test('what a start has left is given back once', async () => {
  await clock.advance(60_000);
  expect([collections, memory]).toEqual([once, 80 * MiB]);
  await clock.advance(3_600_000);
  expect(collections).toEqual(once);
});

test('a burst of work is waited for to its end', async () => {
  await clock.advance(60_000);
  [memory, busy] = [190 * MiB, 0.7];
  await clock.advance(60_000);
  expect(collections).toEqual(once);
  busy = 0.02;
  await clock.advance(9_000);
  expect(collections).toEqual(once);
  await clock.advance(20_000);
  expect(collections).toEqual([...once, ...once]);
});

test('work that comes in between puts it off', async () => {
  await clock.advance(11_000);
  expect(collections).toEqual(['everywhere']);
  busy = 0.5;
  await clock.advance(60_000);
  expect(collections).toEqual(['everywhere']);
  busy = 0;
  await clock.advance(60_000);
  expect(collections).toEqual(['everywhere', ...once]);
});

test('a little more memory is not worth the while, and what cannot be given back is not tried again', async () => {
  await clock.advance(60_000);
  memory = 88 * MiB;
  await clock.advance(60_000);
  expect(collections).toEqual(once);
  end();
  collections = [];
  tidyAtRest(clock, { memory: () => 300 * MiB, busy: () => 0, collect: (where) => collections.push(where) });
  await clock.advance(600_000);
  expect(collections).toEqual(once);
});

test('it ends when told', async () => {
  end();
  await clock.advance(600_000);
  expect(collections).toEqual([]);
});

test('what nobody holds is given back', () => {
  const objects = (count: number) => Array.from({ length: count }, (_, i) => ({ i }));
  const heldAfter = (use: () => number) => {
    use();
    return getHeapStatistics().total_heap_size;
  };
  const before = heldAfter(() => objects(1_000_000).length);
  collector()('everywhere');
  expect(getHeapStatistics().total_heap_size).toBeLessThan(before - 16 * MiB);
});
