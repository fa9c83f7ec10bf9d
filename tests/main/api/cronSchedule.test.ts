import { describe, expect, it } from 'vitest';
import { parseSchedule } from '../../../main/api/cronSchedule.ts';
import { timestamp } from '../../../main/api/meta.ts';

describe('a schedule', () => {
  const next = (schedule: string, after: string, zone?: string) => {
    const at = parseSchedule(schedule, zone).next(Date.parse(after));
    return at === undefined ? undefined : timestamp(at);
  };

  it.each([
    ['* * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:01:00Z'],
    ['* * * * *', '2026-01-01T00:00:59Z', '2026-01-01T00:01:00Z'],
    ['*/15 * * * *', '2026-01-01T00:46:00Z', '2026-01-01T01:00:00Z'],
    ['5/20 * * * *', '2026-01-01T00:26:00Z', '2026-01-01T00:45:00Z'],
    ['0 9-17/4 * * *', '2026-01-01T13:00:00Z', '2026-01-01T17:00:00Z'],
    ['30 4 1,15 * *', '2026-01-02T00:00:00Z', '2026-01-15T04:30:00Z'],
    ['0 0 * feb sun', '2026-03-01T00:00:00Z', '2027-02-07T00:00:00Z'],
    ['0 0 29 2 *', '2026-01-01T00:00:00Z', '2028-02-29T00:00:00Z'],
    ['@monthly', '2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z'],
    ['@every 1h30m', '2026-01-01T00:10:00Z', '2026-01-01T01:40:00Z'],
    ['@every -1h', '2026-01-01T00:10:00Z', '2026-01-01T00:10:01Z'],
    ['5, * * * *', '2026-01-01T00:10:00Z', '2026-01-01T01:05:00Z'],
    ['*-5 * * * *', '2026-01-01T00:10:00Z', '2026-01-01T00:11:00Z'],
    ['TZ=Asia/Tokyo 0 9 * * *', '2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'],
  ])('%s after %s is at %s', (schedule, after, expected) => expect(next(schedule, after)).toBe(expected));

  it('with both a day and a weekday means either', () => {
    expect(next('0 0 13 * fri', '2026-01-03T00:00:00Z')).toBe('2026-01-09T00:00:00Z');
    expect(next('0 0 13 * fri', '2026-01-10T00:00:00Z')).toBe('2026-01-13T00:00:00Z');
  });

  it('keeps to the clocks of its place', () => {
    expect(next('0 12 * * *', '2026-07-01T00:00:00Z', 'Europe/Berlin')).toBe('2026-07-01T10:00:00Z');
    expect(next('0 12 * * *', '2026-01-01T00:00:00Z', 'Europe/Berlin')).toBe('2026-01-01T11:00:00Z');
    expect(next('30 0 * * *', '2026-01-01T00:00:00Z', 'Asia/Kolkata')).toBe('2026-01-01T19:00:00Z');
  });

  it('leaves out an hour that clocks skip, and has twice what they show twice', () => {
    expect(next('30 2 * * *', '2026-03-28T12:00:00Z', 'Europe/Berlin')).toBe('2026-03-30T00:30:00Z');
    expect(next('30 2 * * *', '2026-10-24T12:00:00Z', 'Europe/Berlin')).toBe('2026-10-25T00:30:00Z');
    expect(next('30 2 * * *', '2026-10-25T00:30:00Z', 'Europe/Berlin')).toBe('2026-10-25T01:30:00Z');
  });

  it('may never come', () => expect(next('0 0 31 2 *', '2026-01-01T00:00:00Z')).toBeUndefined());

  it.each(['* * * *', '60 * * * *', '* * * * 7', '*/0 * * * *', '@often', '1-2-3 * * * *', 'x * * * *'])(
    '%s is none',
    (schedule) => expect(() => parseSchedule(schedule)).toThrow(),
  );

  it.each([
    ['@every 1x', 'failed to parse duration @every 1x: time: unknown unit "x" in duration "1x"'],
    ['@every 1', 'failed to parse duration @every 1: time: missing unit in duration "1"'],
    ['@every h', 'failed to parse duration @every h: time: invalid duration "h"'],
    ['* * L * *', 'failed to parse int from L: strconv.Atoi: parsing "L": invalid syntax'],
  ])('%s is refused in the words of upstream', (schedule, message) => expect(() => parseSchedule(schedule)).toThrow(message));

  it('says whose clocks count', () => {
    expect(['0 9 * * *', 'TZ=Asia/Tokyo 0 9 * * *', '@every 1h'].map((text) => parseSchedule(text, 'Europe/Berlin').zone?.name)).toEqual(['Europe/Berlin', 'Asia/Tokyo', undefined]);
  });

  it('says how far its times are apart where they count from the last one', () => {
    expect(parseSchedule('@every 90m').interval).toBe(5_400_000);
    expect(parseSchedule('@hourly').interval).toBeUndefined();
  });
});
