import { expect, it } from 'vitest';
import { cronProblem, isTimeZone } from '../../../../main/apiserver/validation/cron.ts';

it.each(['* * * * *', '*/5 0-6,22 1 jan mon-fri', '0 0 31 12 6', '@daily', '@every 1h30m', '0/15 * ? * *'])('takes the schedule %s', (schedule) => {
  expect(cronProblem(schedule)).toBeUndefined();
});

it.each([
  ['* * * *', 'expected exactly 5 fields, found 4: [* * * *]'],
  ['60 * * * *', 'end of range (60) above maximum (59): 60'],
  ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
  ['5-1 * * * *', 'beginning of range (5) beyond end of range (1): 5-1'],
  ['*/0 * * * *', 'step of range should be a positive number: */0'],
  ['x * * * *', 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
  ['@sometimes', 'unrecognized descriptor: @sometimes'],
])('says what is wrong with %s', (schedule, problem) => {
  expect(cronProblem(schedule)).toBe(problem);
});

it('knows the time zones of the world', () => {
  expect([isTimeZone('Europe/Berlin'), isTimeZone('UTC'), isTimeZone('Moon/Base')]).toEqual([true, true, false]);
});
