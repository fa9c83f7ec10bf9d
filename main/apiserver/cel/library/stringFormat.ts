import { formatDuration, formatTimestamp } from '../time.ts';
import { Bytes, CelError, CelList, CelMap, Duration, Timestamp, TypeValue, typeNameOf, Uint, type Value } from '../values.ts';
import { formatDouble } from './standard.ts';

/** `%s` of a value. */
export function formatValue(value: Value): string {
  switch (typeof value) {
    case 'string':
      return value;
    case 'bigint':
    case 'boolean':
      return String(value);
    case 'number':
      return formatDouble(value);
  }
  if (value === null) return 'null';
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Bytes) return Buffer.from(value.data).toString();
  if (value instanceof Duration) return formatDuration(value);
  if (value instanceof Timestamp) return formatTimestamp(value);
  if (value instanceof TypeValue) return value.name;
  if (value instanceof CelList) return `[${[...value].map(formatMember).join(', ')}]`;
  if (value instanceof CelMap && value.typeName === undefined) {
    const entries = [...value.keys()].map((key): [string, string] => [formatMember(key), formatMember(value.get(key)!)]);
    return `{${entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([key, text]) => `${key}:${text}`).join(', ')}}`;
  }
  throw clauseFault('string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps', value);
}

/** A member of a list or map, as a literal of CEL. */
function formatMember(value: Value): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value.toFixed(6) : JSON.stringify(formatDouble(value));
  if (value instanceof Bytes) return `b${JSON.stringify(formatValue(value))}`;
  if (value instanceof Timestamp) return `timestamp(${JSON.stringify(formatTimestamp(value))})`;
  if (value instanceof Duration) return `duration(${JSON.stringify(formatDuration(value))})`;
  return formatValue(value);
}

const clauseFault = (rule: string, value: Value) => new CelError(`error during formatting: ${rule}, was given ${typeNameOf(value)}`);

/** `'…'.format([…])`; mirrors github.com/google/cel-go/ext (formatting.go), for strings of version 2. */
export function format(text: string, args: CelList): string {
  let next = 0;
  return text.replace(/%(?:%|(?:\.(\d+))?([a-zA-Z])|.?)/gsu, (clause, precision: string | undefined, verb: string | undefined) => {
    if (clause === '%%') return '%';
    if (next >= args.size) throw new CelError(`index ${next} out of range`);
    if (clause === '%') throw new CelError('unexpected end of string');
    if (verb === undefined) throw unknownClause(clause.slice(1));
    return formatClause(verb, precision === undefined ? 6 : Math.min(Number(precision), 100), args.at(next++));
  });
}

const unknownClause = (clause: string) => new CelError(`could not parse formatting clause: unrecognized formatting clause "${clause}"`);
const superscript = (digits: string) => digits.replace(/\d/g, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)]!).replace('-', '⁻');

function formatClause(verb: string, precision: number, value: Value): string {
  const integer = typeof value === 'bigint' ? value : value instanceof Uint ? value.value : undefined;
  const double = typeof value === 'number' ? value : value === 'NaN' || value === 'Infinity' || value === '-Infinity' ? Number(value) : undefined;
  switch (verb) {
    case 's':
      return formatValue(value);
    case 'd':
      if (integer === undefined) throw clauseFault('decimal clause can only be used on integers', value);
      return String(integer);
    case 'f':
      if (double === undefined) throw clauseFault('fixed-point clause can only be used on doubles', value);
      return Number.isFinite(double) ? grouped(double.toFixed(precision)) : special(double);
    case 'e': {
      if (double === undefined) throw clauseFault('scientific clause can only be used on doubles', value);
      if (!Number.isFinite(double)) return special(double);
      const [digits, exponent] = double.toExponential(precision).split('e') as [string, string];
      return `${digits}×10${superscript(exponent.replace(/^\+/, '').replace(/^(-?)(\d)$/, '$10$2'))}`;
    }
    case 'b':
      if (typeof value === 'boolean') return value ? '1' : '0';
      if (integer === undefined) throw clauseFault('binary clause can only be used on integers and bools', value);
      return integer.toString(2);
    case 'o':
      if (integer === undefined) throw clauseFault('octal clause can only be used on integers', value);
      return integer.toString(8);
    case 'x':
    case 'X': {
      const text =
        integer !== undefined ? integer.toString(16)
        : typeof value === 'string' ? Buffer.from(value).toString('hex')
        : value instanceof Bytes ? Buffer.from(value.data).toString('hex')
        : undefined;
      if (text === undefined) throw clauseFault('hex clause can only be used on integers, byte buffers, and strings', value);
      return verb === 'X' ? text.toUpperCase() : text;
    }
    default:
      throw unknownClause(verb);
  }
}

const special = (value: number) => (Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '-∞');
/** Thousands apart, as the locale en-US has them. */
const grouped = (text: string) => text.replace(/^-?\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ','));
