import { locationFault } from '../../api/timeZone.ts';
import { CelError, type Duration, Timestamp } from './values.ts';

export const second = 1_000_000_000n;
const units: Record<string, bigint> = { ns: 1n, us: 1_000n, 'µs': 1_000n, 'μs': 1_000n, ms: 1_000_000n, s: second, m: 60n * second, h: 3600n * second };
const maxInt64 = (1n << 63n) - 1n;
/** Years 1 to 9999, in seconds. */
export const minSeconds = -62135596800n;
export const maxSeconds = 253402300799n;

/** Go's `1h30m`; undefined for what is none. Mirrors time.ParseDuration. */
export function parseDuration(text: string): bigint | undefined {
  const signed = /^[+-]?/.exec(text)![0];
  let rest = text.slice(signed.length);
  if (rest === '0') return 0n;
  if (!rest) return undefined;
  let total = 0n;
  while (rest) {
    const match = /^(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/.exec(rest);
    if (!match || (!match[1] && !match[2])) return undefined;
    const unit = units[match[3]!]!;
    const fraction = match[2] ?? '';
    total += BigInt(match[1] || '0') * unit + (fraction ? (BigInt(fraction) * unit) / 10n ** BigInt(fraction.length) : 0n);
    if (total > maxInt64) return undefined;
    rest = rest.slice(match[0].length);
  }
  return signed === '-' ? -total : total;
}

/** RFC 3339, to the nanosecond; undefined for what is none. */
export function parseTimestamp(text: string): bigint | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (!match) return undefined;
  const [year, month, day, hour, minute, secondOfMinute] = match.slice(1, 7).map(Number) as [number, number, number, number, number, number];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, secondOfMinute, 0);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || hour > 23 || minute > 59 || secondOfMinute > 59) return undefined;
  const zone = match[8]!;
  const offset = zone === 'Z' ? 0 : (zone.startsWith('-') ? -1 : 1) * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4))) * 60;
  const nanos = BigInt((match[7] ?? '').slice(0, 9).padEnd(9, '0'));
  return (BigInt(date.getTime() / 1000) - BigInt(offset)) * second + nanos;
}

/** Time that CEL can hold, or its error. */
export function timestamp(nanos: bigint): Timestamp {
  const seconds = floorDivide(nanos, second);
  if (seconds < minSeconds || seconds > maxSeconds) throw new CelError('timestamp overflow');
  return new Timestamp(nanos);
}

/** As Go's RFC3339Nano shows it: no zeros at the fraction's end. */
export function formatTimestamp({ nanos }: Timestamp): string {
  const seconds = floorDivide(nanos, second);
  const text = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  const fraction = String(nanos - seconds * second).padStart(9, '0').replace(/0+$/, '');
  return `${text}${fraction && `.${fraction}`}Z`;
}

/** Seconds, with as much of a fraction as there is. */
export function formatDuration({ nanos }: Duration): string {
  const magnitude = nanos < 0n ? -nanos : nanos;
  const fraction = String(magnitude % second).padStart(9, '0').replace(/0+$/, '');
  return `${nanos < 0n ? '-' : ''}${magnitude / second}${fraction && `.${fraction}`}s`;
}

export function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value % by < 0n ? quotient - 1n : quotient;
}

/** The calendar fields of a time in a zone: `UTC`, `Europe/Berlin` or `-02:30`. */
export function inZone(time: Timestamp, zone = 'UTC'): Date {
  const millis = Number(floorDivide(time.nanos, 1_000_000n));
  const offset = /^([+-]?)(\d{1,2}):(\d{2})$/.exec(zone);
  if (offset) return new Date(millis + (offset[1] === '-' ? -1 : 1) * (Number(offset[2]) * 60 + Number(offset[3])) * 60_000);
  if (zone === 'UTC' || zone === '' || zone === 'Local') return new Date(millis);
  const fault = locationFault(zone);
  if (fault) throw new CelError(fault);
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone, hourCycle: 'h23', era: 'short', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric',
  }).formatToParts(new Date(millis));
  const part = (type: string) => Number(parts.find((candidate) => candidate.type === type)!.value);
  const date = new Date(0);
  date.setUTCFullYear(part('year'), part('month') - 1, part('day'));
  date.setUTCHours(part('hour'), part('minute'), part('second'), ((millis % 1000) + 1000) % 1000);
  return date;
}
