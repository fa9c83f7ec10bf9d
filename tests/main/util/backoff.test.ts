import { expect, it } from 'vitest';
import { Backoff } from '../../../main/util/backoff.ts';
import { FakeClock } from '../../support/fakeClock.ts';

const policy = { initial: 1000, max: 4000, factor: 2, resetAfter: 10_000 };

it('each failure of a key lets it wait longer, up to a most, and it starts again once it was left alone or is well', async () => {
  const clock = new FakeClock();
  const backoff = new Backoff(policy, clock);
  expect([1, 2, 3, 4].map(() => backoff.next('a'))).toEqual([1000, 2000, 4000, 4000]);
  expect(backoff.next('b')).toBe(1000);
  backoff.reset('a');
  expect([backoff.remaining('a'), backoff.remaining('b')]).toEqual([0, 1000]);
  await clock.advance(10_001);
  expect(backoff.next('b')).toBe(1000);
});

it('a key that failed again is not forgotten with those that failed as early as it did at first', async () => {
  const clock = new FakeClock();
  const backoff = new Backoff(policy, clock);
  backoff.next('early');
  backoff.next('gone');
  await clock.advance(8000);
  backoff.next('early');
  await clock.advance(3000);
  backoff.next('other');
  expect(backoff.next('early')).toBe(4000);
  expect(backoff.next('gone')).toBe(1000);
});
