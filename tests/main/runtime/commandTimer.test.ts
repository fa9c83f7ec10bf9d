import { describe, expect, it } from 'vitest';
import { CommandTimer } from '../../../main/runtime/docker/commandTimer.ts';
import { FakeClock } from '../../support/fakeClock.ts';

/** When, after it was told to begin, a command that runs from one time to another has had its second; undefined: not within a minute. Milliseconds. */
async function timeOf(begins: number, { told = true, ends = Infinity } = {}): Promise<number | undefined> {
  const clock = new FakeClock(0);
  const timer = new CommandTimer(clock, 1000);
  let over: number | undefined;
  void timer.over.then(() => (over = clock.now()));
  if (told) timer.begin(async () => (clock.now() < begins ? 'waiting' : clock.now() < ends ? 'running' : 'ended'));
  for (let i = 0; i < 1200 && over === undefined; i++) await clock.advance(50);
  return over;
}

describe('a command', () => {
  it('has its time from when it runs', async () => {
    expect(await timeOf(0)).toBe(1250);
    expect(await timeOf(600)).toBe(1750);
    expect(await timeOf(9_900)).toBe(11_000);
  });

  it('is not late when it has ended, though the engine takes long to tell', async () => {
    expect(await timeOf(0, { ends: 900 })).toBe(31_000);
    expect(await timeOf(0, { ends: 100 })).toBe(31_000);
    expect(await timeOf(0, { ends: 1400 })).toBe(1250);
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
    timer.begin(async () => 'running');
    await clock.advance(250);
    timer.cancel();
    await clock.advance(60_000);
    expect(over).toBe(false);
  });
});
