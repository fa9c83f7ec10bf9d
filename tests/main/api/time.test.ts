import { describe, expect, it } from 'vitest';
import { normalizeTime } from '../../../main/api/normalize.ts';
import { formatMicroTime, formatTime, parseApiTime } from '../../../main/api/time.ts';

describe('a time of the API', () => {
  it('is read with any offset and any fraction, and written in UTC', () => {
    const time = parseApiTime('2024-02-29T23:59:59.1234567-07:30', 'time');
    expect(formatTime(time)).toBe('2024-03-01T07:29:59Z');
    expect(formatMicroTime(time)).toBe('2024-03-01T07:29:59.123456Z');
    expect(formatMicroTime(parseApiTime('0999-01-01T00:00:00.000001Z', 'microTime'))).toBe('0999-01-01T00:00:00.000001Z');
  });

  it('is told to be written as Go writes it, or not to be a time, on every day that a month may have', () => {
    const outcome = (run: () => string | undefined) => {
      try {
        return run();
      } catch (error) {
        return (error as Error).message;
      }
    };
    const two = (value: number) => String(value).padStart(2, '0');
    for (const year of ['0001', '1900', '2023', '2024'])
      for (let month = 0; month <= 13; month++)
        for (let day = 0; day <= 32; day++)
          for (const rest of ['00:00:00', '23:59:59', '24:00:00', '00:60:00', '00:00:60']) {
            const text = `${year}-${two(month)}-${two(day)}T${rest}`;
            if (text === '0001-01-01T00:00:00') continue;
            expect(outcome(() => normalizeTime('Time', `${text}Z`))).toBe(outcome(() => formatTime(parseApiTime(`${text}Z`, 'time'))));
            const micro = `${text}.000120Z`;
            expect(outcome(() => normalizeTime('MicroTime', micro))).toBe(outcome(() => formatMicroTime(parseApiTime(micro, 'microTime'))));
          }
    expect(normalizeTime('Time', '0001-01-01T00:00:00Z')).toBeUndefined();
    expect(normalizeTime('Time', '2024-01-02T03:04:05.6Z')).toBe('2024-01-02T03:04:05Z');
    expect(normalizeTime('MicroTime', '2024-01-02T03:04:05,600000Z')).toBe('2024-01-02T03:04:05.600000Z');
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
