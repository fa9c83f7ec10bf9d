import { member, type Declare } from '../functions.ts';
import {
  boolType, bytesType, doubleType, durationType, dynType, intType, listType, mapType, paramType, stringType, timestampType, uintType, type CelType,
} from '../types.ts';
import type { CelMap} from '../values.ts';
import { ArrayList, CelError, CelList, compare, Duration, EntryMap, equal, typeNameOf, Uint, type Value } from '../values.ts';

const T = paramType('T');
const maxInt64 = (1n << 63n) - 1n;
const maxUint64 = (1n << 64n) - 1n;

/** Types with an order, under the names that overloads carry. */
export const comparableTypes: ReadonlyArray<readonly [string, CelType]> = [
  ['int', intType], ['uint', uintType], ['double', doubleType], ['bool', boolType], ['duration', durationType], ['timestamp', timestampType],
  ['string', stringType], ['bytes', bytesType],
];

/**
 * What lists, sets and two-variable folds offer; mirrors k8s.io/apiserver/pkg/cel/library (lists.go) and
 * github.com/google/cel-go/ext (lists.go version 3, sets.go, comprehensions.go).
 */
export function listsLibrary(add: Declare): void {
  for (const [name, type] of comparableTypes) {
    add('isSorted', `list_${name}_is_sorted_bool`, [listType(type)], boolType, isSorted, member);
    add('max', `list_${name}_max_${name}`, [listType(type)], type, (list: CelList) => extreme(list, 'max', 1), member);
    add('min', `list_${name}_min_${name}`, [listType(type)], type, (list: CelList) => extreme(list, 'min', -1), member);
    add('sort', `list_${name}_sort`, [listType(type)], listType(type), (list: CelList) => sortBy(list, list), member);
    add('@sortByAssociatedKeys', `list_${name}_sortByAssociatedKeys`, [listType(T), listType(type)], listType(T), sortBy, member);
  }
  add('sum', 'list_int_sum_int', [listType(intType)], intType, (list: CelList) => sum(list, 0n, (a: bigint, b: bigint) => inRange(a + b, -maxInt64 - 1n, maxInt64, 'integer overflow')), member);
  add('sum', 'list_uint_sum_uint', [listType(uintType)], uintType, (list: CelList) => sum(list, new Uint(0n), (a: Uint, b: Uint) => new Uint(inRange(a.value + b.value, 0n, maxUint64, 'unsigned integer overflow'))), member);
  add('sum', 'list_double_sum_double', [listType(doubleType)], doubleType, (list: CelList) => sum(list, 0, (a: number, b: number) => a + b), member);
  add('sum', 'list_duration_sum_duration', [listType(durationType)], durationType, (list: CelList) => sum(list, new Duration(0n), (a: Duration, b: Duration) => new Duration(inRange(a.nanos + b.nanos, -maxInt64 - 1n, maxInt64, 'duration overflow'))), member);
  add('indexOf', 'list_a_index_of_int', [listType(T), T], intType, (list: CelList, item: Value) => {
    for (let i = 0; i < list.size; i++) if (equal(list.at(i), item)) return BigInt(i);
    return -1n;
  }, member);
  add('lastIndexOf', 'list_a_last_index_of_int', [listType(T), T], intType, (list: CelList, item: Value) => {
    for (let i = list.size - 1; i >= 0; i--) if (equal(list.at(i), item)) return BigInt(i);
    return -1n;
  }, member);

  add('slice', 'list_slice', [listType(T), intType, intType], listType(T), slice, member);
  add('flatten', 'list_flatten', [listType(listType(T))], listType(T), (list: CelList) => new ArrayList(flatten(list, 1n)), member);
  add('flatten', 'list_flatten_int', [listType(dynType), intType], listType(dynType), (list: CelList, depth: bigint) => {
    if (depth < 0n) throw new CelError('level must be non-negative');
    return new ArrayList(flatten(list, depth));
  }, member);
  add('reverse', 'list_reverse', [listType(T)], listType(T), (list: CelList) => new ArrayList([...list].reverse()), member);
  add('distinct', 'list_distinct', [listType(T)], listType(T), (list: CelList) => {
    const found: Value[] = [];
    for (const item of list) if (!found.some((other) => equal(other, item))) found.push(item);
    return new ArrayList(found);
  }, member);
  add('lists.range', 'lists_range', [intType], listType(intType), (count: bigint) => {
    // More than an evaluation may cost could not be used, but would fill the memory.
    if (count > 10_000_000n) throw new CelError('operation cancelled: actual cost limit exceeded');
    return new ArrayList(Array.from({ length: Math.max(0, Number(count)) }, (_, i) => BigInt(i)));
  });

  add('sets.contains', 'list_sets_contains_list', [listType(T), listType(T)], boolType, contains);
  add('sets.equivalent', 'list_sets_equivalent_list', [listType(T), listType(T)], boolType, (a: CelList, b: CelList) => contains(a, b) && contains(b, a));
  add('sets.intersects', 'list_sets_intersects_list', [listType(T), listType(T)], boolType, (a: CelList, b: CelList) => {
    for (const item of a) for (const other of b) if (equal(item, other)) return true;
    return false;
  });

  const K = paramType('K');
  const V = paramType('V');
  const map = mapType(K, V);
  add('cel.@mapInsert', '@mapInsert_map_key_value', [map, K, V], map, (into: CelMap, key: Value, value: Value) => insert(into, [[key, value]]));
  add('cel.@mapInsert', '@mapInsert_map_map', [map, map], map, (into: CelMap, other: CelMap) => insert(into, [...other.keys()].map((key) => [key, other.get(key)!] as const)));
}

function inRange(value: bigint, min: bigint, max: bigint, fault: string): bigint {
  if (value < min || value > max) throw new CelError(fault);
  return value;
}

function ordered(a: Value, b: Value): number {
  const order = compare(a, b);
  if (order === undefined) throw new CelError('no such overload');
  return order;
}

function isSorted(list: CelList): boolean {
  for (let i = 1; i < list.size; i++) if (ordered(list.at(i - 1), list.at(i)) > 0) return false;
  return true;
}

function extreme(list: CelList, name: string, sign: number): Value {
  if (!list.size) throw new CelError(`${name} called on empty list`);
  let best = list.at(0);
  for (let i = 1; i < list.size; i++) if (ordered(list.at(i), best) * sign > 0) best = list.at(i);
  return best;
}

function sum<T extends Value>(list: CelList, zero: T, add: (a: T, b: T) => T): Value {
  let total = zero;
  for (const item of list) {
    if (typeNameOf(item) !== typeNameOf(zero)) throw new CelError('no such overload');
    total = add(total, item as T);
  }
  return total;
}

function sortBy(list: CelList, keys: CelList): Value {
  if (list.size !== keys.size) throw new CelError(`@sortByAssociatedKeys() expected a list of the same size as the associated keys list, but got ${list.size} and ${keys.size} elements respectively`);
  const places = Array.from({ length: list.size }, (_, i) => i).sort((a, b) => ordered(keys.at(a), keys.at(b)));
  return new ArrayList(places.map((place) => list.at(place)));
}

function slice(list: CelList, start: bigint, end: bigint): Value {
  if (start < 0n || end < 0n) throw new CelError(`cannot slice(${start}, ${end}), negative indexes not supported`);
  if (start > end) throw new CelError(`cannot slice(${start}, ${end}), start index must be less than or equal to end index`);
  if (list.size < end) throw new CelError(`cannot slice(${start}, ${end}), list is length ${list.size}`);
  return new ArrayList([...list].slice(Number(start), Number(end)));
}

function flatten(list: CelList, depth: bigint): Value[] {
  const found: Value[] = [];
  for (const item of list) {
    if (item instanceof CelList && depth > 0n) found.push(...flatten(item, depth - 1n));
    else found.push(item);
  }
  return found;
}

/** Whether every element of `part` is in `list`. */
function contains(list: CelList, part: CelList): boolean {
  for (const item of part) {
    let found = false;
    for (const other of list) if ((found = equal(item, other))) break;
    if (!found) return false;
  }
  return true;
}

function insert(into: CelMap, entries: ReadonlyArray<readonly [Value, Value]>): Value {
  for (const [key] of entries) if (into.has(key)) throw new CelError(`insert failed: key ${String(key)} already exists`);
  const existing = into instanceof EntryMap ? into.entries() : [...into.keys()].map((key) => [key, into.get(key)!] as const);
  return new EntryMap([...existing, ...entries]);
}
