import { TimeZone, type WallTime } from './timeZone.ts';

export interface Schedule {
  /** The first time after `ms` (since the epoch); undefined when there is none in the next five years. */
  next(ms: number): number | undefined;
  /** Milliseconds from one time to the next where they count from the last one, as those of `@every` do; absent where a clock on the wall says when. */
  interval?: number;
  /** Whose clocks count; absent where no clock does. */
  zone?: TimeZone;
}

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const descriptors: Record<string, string> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

/**
 * Reads a schedule as CronJobs have them; throws an Error that says what is wrong with it. `zone` counts unless the
 * text names one itself. Mirrors ParseStandard of github.com/robfig/cron/v3.
 */
export function parseSchedule(text: string, zone?: string): Schedule {
  const [, own, rest] = /^(?:(?:CRON_)?TZ=(\S+)\s+)?(.*)$/.exec(text.trim())!;
  const every = /^@every\s+(.+)$/.exec(rest!);
  if (every) return everySchedule(every[1]!);
  if (rest!.startsWith('@') && !descriptors[rest!]) throw new Error(`unrecognized descriptor: ${rest}`);
  const fields = (descriptors[rest!] ?? rest!).split(/\s+/);
  if (fields.length !== 5) throw new Error(`expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`);
  return new CalendarSchedule(new TimeZone(own ?? zone), {
    minutes: parseField(fields[0]!, 0, 59),
    hours: parseField(fields[1]!, 0, 23),
    days: parseField(fields[2]!, 1, 31),
    months: parseField(fields[3]!, 1, 12, months),
    weekdays: parseField(fields[4]!, 0, 6, weekdays),
  });
}

interface Field {
  values: Set<number>;
  /** Whether it says nothing: of day and weekday then only the other counts. */
  any: boolean;
}

function parseField(text: string, min: number, max: number, names: string[] = []): Field {
  const field: Field = { values: new Set(), any: false };
  for (const part of text.split(',').filter(Boolean)) {
    const [span = '', stepText, ...more] = part.split('/');
    const ends = span.split('-');
    if (more.length > 0) throw new Error(`too many slashes: ${part}`);
    if (ends.length > 2) throw new Error(`too many hyphens: ${part}`);
    const step = stepText === undefined ? 1 : number(stepText);
    if (step === 0) throw new Error(`step of range should be a positive number: ${part}`);
    const star = ends[0] === '*' || ends[0] === '?';
    const start = star ? min : number(ends[0]!, min, names);
    const end = star || (ends.length === 1 && stepText !== undefined) ? max : number(ends.at(-1)!, min, names);
    if (start < min) throw new Error(`beginning of range (${start}) below minimum (${min}): ${part}`);
    if (end > max) throw new Error(`end of range (${end}) above maximum (${max}): ${part}`);
    if (start > end) throw new Error(`beginning of range (${start}) beyond end of range (${end}): ${part}`);
    for (let value = start; value <= end; value += step) field.values.add(value);
    field.any ||= star && step === 1;
  }
  return field;
}

function number(text: string, min = 0, names: string[] = []): number {
  const named = names.indexOf(text.toLowerCase());
  if (named >= 0) return named + min;
  if (!/^\d+$/.test(text)) throw new Error(`failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}

const units: Record<string, number> = { h: hour, m: minute, s: second, ms: 1, us: 1e-3, µs: 1e-3, μs: 1e-3, ns: 1e-6 };

function everySchedule(text: string): Schedule {
  const delay = duration(text);
  if (typeof delay === 'string') throw new Error(`failed to parse duration @every ${text}: time: ${delay} duration ${JSON.stringify(text)}`);
  const whole = Math.max(second, Math.floor(delay / second) * second);
  return { next: (ms) => Math.floor(ms / second) * second + whole, interval: whole };
}

/** Milliseconds, or what is wrong, in Go's words. */
function duration(text: string): number | string {
  const [, sign, rest] = /^([+-]?)(.*)$/s.exec(text)!;
  if (rest === '0') return 0;
  let delay = 0;
  let read = 0;
  for (const [part, value, unit] of rest!.matchAll(/(\d+\.?\d*|\.\d+)([^\d.]*)/gy)) {
    if (!unit) return 'missing unit in';
    if (!units[unit]) return `unknown unit ${JSON.stringify(unit)} in`;
    delay += Number(value) * units[unit];
    read += part.length;
  }
  if (read === 0 || read < rest!.length) return 'invalid';
  return sign === '-' ? -delay : delay;
}

interface Fields {
  minutes: Field;
  hours: Field;
  days: Field;
  months: Field;
  weekdays: Field;
}

/** Times that a clock on the wall shows: those that it skips are left out, those that it shows twice come twice. */
class CalendarSchedule implements Schedule {
  constructor(
    readonly zone: TimeZone,
    private readonly fields: Fields,
  ) {}

  next(ms: number): number | undefined {
    const limit = ms + 5 * 366 * day;
    let at = (Math.floor(ms / minute) + 1) * minute;
    while (at <= limit) {
      const step = this.#stepFrom(this.zone.at(at));
      if (step === 0) return at;
      at += step;
    }
    return undefined;
  }

  /** How far the next match is away at least, in milliseconds; 0 for a match. */
  #stepFrom(wall: WallTime): number {
    const { minutes, hours } = this.fields;
    // Far steps end well before midnight: clocks are changed around it.
    const evening = wall.hour < 20 ? (20 - wall.hour) * hour - wall.minute * minute : 0;
    if (!this.fields.months.values.has(wall.month)) {
      return (wall.day < 26 ? (26 - wall.day) * day : 0) + evening || hour - wall.minute * minute;
    }
    if (!this.#isDay(wall)) return evening || hour - wall.minute * minute;
    if (!hours.values.has(wall.hour)) return hour - wall.minute * minute;
    return minutes.values.has(wall.minute) ? 0 : minute;
  }

  #isDay(wall: WallTime): boolean {
    const { days, weekdays } = this.fields;
    const dayFits = days.values.has(wall.day);
    const weekdayFits = weekdays.values.has(wall.weekday);
    return days.any || weekdays.any ? dayFits && weekdayFits : dayFits || weekdayFits;
  }
}
