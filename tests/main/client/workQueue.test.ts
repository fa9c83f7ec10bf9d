import { beforeEach, describe, expect, it } from 'vitest';
import { WorkQueue } from '../../../main/client/index.ts';
import { FakeClock, settle } from '../../support/fakeClock.ts';

let clock: FakeClock;
let queue: WorkQueue;
beforeEach(() => {
  clock = new FakeClock();
  queue = new WorkQueue(clock);
});

it('hands out a key once, however often it was added', async () => {
  queue.add('a');
  queue.add('a');
  queue.add('b');
  expect([await queue.get(), await queue.get(), queue.length]).toEqual(['a', 'b', 0]);
});

it('never hands out a key twice at once, and again afterwards when it was added meanwhile', async () => {
  queue.add('a');
  await queue.get();
  queue.add('a');
  expect(queue.length).toBe(0);
  queue.done('a');
  expect(await queue.get()).toBe('a');
});

it('gives a key to a worker that waits', async () => {
  const waiting = queue.get();
  queue.add('a');
  expect(await waiting).toBe('a');
});

it('adds a key when its time has come, the earliest of several', async () => {
  queue.addAfter('a', 5000);
  queue.addAfter('a', 1000);
  queue.addAfter('a', 9000);
  await clock.advance(999);
  expect(queue.length).toBe(0);
  await clock.advance(1);
  expect(queue.length).toBe(1);
  expect(clock.pending).toBe(0);
});

describe('a sync that fails', () => {
  it('is tried again after 5, 10, 20 … milliseconds, and forgotten when it succeeds', async () => {
    const tries: number[] = [];
    void queue.run(1, () => {
      tries.push(clock.now());
      return tries.length < 5 ? Promise.reject(new Error('no')) : Promise.resolve();
    });
    queue.add('a');
    await clock.advance(10_000);
    expect(tries.map((at) => at - tries[0]!)).toEqual([0, 5, 15, 35, 75]);
    expect(queue.requeues('a')).toBe(0);
  });

  it('shares ten tries a second with all others once a hundred are used up', () => {
    const waits = Array.from({ length: 130 }, (_, i) => {
      queue.addRateLimited(`key-${i}`);
      return queue.requeues(`key-${i}`);
    });
    expect(waits.every((requeues) => requeues === 1)).toBe(true);
    expect(clock.pending).toBe(130);
    return clock.advance(1000).then(() => expect(queue.length).toBe(110));
  });
});

it('works with as many keys at once as there are workers', async () => {
  let running = 0;
  let most = 0;
  const release: (() => void)[] = [];
  void queue.run(3, async () => {
    most = Math.max(most, ++running);
    await new Promise<void>((resolve) => release.push(resolve));
    running--;
  });
  for (let i = 0; i < 10; i++) queue.add(`key-${i}`);
  for (let i = 0; i < 10; i++) {
    await settle(2);
    release.shift()!();
  }
  await settle();
  expect([most, running, queue.length]).toEqual([3, 0, 0]);
});

it('stops when what is under way has ended, and takes nothing more', async () => {
  let finish = () => {};
  const done: string[] = [];
  const running = queue.run(1, async (key) => {
    await new Promise<void>((resolve) => (finish = resolve));
    done.push(key);
  });
  queue.add('a');
  queue.add('b');
  queue.addAfter('c', 10);
  await settle();
  const stopped = queue.stop();
  finish();
  await Promise.all([stopped, running]);
  queue.add('d');
  expect([done, queue.length, clock.pending]).toEqual([['a'], 0, 0]);
});
