import { describe, expect, it } from 'vitest';
import { LogSkips } from '../../../main/runtime/docker/logSkips.ts';

const line = 100_000;

/** Whether each of the lines, [written, received], is taken for one that follows on others that are missing. */
function skips(lines: [number, number][], { asked = 0, bytes = line } = {}): boolean[] {
  const skips = new LogSkips(asked);
  return lines.map(([written, received]) => skips.isSkip(written, received, bytes));
}

describe('lines that an engine left out', () => {
  it('are seen when the next line was there already', () => {
    expect(skips([[10, 10], [20, 900], [800, 901]])).toEqual([false, false, true]);
  });

  it('are none where a container was silent', () => {
    expect(skips([[10, 10], [20, 20], [5000, 5000], [5001, 5050]])).toEqual([false, false, false, false]);
  });

  it('are none in what was there when the log was asked for', () => {
    expect(skips([[10, 10_000], [500, 10_000], [9000, 10_000]], { asked: 10_000 })).toEqual([false, false, false]);
  });

  it('are seen though the clocks differ', () => {
    expect(skips([[10, 7010], [20, 7020], [800, 7800], [810, 8900], [1700, 8901]])).toEqual([false, false, false, false, true]);
  });

  it('are not suspected for every few bytes', () => {
    expect(skips([[10, 10], [20, 900], [800, 901]], { bytes: 100 })).toEqual([false, false, false]);
  });

  it('are seen behind a file that the engine has sent again', () => {
    const skips = new LogSkips(0);
    expect(skips.isSkip(10, 10, line)).toBe(false);
    expect(skips.isSkip(20, 20, line)).toBe(false);
    skips.repeated(900);
    expect(skips.isSkip(800, 901, line)).toBe(true);
  });
});
