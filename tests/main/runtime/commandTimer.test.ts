import { describe, expect, it } from 'vitest';
import { CommandTimer } from '../../../main/runtime/docker/commandTimer.ts';
import { FakeClock } from '../../support/fakeClock.ts';

/** When, after it was told to begin, a command that runs after so many milliseconds has had its second; undefined: not within a minute. */
async function timeOf(beginsAfter: number, { told = true } = {}): Promise<number | undefined> {
  const clock = new FakeClock(0);
  const timer = new CommandTimer(clock, 1000);
  let over: number | undefined;
  void timer.over.then(() => (over = clock.now()));
  if (told) timer.begin(async () => clock.now() >= beginsAfter);
  for (let i = 0; i < 1200 && over === undefined; i++) await clock.advance(50);
  return over;
}

describe('a command', () => {
  it('has its time from when it runs', async () => {
    expect(await timeOf(0)).toBe(1250);
    expect(await timeOf(600)).toBe(1750);
    expect(await timeOf(9_900)).toBe(11_000);
  });

  it('is given up when the engine never begins it, or never answers', async () => {
    expect(await timeOf(Infinity)).toBe(31_000);
    expect(await timeOf(Infinity, { told: false })).toBe(31_000);
  });

  it('that has ended has no time to keep', async () => {
    const clock = new FakeClock(0);
    const timer = new CommandTimer(clock, 1000);
    let over = false;
    void timer.over.then(() => (over = true));
    timer.begin(async () => true);
    await clock.advance(250);
    timer.cancel();
    await clock.advance(60_000);
    expect(over).toBe(false);
  });
});
