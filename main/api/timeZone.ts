import { LruMap } from '../util/lru.ts';
import { isPlace } from './placeNames.ts';

/** What a clock on the wall shows. */
export interface WallTime {
  year: number;
  /** 1 to 12. */
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  /** 0 is Sunday. */
  weekday: number;
}

/** What is wrong with the name of a place, in the words of Go's time.LoadLocation; undefined when nothing is. */
export function locationFault(name: string): string | undefined {
  try {
    formatOf(name);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Those asked for last: to make one takes a hundred times as long as to use it. */
const formats = new LruMap<string, Intl.DateTimeFormat>(32);

/** Undefined for UTC, whose clocks the engine itself goes by. */
function formatOf(name: string): Intl.DateTimeFormat | undefined {
  if (name === '' || name === 'UTC' || name === 'Local') return undefined;
  const known = formats.get(name);
  if (known) return known;
  if (name.includes('..') || /^[/\\]/.test(name)) throw new RangeError('time: invalid location name');
  const unknown = new RangeError(`unknown time zone ${name}`);
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    throw unknown;
  }
  // `Intl` takes names in any case, offsets and some names of its own, but calls by its right name what is newer than the list.
  if (!isPlace(name) && (format.resolvedOptions().timeZone !== name || !/^[A-Z]/.test(name) || name.startsWith('SystemV/'))) throw unknown;
  formats.set(name, format);
  return format;
}

/** A place's way of telling the time. */
export class TimeZone {
  readonly #format: Intl.DateTimeFormat | undefined;

  /** Throws a RangeError in Go's words for a name that nobody knows; without one it is UTC. */
  constructor(readonly name = 'UTC') {
    this.#format = formatOf(name);
  }

  /** Milliseconds by which the clocks there are ahead of UTC at `ms` since the epoch. */
  offset(ms: number): number {
    if (!this.#format) return 0;
    const parts: Record<string, number> = {};
    for (const { type, value } of this.#format.formatToParts(ms)) parts[type] = Number(value);
    const { year, month, day, hour, minute, second } = parts;
    return Date.UTC(year!, month! - 1, day, hour, minute, second) - Math.floor(ms / 1000) * 1000;
  }

  at(ms: number): WallTime {
    const date = new Date(ms + this.offset(ms));
    return {
      year: date.getUTCFullYear(),
      month: date.getUTCMonth() + 1,
      day: date.getUTCDate(),
      hour: date.getUTCHours(),
      minute: date.getUTCMinutes(),
      second: date.getUTCSeconds(),
      weekday: date.getUTCDay(),
    };
  }

  /** RFC 3339, with the zone's offset. */
  format(ms: number): string {
    const offset = this.offset(ms);
    const local = new Date(ms + offset).toISOString().replace(/\.\d{3}Z$/, '');
    if (offset === 0) return `${local}Z`;
    const minutes = Math.abs(offset) / 60_000;
    const two = (value: number) => String(value).padStart(2, '0');
    return `${local}${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
  }
}
