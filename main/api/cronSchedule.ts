import { goDuration } from '../util/goDuration.ts';
import { goQuote } from '../util/goQuote.ts';
import { TimeZone, type WallTime } from './timeZone.ts';

export interface Schedule {
  /** The first time after `ms` (since the epoch); undefined when there is none in its year and the five after it. */
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
 * Reads a schedule as CronJobs have them; throws an Error that says what is wrong with it, in upstream's words. `zone`
 * counts unless the text names one itself. Mirrors ParseStandard of github.com/robfig/cron/v3, ParseCronScheduleWithPanicRecovery of
 * pkg/util/parsers/parsers.go, and how formatSchedule of pkg/controller/cronjob/cronjob_controllerv2.go joins the two.
 */
export function parseSchedule(text: string, zone?: string): Schedule {
  let spec = zone === undefined || text.includes('TZ') ? text : `TZ=${zone} ${text}`;
  if (!spec) throw new Error('empty spec string');
  let place = new TimeZone();
  const named = /^(?:CRON_)?TZ=/.exec(spec)?.[0].length;
  if (named !== undefined) {
    const end = spec.indexOf(' ');
    // Upstream's reader falls over the missing space.
    if (end < 0) throw new Error('invalid schedule format: runtime error: slice bounds out of range [:-1]');
    const location = spec.slice(named, end);
    try {
      place = new TimeZone(location);
    } catch (error) {
      throw new Error(`provided bad location ${location}: ${(error as Error).message}`, { cause: error });
    }
    spec = trim(spec.slice(end));
  }
  if (spec.startsWith('@every ')) return everySchedule(spec);
  if (spec.startsWith('@') && !Object.hasOwn(descriptors, spec)) throw new Error(`unrecognized descriptor: ${spec}`);
  const fields = trim(descriptors[spec] ?? spec).split(space).filter(Boolean);
  if (fields.length !== 5) throw new Error(`expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`);
  return new CalendarSchedule(place, {
    minutes: parseField(fields[0]!, 0, 59),
    hours: parseField(fields[1]!, 0, 23),
    days: parseField(fields[2]!, 1, 31),
    months: parseField(fields[3]!, 1, 12, months),
    weekdays: parseField(fields[4]!, 0, 6, weekdays),
  });
}

/** What Go takes for space. */
const space = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;
const outerSpace = new RegExp(`^${space.source}|${space.source}$`, 'g');
const trim = (text: string) => text.replace(outerSpace, '');

interface Field {
  values: Set<number>;
  /** Whether it says nothing: of day and weekday then only the other counts. */
  any: boolean;
}

function parseField(text: string, min: number, max: number, names?: string[]): Field {
  const field: Field = { values: new Set(), any: false };
  for (const part of text.split(',').filter(Boolean)) {
    const { start, end, step, star } = parseRange(part, BigInt(min), BigInt(max), names);
    for (let value = start; value <= end; value += step) field.values.add(Number(value));
    field.any ||= star && step === 1n;
  }
  return field;
}

/** In the order in which upstream finds what is wrong, with numbers as long as Go's. */
function parseRange(part: string, min: bigint, max: bigint, names?: string[]): { start: bigint; end: bigint; step: bigint; star: boolean } {
  const [span = '', stepText, ...more] = part.split('/');
  const ends = span.split('-');
  const star = ends[0] === '*' || ends[0] === '?';
  let [start, end, step] = [min, max, 1n];
  if (!star) {
    start = numberOrName(ends[0]!, min, names);
    if (ends.length > 2) throw new Error(`too many hyphens: ${part}`);
    end = ends.length === 2 ? numberOrName(ends[1]!, min, names) : start;
  }
  if (more.length > 0) throw new Error(`too many slashes: ${part}`);
  if (stepText !== undefined) {
    step = number(stepText);
    if (ends.length === 1) end = max;
  }
  if (start < min) throw new Error(`beginning of range (${start}) below minimum (${min}): ${part}`);
  if (end > max) throw new Error(`end of range (${end}) above maximum (${max}): ${part}`);
  if (start > end) throw new Error(`beginning of range (${start}) beyond end of range (${end}): ${part}`);
  if (step === 0n) throw new Error(`step of range should be a positive number: ${part}`);
  return { start, end, step, star };
}

function numberOrName(text: string, min: bigint, names: string[] = []): bigint {
  const named = names.indexOf(text.toLowerCase());
  return named >= 0 ? min + BigInt(named) : number(text);
}

function number(text: string): bigint {
  const failed = (why: string) => new Error(`failed to parse int from ${text}: strconv.Atoi: parsing ${goQuote(text)}: ${why}`);
  const [, sign, digits] = /^([+-]?)(\d+)$/.exec(text) ?? [];
  if (!digits) throw failed('invalid syntax');
  const value = sign === '-' ? -BigInt(digits) : BigInt(digits);
  if (BigInt.asIntN(64, value) !== value) throw failed('value out of range');
  if (value < 0n) throw new Error(`negative number (${value}) not allowed: ${text}`);
  return value;
}

/** Milliseconds, in whole seconds. */
function everySchedule(text: string): Schedule {
  let delay: number;
  try {
    delay = goDuration(text.slice('@every '.length));
  } catch (error) {
    throw new Error(`failed to parse duration ${text}: ${(error as Error).message}`, { cause: error });
  }
  const whole = Math.max(second, Math.floor(delay / second) * second);
  return { next: (ms) => Math.floor(ms / second) * second + whole, interval: whole };
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
    let at = (Math.floor(ms / minute) + 1) * minute;
    let wall = this.zone.at(at);
    const lastYear = wall.year + 5;
    while (wall.year <= lastYear) {
      const step = this.#stepFrom(wall);
      if (step === 0) return at;
      wall = this.zone.at((at += step));
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
