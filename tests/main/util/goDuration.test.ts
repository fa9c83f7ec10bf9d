import { expect, it } from 'vitest';
import { goDuration, parseGoDuration } from '../../../main/util/goDuration.ts';

it.each([
  ['0', 0],
  ['-0', 0],
  ['1m30s', 90_000],
  ['1.5h', 5_400_000],
  ['.5s', 500],
  ['1.s', 1000],
  ['-2ms', -2],
  ['+10us', 0.01],
  ['3µs', 0.003],
  ['3μs', 0.003],
  ['100ns', 0.0001],
  ['-9223372036854775808ns', -9223372036854.775808],
])('%s is read as Go reads it', (text, milliseconds) => expect(goDuration(text)).toBeCloseTo(milliseconds, 6));

it.each([
  ['', 'time: invalid duration ""'],
  ['-', 'time: invalid duration "-"'],
  ['.s', 'time: invalid duration ".s"'],
  [' 1h', 'time: invalid duration " 1h"'],
  ['1', 'time: missing unit in duration "1"'],
  ['1h2', 'time: missing unit in duration "1h2"'],
  ['1d', 'time: unknown unit "d" in duration "1d"'],
  ['1é', 'time: unknown unit "\\xc3\\xa9" in duration "1\\xc3\\xa9"'],
  ['1"', 'time: unknown unit "\\"" in duration "1\\""'],
  ['99999999999999999999', 'time: invalid duration "99999999999999999999"'],
  ['2562048h', 'time: invalid duration "2562048h"'],
  ['9223372036854775808ns', 'time: invalid duration "9223372036854775808ns"'],
])('%j is none, in the words of Go', (text, words) => {
  expect(() => goDuration(text)).toThrow(words);
  expect(parseGoDuration(text)).toBeUndefined();
});
