import { describe, expect, it } from 'vitest';
import { formatMicroTime, formatTime, parseApiTime } from '../../../main/api/time.ts';

describe('a time of the API', () => {
  it('is read with any offset and any fraction, and written in UTC', () => {
    const time = parseApiTime('2024-02-29T23:59:59.1234567-07:30', 'time');
    expect(formatTime(time)).toBe('2024-03-01T07:29:59Z');
    expect(formatMicroTime(time)).toBe('2024-03-01T07:29:59.123456Z');
    expect(formatMicroTime(parseApiTime('0999-01-01T00:00:00.000001Z', 'microTime'))).toBe('0999-01-01T00:00:00.000001Z');
  });

  it.each<[string, 'time' | 'microTime', string]>([
    ['', 'time', 'parsing time "" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "2006"'],
    ['2024-01-02', 'time', 'parsing time "2024-01-02" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T"'],
    ['2024-01-02T03:04:05', 'time', 'parsing time "2024-01-02T03:04:05" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "Z07:00"'],
    ['2024-01-02T03:04:05Zx', 'time', 'parsing time "2024-01-02T03:04:05Zx": extra text: "x"'],
    ['2024-13-02T03:04:05Z', 'time', 'parsing time "2024-13-02T03:04:05Z": month out of range'],
    ['2023-02-29T03:04:05Z', 'time', 'parsing time "2023-02-29T03:04:05Z": day out of range'],
    ['2024-01-02T24:04:05Z', 'time', 'parsing time "2024-01-02T24:04:05Z": hour out of range'],
    [
      '2024-01-02T03:04:05Z',
      'microTime',
      'parsing time "2024-01-02T03:04:05Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "Z" as ".000000"',
    ],
  ])('%j as a %s is refused in the words of Go', (text, layout, message) => {
    expect(() => parseApiTime(text, layout)).toThrow(new Error(message));
  });
});
