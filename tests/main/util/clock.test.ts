import { performance } from 'node:perf_hooks';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { realClock } from '../../../main/util/clock.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

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

it('knows the share of the last moments that the thread was at work', () => {
  const look = (now: number, active: number, idle: number) => {
    vi.spyOn(performance, 'now').mockReturnValue(now);
    vi.spyOn(performance, 'eventLoopUtilization').mockImplementation((later?: { active: number; idle: number }, earlier?: { active: number; idle: number }) => {
      if (!later || !earlier) return { active, idle, utilization: active / (active + idle) };
      const worked = later.active - earlier.active;
      const all = worked + later.idle - earlier.idle;
      return { active: worked, idle: all - worked, utilization: worked / all };
    });
    return realClock.busy();
  };
  const start = performance.now() + 1e6;
  look(start, 1_000, 1_000);
  expect(look(start + 250, 1_225, 1_025)).toBe(0.9);
  // Within the fifth of a second it is not measured anew.
  expect(look(start + 300, 1_225, 1_075)).toBe(0.9);
  expect(look(start + 500, 1_250, 1_250)).toBe(0.1);
});
