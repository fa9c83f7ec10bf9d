import { describe, expect, it } from 'vitest';
import { LogRepeats } from '../../../main/runtime/docker/logRepeats.ts';

/** So many nanoseconds after midnight. */
const at = (nanoseconds: number) => `2026-01-01T00:00:00.${String(nanoseconds).padStart(9, '0')}Z`;

/** Which of the lines pass: each is its time, and is the beginning of a line that goes on if its time is negative. */
function passing(times: number[]): number[] {
  const repeats = new LogRepeats();
  return times.filter((time) => !repeats.isRepeat(at(Math.abs(time)), time >= 0));
}

describe('lines of a log that is followed', () => {
  it('pass once, though the engine begins a file anew', () => {
    expect(passing([1, 2, 3, 4, 3, 4, 5, 6])).toEqual([1, 2, 3, 4, 5, 6]);
    expect(passing([1, 2, 2, 3])).toEqual([1, 2, 3]);
  });

  it('pass once when the engine begins anew several times, and stops in the middle of it', () => {
    expect(passing([1, 2, 3, 2, 3, 4, 4, 2, 3, 4, 5, 1, 2, 1, 6])).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('pass in all their parts, which have one time', () => {
    expect(passing([1, -2, -2, 2, 3])).toEqual([1, -2, -2, 2, 3]);
    expect(passing([1, -2, -2, 2, -2, -2, 2, 3])).toEqual([1, -2, -2, 2, 3]);
  });

  it('pass when the clock was set back', () => {
    expect(passing([10, 20, 30, 15, 16, 17, 16, 17, 18, 40])).toEqual([10, 20, 30, 15, 16, 17, 18, 40]);
  });

  it('are remembered as far back as a file goes', () => {
    const lines = Array.from({ length: 300_000 }, (_, i) => i + 1);
    expect(passing([...lines, ...lines.slice(-100_000), 400_000])).toHaveLength(300_001);
  });
});
