import { member, type Declare } from '../functions.ts';
import { matches } from '../regex.ts';
import { floorDivide, formatDuration, formatTimestamp, inZone, parseDuration, parseTimestamp, second, timestamp } from '../time.ts';
import {
  boolType, bytesType, doubleType, durationType, dynType, intType, listType, mapType, nullType, paramType, stringType, timestampType, typeType, uintType, type CelType,
} from '../types.ts';
import type { CelList, CelMap, Timestamp} from '../values.ts';
import {
  ArrayList, Bytes, CelError, compare, Duration, equal, stringSize, TypeValue, typeNameOf, Uint, type Value,
} from '../values.ts';

const A = paramType('A');
const B = paramType('B');
const minInt64 = -(1n << 63n);
const maxInt64 = (1n << 63n) - 1n;
const maxUint64 = (1n << 64n) - 1n;

/** The names of CEL's own types, as expressions may compare with them. */
export const standardTypes: Readonly<Record<string, CelType>> = {
  bool: boolType,
  bytes: bytesType,
  double: doubleType,
  duration: durationType,
  'google.protobuf.Duration': durationType,
  'google.protobuf.Timestamp': timestampType,
  int: intType,
  list: listType(dynType),
  map: mapType(dynType, dynType),
  null_type: nullType,
  string: stringType,
  type: typeType(dynType),
  uint: uintType,
};

const int = (value: bigint): bigint => {
  if (value < minInt64 || value > maxInt64) throw new CelError('integer overflow');
  return value;
};
const uint = (value: bigint): Uint => {
  if (value < 0n || value > maxUint64) throw new CelError('unsigned integer overflow');
  return new Uint(value);
};
const duration = (nanos: bigint): Duration => {
  if (nanos < minInt64 || nanos > maxInt64) throw new CelError('duration overflow');
  return new Duration(nanos);
};
const nonZero = (divisor: bigint, what: string): bigint => {
  if (divisor === 0n) throw new CelError(what);
  return divisor;
};

/** CEL's own functions and operators; mirrors github.com/google/cel-go/common/stdlib. */
export function standardLibrary(add: Declare): void {
  add('_&&_', 'logical_and', [boolType, boolType], boolType);
  add('_||_', 'logical_or', [boolType, boolType], boolType);
  add('_?_:_', 'conditional', [boolType, A, A], A);
  add('@not_strictly_false', 'not_strictly_false', [boolType], boolType);
  add('!_', 'logical_not', [boolType], boolType, (value: boolean) => !value);
  add('_==_', 'equals', [A, A], boolType, (a: Value, b: Value) => equal(a, b));
  add('_!=_', 'not_equals', [A, A], boolType, (a: Value, b: Value) => !equal(a, b));
  arithmetic(add);
  relations(add);
  containers(add);
  conversions(add);
  strings(add);
  times(add);
}

function arithmetic(add: Declare): void {
  add('_+_', 'add_bytes', [bytesType, bytesType], bytesType, (a: Bytes, b: Bytes) => new Bytes(Buffer.concat([a.data, b.data])));
  add('_+_', 'add_double', [doubleType, doubleType], doubleType, (a: number, b: number) => a + b);
  add('_+_', 'add_duration_duration', [durationType, durationType], durationType, (a: Duration, b: Duration) => duration(a.nanos + b.nanos));
  add('_+_', 'add_duration_timestamp', [durationType, timestampType], timestampType, (a: Duration, b: Timestamp) => timestamp(a.nanos + b.nanos));
  add('_+_', 'add_timestamp_duration', [timestampType, durationType], timestampType, (a: Timestamp, b: Duration) => timestamp(a.nanos + b.nanos));
  add('_+_', 'add_int64', [intType, intType], intType, (a: bigint, b: bigint) => int(a + b));
  add('_+_', 'add_list', [listType(A), listType(A)], listType(A), concat);
  add('_+_', 'add_string', [stringType, stringType], stringType, (a: string, b: string) => a + b);
  add('_+_', 'add_uint64', [uintType, uintType], uintType, (a: Uint, b: Uint) => uint(a.value + b.value));

  add('_-_', 'subtract_double', [doubleType, doubleType], doubleType, (a: number, b: number) => a - b);
  add('_-_', 'subtract_duration_duration', [durationType, durationType], durationType, (a: Duration, b: Duration) => duration(a.nanos - b.nanos));
  add('_-_', 'subtract_int64', [intType, intType], intType, (a: bigint, b: bigint) => int(a - b));
  add('_-_', 'subtract_timestamp_duration', [timestampType, durationType], timestampType, (a: Timestamp, b: Duration) => timestamp(a.nanos - b.nanos));
  add('_-_', 'subtract_timestamp_timestamp', [timestampType, timestampType], durationType, (a: Timestamp, b: Timestamp) => duration(a.nanos - b.nanos));
  add('_-_', 'subtract_uint64', [uintType, uintType], uintType, (a: Uint, b: Uint) => uint(a.value - b.value));

  add('_*_', 'multiply_double', [doubleType, doubleType], doubleType, (a: number, b: number) => a * b);
  add('_*_', 'multiply_int64', [intType, intType], intType, (a: bigint, b: bigint) => int(a * b));
  add('_*_', 'multiply_uint64', [uintType, uintType], uintType, (a: Uint, b: Uint) => uint(a.value * b.value));
  add('_/_', 'divide_double', [doubleType, doubleType], doubleType, (a: number, b: number) => a / b);
  add('_/_', 'divide_int64', [intType, intType], intType, (a: bigint, b: bigint) => int(a / nonZero(b, 'division by zero')));
  add('_/_', 'divide_uint64', [uintType, uintType], uintType, (a: Uint, b: Uint) => uint(a.value / nonZero(b.value, 'division by zero')));
  add('_%_', 'modulo_int64', [intType, intType], intType, (a: bigint, b: bigint) => int(a % nonZero(b, 'modulus by zero')));
  add('_%_', 'modulo_uint64', [uintType, uintType], uintType, (a: Uint, b: Uint) => uint(a.value % nonZero(b.value, 'modulus by zero')));
  add('-_', 'negate_double', [doubleType], doubleType, (a: number) => -a);
  add('-_', 'negate_int64', [intType], intType, (a: bigint) => int(-a));
}

function concat(a: CelList, b: CelList): Value {
  if (a.concat) return a.concat(b);
  return new ArrayList([...a, ...b]);
}

function relations(add: Declare): void {
  const operators = [
    ['_<_', 'less', (order: number) => order < 0],
    ['_<=_', 'less_equals', (order: number) => order <= 0],
    ['_>_', 'greater', (order: number) => order > 0],
    ['_>=_', 'greater_equals', (order: number) => order >= 0],
  ] as const;
  const same = [
    ['bool', boolType], ['int64', intType], ['uint64', uintType], ['double', doubleType], ['string', stringType],
    ['bytes', bytesType], ['timestamp', timestampType], ['duration', durationType],
  ] as const;
  const numbers = [['int64', intType], ['uint64', uintType], ['double', doubleType]] as const;
  for (const [name, id, holds] of operators) {
    const call = (a: Value, b: Value) => holds(compare(a, b)!);
    for (const [type, celType] of same) add(name, `${id}_${type}`, [celType, celType], boolType, call);
    for (const [left, a] of numbers) for (const [right, b] of numbers) if (a !== b) add(name, `${id}_${left}_${right}`, [a, b], boolType, call);
  }
}

function containers(add: Declare): void {
  add('_[_]', 'index_list', [listType(A), intType], A);
  add('_[_]', 'index_map', [mapType(A, B), A], B);
  add('@in', 'in_list', [A, listType(A)], boolType, (item: Value, list: CelList) => {
    for (const other of list) if (equal(item, other)) return true;
    return false;
  });
  add('@in', 'in_map', [A, mapType(A, B)], boolType, (key: Value, map: CelMap) => map.has(key));
  for (const options of [undefined, member]) {
    const prefix = options ? '' : 'size_';
    const suffix = options ? '_size' : '';
    const size = (name: string, type: CelType, call: (value: never) => bigint) => add('size', `${prefix}${name}${suffix}`, [type], intType, call, options);
    size('bytes', bytesType, (value: Bytes) => BigInt(value.data.length));
    size('list', listType(A), (value: CelList) => BigInt(value.size));
    size('map', mapType(A, B), (value: CelMap) => BigInt(value.size));
    size('string', stringType, (value: string) => BigInt(stringSize(value)));
  }
}

const conversionFault = (value: Value, to: string) => new CelError(`type conversion error from '${typeNameOf(value)}' to '${to}'`);

function conversions(add: Declare): void {
  add('type', 'type', [A], typeType(A), (value: Value) => new TypeValue(typeNameOf(value)));
  add('dyn', 'to_dyn', [A], dynType, (value: Value) => value);

  add('bool', 'bool_to_bool', [boolType], boolType, (value: boolean) => value);
  add('bool', 'string_to_bool', [stringType], boolType, (text: string) => {
    if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
    if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)) return false;
    throw conversionFault(text, 'bool');
  });
  add('bytes', 'bytes_to_bytes', [bytesType], bytesType, (value: Bytes) => value);
  add('bytes', 'string_to_bytes', [stringType], bytesType, (text: string) => new Bytes(Buffer.from(text)));

  add('double', 'double_to_double', [doubleType], doubleType, (value: number) => value);
  add('double', 'int64_to_double', [intType], doubleType, (value: bigint) => Number(value));
  add('double', 'uint64_to_double', [uintType], doubleType, (value: Uint) => Number(value.value));
  add('double', 'string_to_double', [stringType], doubleType, (text: string) => {
    if (/^[+-]?(inf|infinity)$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
    if (/^nan$/i.test(text)) return NaN;
    if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) || !Number.isFinite(Number(text))) throw conversionFault(text, 'double');
    return Number(text);
  });

  add('duration', 'duration_to_duration', [durationType], durationType, (value: Duration) => value);
  add('duration', 'int64_to_duration', [intType], durationType, (value: bigint) => new Duration(value));
  add('duration', 'string_to_duration', [stringType], durationType, (text: string) => {
    const nanos = parseDuration(text);
    if (nanos === undefined) throw conversionFault(text, 'google.protobuf.Duration');
    return new Duration(nanos);
  });

  add('int', 'int64_to_int64', [intType], intType, (value: bigint) => value);
  add('int', 'double_to_int64', [doubleType], intType, (value: number) => {
    if (!(value > -(2 ** 63) && value < 2 ** 63)) throw new CelError('integer overflow');
    return BigInt(Math.trunc(value));
  });
  add('int', 'duration_to_int64', [durationType], intType, (value: Duration) => value.nanos);
  add('int', 'string_to_int64', [stringType], intType, (text: string) => {
    if (!/^[+-]?\d+$/.test(text)) throw conversionFault(text, 'int');
    const value = BigInt(text.replace(/^\+/, ''));
    if (value < minInt64 || value > maxInt64) throw conversionFault(text, 'int');
    return value;
  });
  add('int', 'timestamp_to_int64', [timestampType], intType, (value: Timestamp) => floorDivide(value.nanos, second));
  add('int', 'uint64_to_int64', [uintType], intType, (value: Uint) => int(value.value));

  add('uint', 'uint64_to_uint64', [uintType], uintType, (value: Uint) => value);
  add('uint', 'double_to_uint64', [doubleType], uintType, (value: number) => {
    if (!(value >= 0 && value < 2 ** 64)) throw new CelError('unsigned integer overflow');
    return new Uint(BigInt(Math.trunc(value)));
  });
  add('uint', 'int64_to_uint64', [intType], uintType, (value: bigint) => uint(value));
  add('uint', 'string_to_uint64', [stringType], uintType, (text: string) => {
    if (!/^\d+$/.test(text) || BigInt(text) > maxUint64) throw conversionFault(text, 'uint');
    return new Uint(BigInt(text));
  });

  add('string', 'string_to_string', [stringType], stringType, (value: string) => value);
  add('string', 'bool_to_string', [boolType], stringType, (value: boolean) => String(value));
  add('string', 'bytes_to_string', [bytesType], stringType, (value: Bytes) => {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value.data);
    } catch {
      throw new CelError('invalid UTF-8 in bytes, cannot convert to string');
    }
  });
  add('string', 'double_to_string', [doubleType], stringType, (value: number) => formatDouble(value));
  add('string', 'duration_to_string', [durationType], stringType, (value: Duration) => formatDuration(value));
  add('string', 'int64_to_string', [intType], stringType, (value: bigint) => String(value));
  add('string', 'timestamp_to_string', [timestampType], stringType, (value: Timestamp) => formatTimestamp(value));
  add('string', 'uint64_to_string', [uintType], stringType, (value: Uint) => String(value.value));

  add('timestamp', 'timestamp_to_timestamp', [timestampType], timestampType, (value: Timestamp) => value);
  add('timestamp', 'int64_to_timestamp', [intType], timestampType, (seconds: bigint) => timestamp(seconds * second));
  add('timestamp', 'string_to_timestamp', [stringType], timestampType, (text: string) => {
    const nanos = parseTimestamp(text);
    if (nanos === undefined) throw conversionFault(text, 'google.protobuf.Timestamp');
    return timestamp(nanos);
  });
}

/** Go's `%g`: an exponent where the number is very large or very small. */
export function formatDouble(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  const [digits, exponent] = value.toExponential().split('e') as [string, string];
  const power = Number(exponent);
  if (power >= -4 && power < 6) return Object.is(value, -0) ? '-0' : plainDouble(value);
  return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}

/** All digits, no exponent. */
export function plainDouble(value: number): string {
  const text = String(value);
  if (!text.includes('e')) return text;
  return Math.abs(value) >= 1 ? String(BigInt(value)) : value.toFixed(Math.min(100, -Number(text.split('e')[1]) + 17)).replace(/0+$/, '');
}

function strings(add: Declare): void {
  add('contains', 'contains_string', [stringType, stringType], boolType, (text: string, part: string) => text.includes(part), member);
  add('endsWith', 'ends_with_string', [stringType, stringType], boolType, (text: string, part: string) => text.endsWith(part), member);
  add('startsWith', 'starts_with_string', [stringType, stringType], boolType, (text: string, part: string) => text.startsWith(part), member);
  const match = (text: string, pattern: string) => {
    try {
      return matches(pattern, text);
    } catch (error) {
      throw new CelError((error as Error).message);
    }
  };
  add('matches', 'matches', [stringType, stringType], boolType, match);
  add('matches', 'matches_string', [stringType, stringType], boolType, match, member);
}

function times(add: Declare): void {
  const ofDate: Array<[string, string, (date: Date) => number]> = [
    ['getFullYear', 'year', (date) => date.getUTCFullYear()],
    ['getMonth', 'month', (date) => date.getUTCMonth()],
    ['getDayOfYear', 'day_of_year', (date) => Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000)],
    ['getDate', 'day_of_month_1_based', (date) => date.getUTCDate()],
    ['getDayOfMonth', 'day_of_month', (date) => date.getUTCDate() - 1],
    ['getDayOfWeek', 'day_of_week', (date) => date.getUTCDay()],
    ['getHours', 'hours', (date) => date.getUTCHours()],
    ['getMinutes', 'minutes', (date) => date.getUTCMinutes()],
    ['getSeconds', 'seconds', (date) => date.getUTCSeconds()],
    ['getMilliseconds', 'milliseconds', (date) => date.getUTCMilliseconds()],
  ];
  for (const [name, id, read] of ofDate) {
    add(name, `timestamp_to_${id}`, [timestampType], intType, (time: Timestamp) => BigInt(read(inZone(time))), member);
    add(name, `timestamp_to_${id}_with_tz`, [timestampType, stringType], intType, (time: Timestamp, zone: string) => BigInt(read(inZone(time, zone))), member);
  }
  add('getHours', 'duration_to_hours', [durationType], intType, (value: Duration) => value.nanos / (3600n * second), member);
  add('getMinutes', 'duration_to_minutes', [durationType], intType, (value: Duration) => value.nanos / (60n * second), member);
  add('getSeconds', 'duration_to_seconds', [durationType], intType, (value: Duration) => value.nanos / second, member);
  add('getMilliseconds', 'duration_to_milliseconds', [durationType], intType, (value: Duration) => value.nanos / 1_000_000n, member);
}
