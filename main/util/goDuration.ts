import { goByteQuote } from './goQuote.ts';

/** Nanoseconds. */
const units: Record<string, bigint> = { h: 3_600_000_000_000n, m: 60_000_000_000n, s: 1_000_000_000n, ms: 1_000_000n, us: 1000n, µs: 1000n, μs: 1000n, ns: 1n };
/** Go counts nanoseconds in 64 bits. */
const most = 1n << 63n;

/** Milliseconds of a duration as Go writes it, such as `1m30s`; throws an Error with the words of Go's time.ParseDuration. */
export function goDuration(text: string): number {
  const invalid = () => new Error(`time: invalid duration ${goByteQuote(text)}`);
  const [, sign, rest] = /^([+-]?)(.*)$/s.exec(text)!;
  if (rest === '0') return 0;
  let nanos = 0n;
  let read = 0;
  for (const [part, whole, fraction = '', unit] of rest!.matchAll(/(?=\.?\d)(\d*)(?:\.(\d*))?([^\d.]*)/gy)) {
    // A whole part that Go cannot count is told of before its unit is looked at.
    if (BigInt(whole!) > most) throw invalid();
    if (!unit) throw new Error(`time: missing unit in duration ${goByteQuote(text)}`);
    const size = units[unit];
    if (size === undefined) throw new Error(`time: unknown unit ${goByteQuote(unit)} in duration ${goByteQuote(text)}`);
    nanos += BigInt(whole!) * size + BigInt(Math.trunc(Number(`0.${fraction}`) * Number(size)));
    if (nanos > most) throw invalid();
    read += part.length;
  }
  if (read === 0 || read < rest!.length) throw invalid();
  if (sign === '-') return -Number(nanos) / 1e6;
  if (nanos === most) throw invalid();
  return Number(nanos) / 1e6;
}

/** Milliseconds of a duration as Go writes it; undefined for what is none. */
export function parseGoDuration(text: string): number | undefined {
  try {
    return goDuration(text);
  } catch {
    return undefined;
  }
}
