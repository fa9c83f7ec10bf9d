import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { realClock } from '../../../main/util/clock.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const day = 24 * 3600 * 1000;

it('a timer of months waits for months, and can be cancelled all the time', () => {
  let fired = 0;
  realClock.setTimer(60 * day, () => fired++);
  const cancelled = realClock.setTimer(60 * day, () => (fired += 100));
  vi.advanceTimersByTime(59 * day);
  expect(fired).toBe(0);
  cancelled.cancel();
  vi.advanceTimersByTime(day);
  expect(fired).toBe(1);
  vi.advanceTimersByTime(100 * day);
  expect(fired).toBe(1);
});

it('a timer without an end never fires', () => {
  let fired = false;
  realClock.setTimer(Infinity, () => (fired = true)).cancel();
  realClock.setTimer(Infinity, () => (fired = true));
  vi.advanceTimersByTime(100 * day);
  expect(fired).toBe(false);
});
