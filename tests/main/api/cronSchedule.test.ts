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
    ['* * * JAN-mar SUN,Tue', '2026-01-01T00:00:00Z', '2026-01-04T00:00:00Z'],
    ['* * * 1-jan *', '2026-01-01T00:00:00Z', '2026-01-01T00:01:00Z'],
    [',, * * * *', '2026-01-01T00:00:00Z', undefined],
    ['007 * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:07:00Z'],
    ['+5 * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:05:00Z'],
    ['*-5-9 * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:01:00Z'],
    ['*/9223372036854775807 * * * *', '2026-01-01T00:00:00Z', '2026-01-01T01:00:00Z'],
    ['TZ=Asia/Tokyo   @daily  ', '2026-01-01T00:00:00Z', '2026-01-01T15:00:00Z'],
    ['TZ= 0 9 * * *', '2026-01-01T00:00:00Z', '2026-01-01T09:00:00Z'],
    ['CRON_TZ=Asia/Tokyo 0 9 * * *', '2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'],
    ['TZ=US/Pacific 0 9 * * *', '2026-01-01T00:00:00Z', '2026-01-01T17:00:00Z'],
    ['@every 1.5h', '2026-01-01T00:00:00Z', '2026-01-01T01:30:00Z'],
    ['@every .5h', '2026-01-01T00:00:00Z', '2026-01-01T00:30:00Z'],
    ['@every 10µs', '2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z'],
    ['@every 3μs', '2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z'],
    ['0 0 13 * */2', '2026-01-01T00:00:00Z', '2026-01-03T00:00:00Z'],
    ['*/1 * * * 1', '2026-01-01T00:00:00Z', '2026-01-05T00:00:00Z'],
    ['0 0 29 2 *', '2026-01-01T00:00:00Z', '2028-02-29T00:00:00Z'],
    ['*\u00a0*\u0085*\u2003*\u3000*', '2026-01-01T00:00:00Z', '2026-01-01T00:01:00Z'],
    ['?/2 * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:02:00Z'],
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

  it.each([
    ['@every 1x', 'failed to parse duration @every 1x: time: unknown unit "x" in duration "1x"'],
    ['@every 1', 'failed to parse duration @every 1: time: missing unit in duration "1"'],
    ['@every h', 'failed to parse duration @every h: time: invalid duration "h"'],
    ['@every 1h ', 'failed to parse duration @every 1h : time: unknown unit "h " in duration "1h "'],
    ['@every  1h', 'failed to parse duration @every  1h: time: invalid duration " 1h"'],
    ['@every', 'unrecognized descriptor: @every'],
    ['@every .', 'failed to parse duration @every .: time: invalid duration "."'],
    ['@every .s', 'failed to parse duration @every .s: time: invalid duration ".s"'],
    ['@every 1é', 'failed to parse duration @every 1é: time: unknown unit "\\xc3\\xa9" in duration "1\\xc3\\xa9"'],
    ['@every 9999999999h', 'failed to parse duration @every 9999999999h: time: invalid duration "9999999999h"'],
    ['@every 9223372036854775808ns', 'failed to parse duration @every 9223372036854775808ns: time: invalid duration "9223372036854775808ns"'],
    ['@every 1"', 'failed to parse duration @every 1": time: unknown unit "\\"" in duration "1\\""'],
    ['@sometimes', 'unrecognized descriptor: @sometimes'],
    ['@Daily', 'unrecognized descriptor: @Daily'],
    [' @daily', 'expected exactly 5 fields, found 1: [@daily]'],
    ['@daily ', 'unrecognized descriptor: @daily '],
    ['* * * *', 'expected exactly 5 fields, found 4: [* * * *]'],
    ['* * * * * *', 'expected exactly 5 fields, found 6: [* * * * * *]'],
    ['60 * * * *', 'end of range (60) above maximum (59): 60'],
    ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
    ['* * * 0 *', 'beginning of range (0) below minimum (1): 0'],
    ['* * * * 7', 'end of range (7) above maximum (6): 7'],
    ['* * * foo *', 'failed to parse int from foo: strconv.Atoi: parsing "foo": invalid syntax'],
    ['jan * * * *', 'failed to parse int from jan: strconv.Atoi: parsing "jan": invalid syntax'],
    ['5-1 * * * *', 'beginning of range (5) beyond end of range (1): 5-1'],
    ['*/0 * * * *', 'step of range should be a positive number: */0'],
    ['5/0 * * * *', 'step of range should be a positive number: 5/0'],
    ['99/0 * * * *', 'beginning of range (99) beyond end of range (59): 99/0'],
    ['*/-5 * * * *', 'negative number (-5) not allowed: -5'],
    ['*/x * * * *', 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
    ['*/ * * * *', 'failed to parse int from : strconv.Atoi: parsing "": invalid syntax'],
    ['/ * * * *', 'failed to parse int from : strconv.Atoi: parsing "": invalid syntax'],
    ['/5 * * * *', 'failed to parse int from : strconv.Atoi: parsing "": invalid syntax'],
    ['-5 * * * *', 'failed to parse int from : strconv.Atoi: parsing "": invalid syntax'],
    ['5- * * * *', 'failed to parse int from : strconv.Atoi: parsing "": invalid syntax'],
    ['1-2-3 * * * *', 'too many hyphens: 1-2-3'],
    ['x-2-3 * * * *', 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
    ['1/2/3 * * * *', 'too many slashes: 1/2/3'],
    ['x/2/3 * * * *', 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
    ['1-70/2/3 * * * *', 'too many slashes: 1-70/2/3'],
    [',5,,x * * * *', 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
    ['+ * * * *', 'failed to parse int from +: strconv.Atoi: parsing "+": invalid syntax'],
    ['1_0 * * * *', 'failed to parse int from 1_0: strconv.Atoi: parsing "1_0": invalid syntax'],
    ['0x10 * * * *', 'failed to parse int from 0x10: strconv.Atoi: parsing "0x10": invalid syntax'],
    ['99999999999999999999 * * * *', 'failed to parse int from 99999999999999999999: strconv.Atoi: parsing "99999999999999999999": value out of range'],
    ['-99999999999999999999 * * * *', 'failed to parse int from : strconv.Atoi: parsing "": invalid syntax'],
    ['5/99999999999999999999 * * * *', 'failed to parse int from 99999999999999999999: strconv.Atoi: parsing "99999999999999999999": value out of range'],
    ['9223372036854775807 * * * *', 'end of range (9223372036854775807) above maximum (59): 9223372036854775807'],
    ['1-9007199254740993 * * * *', 'end of range (9007199254740993) above maximum (59): 1-9007199254740993'],
    ['5/-99999999999999999999 * * * *', 'failed to parse int from -99999999999999999999: strconv.Atoi: parsing "-99999999999999999999": value out of range'],
    ['** * * * *', 'failed to parse int from **: strconv.Atoi: parsing "**": invalid syntax'],
    ['\\ * * * *', 'failed to parse int from \\: strconv.Atoi: parsing "\\\\": invalid syntax'],
    ['\u0007 * * * *', 'failed to parse int from \u0007: strconv.Atoi: parsing "\\a": invalid syntax'],
    ['* * L * *', 'failed to parse int from L: strconv.Atoi: parsing "L": invalid syntax'],
    ['* * * * 1#2', 'failed to parse int from 1#2: strconv.Atoi: parsing "1#2": invalid syntax'],
    ['H * * * *', 'failed to parse int from H: strconv.Atoi: parsing "H": invalid syntax'],
    ['\t*\t*  * *', 'expected exactly 5 fields, found 4: [* * * *]'],
    ['*', 'expected exactly 5 fields, found 1: [*]'],
    ['*\ufeff* * * * *', 'failed to parse int from *\ufeff*: strconv.Atoi: parsing "*\\ufeff*": invalid syntax'],
    ['TZ=Asia/Tokyo\t0 9 * * *', 'provided bad location Asia/Tokyo\t0: unknown time zone Asia/Tokyo\t0'],
    ['TZ=Asia/Tokyo', 'invalid schedule format: runtime error: slice bounds out of range [:-1]'],
    ['TZ=0', 'invalid schedule format: runtime error: slice bounds out of range [:-1]'],
    ['TZ=utc 0 9 * * *', 'provided bad location utc: unknown time zone utc'],
    ['TZ=Moon/Base 0 9 * * *', 'provided bad location Moon/Base: unknown time zone Moon/Base'],
    ['TZ=../x 0 9 * * *', 'provided bad location ../x: time: invalid location name'],
    ['TZ=/etc/passwd 0 9 * * *', 'provided bad location /etc/passwd: time: invalid location name'],
    ['TZ=\\x 0 9 * * *', 'provided bad location \\x: time: invalid location name'],
    ['TZ=a..b 0 9 * * *', 'provided bad location a..b: time: invalid location name'],
    ['TZ=PST 0 9 * * *', 'provided bad location PST: unknown time zone PST'],
    ['TZ=europe/berlin 0 9 * * *', 'provided bad location europe/berlin: unknown time zone europe/berlin'],
    ['TZ=us/pacific 0 9 * * *', 'provided bad location us/pacific: unknown time zone us/pacific'],
    ['TZ=Asia/Kolkata x', 'expected exactly 5 fields, found 1: [x]'],
    ['TZ=Asia/Tokyo ', 'expected exactly 5 fields, found 0: []'],
    [' TZ=Asia/Tokyo 0 9 * * *', 'expected exactly 5 fields, found 6: [TZ=Asia/Tokyo 0 9 * * *]'],
    ['0 0 * TZ=x *', 'failed to parse int from TZ=x: strconv.Atoi: parsing "TZ=x": invalid syntax'],
    ['tz=UTC * * * * *', 'expected exactly 5 fields, found 6: [tz=UTC * * * * *]'],
    ['', 'empty spec string'],
  ])('%j is refused in the words of upstream', (schedule, message) => {
    let refusal: string | undefined;
    try {
      parseSchedule(schedule);
    } catch (error) {
      refusal = (error as Error).message;
    }
    expect(refusal).toBe(message);
  });

  it('is read with the name of a zone before it where its object names one, so that space around it does not count', () => {
    expect(next(' @daily', '2026-01-01T00:00:00Z', 'Asia/Tokyo')).toBe('2026-01-01T15:00:00Z');
    expect(next('@daily ', '2026-01-01T00:00:00Z', '')).toBe('2026-01-02T00:00:00Z');
    expect(() => parseSchedule('@daily', 'asia/tokyo')).toThrow('provided bad location asia/tokyo: unknown time zone asia/tokyo');
  });

  it('may come up to the end of the fifth year after this one', () => {
    expect(next('0 0 29 2 *', '2099-01-15T10:00:00Z')).toBe('2104-02-29T00:00:00Z');
    expect(next('0 0 29 2 *', '2098-12-31T23:00:00Z')).toBeUndefined();
  });

  it('says whose clocks count', () => {
    expect(['0 9 * * *', 'TZ=Asia/Tokyo 0 9 * * *', '@every 1h'].map((text) => parseSchedule(text, 'Europe/Berlin').zone?.name)).toEqual(['Europe/Berlin', 'Asia/Tokyo', undefined]);
  });

  it('says how far its times are apart where they count from the last one', () => {
    expect(parseSchedule('@every 90m').interval).toBe(5_400_000);
    expect(parseSchedule('@hourly').interval).toBeUndefined();
  });
});
