import { describe, expect, it } from 'vitest';
import { locationFault, TimeZone } from '../../../main/api/timeZone.ts';

describe('the name of a place', () => {
  it.each(['', 'UTC', 'Local', 'Europe/Berlin', 'Asia/Kolkata', 'Asia/Calcutta', 'US/Pacific', 'GMT+0', 'MST7MDT', 'Mexico/BajaSur', 'America/Argentina/ComodRivadavia', 'America/Port-au-Prince', 'Africa/Dar_es_Salaam', 'Antarctica/DumontDUrville', 'America/North_Dakota/New_Salem', 'Etc/GMT+5', 'EST5EDT', 'EST', 'GB', 'W-SU', 'NZ-CHAT', 'Eire'])(
    '%j is known',
    (name) => expect(locationFault(name)).toBeUndefined(),
  );

  it.each(['Moon/Base', 'PST', 'ACT', 'SystemV/PST8', 'US/Pacific-New', 'utc', 'Utc', 'europe/berlin', 'EUROPE/BERLIN', 'Europe/BErlin', 'us/pacific', 'Us/Pacific', 'US/PAcific', 'W-Su', 'Gmt+0', 'Africa/Dar_Es_Salaam', 'America/Argentina/Comodrivadavia', 'EuRope/Berlin', 'asia/kolkata', 'Europe/', 'Europe', '+05:00'])('%j is unknown, as it is to Go', (name) => {
    expect(locationFault(name)).toBe(`unknown time zone ${name}`);
    expect(() => new TimeZone(name)).toThrow(`unknown time zone ${name}`);
  });

  it('is known wherever a list of those that this runtime goes by has it', () => {
    const all = Intl.supportedValuesOf('timeZone');
    expect(all.length).toBeGreaterThan(400);
    expect(all.filter((name) => locationFault(name))).toEqual([]);
  });

  it.each(['../x', '/etc/passwd', '\\\\x', 'Europe/..Berlin'])('%j is not even looked up', (name) => expect(locationFault(name)).toBe('time: invalid location name'));
});
