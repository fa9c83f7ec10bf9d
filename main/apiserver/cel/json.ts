import { equalJson } from '../../api/json.ts';
import { escapeField, unescapeField } from './escape.ts';
import { withTypeAndMetadata, type CelSchema } from './schema.ts';
import { parseDuration, parseTimestamp } from './time.ts';
import { ArrayList, Bytes, CelError, CelList, CelMap, Duration, Opaque, Optional, Timestamp, Uint, equal, type Value } from './values.ts';

/** JSON without a schema: whole numbers are ints. Parts are read when an expression asks for them. */
export function dynamicValue(json: unknown): Value {
  switch (typeof json) {
    case 'number':
      return Number.isInteger(json) ? BigInt(json) : json;
    case 'string':
    case 'boolean':
    case 'bigint':
      return json;
    case 'object':
      if (json === null) return null;
      return Array.isArray(json) ? new JsonList(json, dynamicValue) : new JsonMap(json as Record<string, unknown>, dynamicValue);
    default:
      return null;
  }
}

/**
 * JSON by its schema: an integer is an int, `date-time` a timestamp, a list of type set knows no order. Mirrors
 * k8s.io/apiserver/pkg/cel/common (valuesunstructured.go). Throws a CelError for data that does not fit.
 */
export function schemaValue(json: unknown, schema: CelSchema): Value {
  if (json === null || json === undefined) {
    if (schema.nullable) return null;
    throw new CelError('invalid data, got null for schema with nullable=false');
  }
  if (schema['x-kubernetes-int-or-string']) {
    if (typeof json === 'string') return json;
    if (typeof json === 'number' && Number.isInteger(json)) return BigInt(json);
    throw new CelError('invalid data, expected XIntOrString value to be either a string or integer');
  }
  switch (schema.type) {
    case 'object':
      if (typeof json !== 'object' || Array.isArray(json)) throw new CelError('invalid data, expected a map for the provided schema with type=object');
      return objectValue(json as Record<string, unknown>, schema);
    case 'array': {
      if (!Array.isArray(json)) throw new CelError('invalid data, expected an array for the provided schema with type=array');
      const { items } = schema;
      if (!items) throw new CelError('invalid array type, expected Items with a non-empty Schema');
      const element = (item: unknown) => schemaValue(item, items);
      if (schema['x-kubernetes-list-type'] === 'map') return new MapList(new JsonList(json, element), schema['x-kubernetes-list-map-keys'] ?? []);
      return schema['x-kubernetes-list-type'] === 'set' ? new SetList(new JsonList(json, element)) : new JsonList(json, element);
    }
    case 'string':
      if (typeof json === 'string') return stringValue(json, schema.format);
      throw new CelError(`invalid data, expected string, got ${typeof json}`);
    case 'number':
      if (typeof json === 'number') return json;
      throw new CelError(`invalid data, expected float, got ${typeof json}`);
    case 'integer':
      if (typeof json === 'number' && Number.isInteger(json)) return BigInt(json);
      throw new CelError(`invalid data, expected int, got ${typeof json}`);
    case 'boolean':
      if (typeof json === 'boolean') return json;
      throw new CelError(`invalid data, expected bool, got ${typeof json}`);
  }
  if (schema['x-kubernetes-preserve-unknown-fields']) return new UnknownValue(json);
  throw new CelError(
    `invalid type, expected object, array, number, integer, boolean or string, or no type with x-kubernetes-int-or-string or x-kubernetes-preserve-unknown-fields is true, got ${schema.type ?? ''}`,
  );
}

function objectValue(json: Record<string, unknown>, schema: CelSchema): Value {
  const embedded = schema['x-kubernetes-embedded-resource'];
  if (embedded || schema.properties) {
    const properties = (embedded ? withTypeAndMetadata(schema) : schema).properties ?? {};
    return new JsonObject(json, (key) => (Object.hasOwn(properties, key) ? properties[key] : undefined));
  }
  const { additionalProperties } = schema;
  if (typeof additionalProperties === 'object') return new JsonMap(json, (value) => schemaValue(value, additionalProperties));
  return new JsonObject(json, () => undefined);
}

function stringValue(text: string, format: string | undefined): Value {
  switch (format) {
    case 'duration': {
      const nanos = parseDuration(text) ?? parseLongDuration(text);
      if (nanos === undefined) throw new CelError(`Invalid duration ${text}: unable to parse duration`);
      return new Duration(nanos);
    }
    case 'date': {
      const nanos = parseTimestamp(`${text}T00:00:00Z`);
      if (nanos === undefined) throw new CelError(`Invalid date formatted string ${text}`);
      return new Timestamp(nanos);
    }
    case 'date-time': {
      const nanos = parseTimestamp(text.toUpperCase());
      if (nanos === undefined) throw new CelError(`Invalid date-time formatted string ${text}`);
      return new Timestamp(nanos);
    }
    case 'byte':
      return new Bytes(Buffer.from(text, 'base64'));
    default:
      return text;
  }
}

/** Nanoseconds by how units may be called; with the last of its names may begin a longer one. */
const units: readonly (readonly [bigint, ...string[]])[] = [
  [1n, 'ns', 'nano'],
  [1_000n, 'us', 'µs', 'micro'],
  [1_000_000n, 'ms', 'milli'],
  [1_000_000_000n, 's', 'sec'],
  [60_000_000_000n, 'm', 'min'],
  [3_600_000_000_000n, 'h', 'hr', 'hour'],
  [86_400_000_000_000n, 'd', 'day'],
  [604_800_000_000_000n, 'w', 'wk', 'week'],
];

/** The OpenAPI format `duration` also knows days and weeks and whole words, wherever they stand in the text: `3 days, 2 hours`. */
export function parseLongDuration(text: string): bigint | undefined {
  let nanos: bigint | undefined;
  for (const [, count, word] of text.matchAll(/(\d+)\s*([A-Za-zµ]+)/g)) {
    const name = word!.toLowerCase();
    const unit = units.find(([, ...names]) => (names as string[]).includes(name) || name.startsWith(names.at(-1) as string));
    if (unit) nanos = (nanos ?? 0n) + BigInt(count!) * unit[0];
  }
  return nanos;
}

class JsonList extends CelList {
  constructor(
    readonly items: readonly unknown[],
    private readonly read: (item: unknown) => Value,
  ) {
    super();
  }
  get size() {
    return this.items.length;
  }
  at(index: number): Value {
    return this.read(this.items[index]);
  }
}

/** A list with another meaning of `==` and `+`. */
abstract class WrappedList extends CelList {
  constructor(protected readonly inner: CelList) {
    super();
  }
  get size() {
    return this.inner.size;
  }
  at(index: number): Value {
    return this.inner.at(index);
  }
}

/** `x-kubernetes-list-type: set`: order means nothing, and `+` adds what is not there yet. */
class SetList extends WrappedList {
  override equals(other: CelList): boolean {
    if (other.size !== this.size) return false;
    const others = [...other];
    return [...this].every((item) => others.some((candidate) => equal(item, candidate)));
  }
  override concat(other: CelList): CelList {
    const own = [...this];
    return new SetList(new ArrayList([...own, ...[...other].filter((item) => !own.some((existing) => equal(existing, item)))]));
  }
}

/** `x-kubernetes-list-type: map`: order means nothing, and `+` replaces the elements of the same key. */
class MapList extends WrappedList {
  constructor(
    inner: CelList,
    private readonly keys: readonly string[],
  ) {
    super(inner);
  }
  #byKey(list: CelList): Map<string, Value> {
    return new Map([...list].map((item) => [this.#keyOf(item), item]));
  }
  #keyOf(item: Value): string {
    if (!(item instanceof CelMap)) throw new CelError('unexpected data format for element of array with x-kubernetes-list-type=map');
    return JSON.stringify(this.keys.map((key) => {
      const value = item.get(escapeField(key) ?? key) ?? null;
      return value instanceof Uint || typeof value === 'bigint' ? Number(value) : value;
    }));
  }
  override equals(other: CelList): boolean {
    if (other.size !== this.size) return false;
    const own = this.#byKey(this);
    for (const item of other) {
      const mine = own.get(this.#keyOf(item));
      if (mine === undefined || !equal(mine, item)) return false;
    }
    return true;
  }
  override concat(other: CelList): CelList {
    return new MapList(new ArrayList([...new Map([...this.#byKey(this), ...this.#byKey(other)]).values()]), this.keys);
  }
}

/** Keys are free: nothing is escaped. */
class JsonMap extends CelMap {
  constructor(
    readonly json: Readonly<Record<string, unknown>>,
    private readonly read: (value: unknown) => Value,
  ) {
    super();
  }
  get size() {
    return Object.keys(this.json).length;
  }
  get(key: Value): Value | undefined {
    return typeof key === 'string' && Object.hasOwn(this.json, key) && this.json[key] !== undefined ? this.read(this.json[key]) : undefined;
  }
  override has(key: Value): boolean {
    return typeof key === 'string' && Object.hasOwn(this.json, key) && this.json[key] !== undefined;
  }
  keys(): Iterable<Value> {
    return Object.keys(this.json);
  }
}

/** Fields are known by a schema and asked for by their escaped names; others are not to be seen. */
class JsonObject extends CelMap {
  constructor(
    readonly json: Readonly<Record<string, unknown>>,
    private readonly schemaOf: (name: string) => CelSchema | undefined,
  ) {
    super();
  }
  #field(key: Value): [unknown, CelSchema] | undefined {
    if (typeof key !== 'string') return undefined;
    const name = unescapeField(key);
    const schema = this.schemaOf(name);
    const value = Object.hasOwn(this.json, name) ? this.json[name] : undefined;
    // A null is as good as nothing.
    return schema && value !== undefined && value !== null ? [value, schema] : undefined;
  }
  get size() {
    return Object.keys(this.json).length;
  }
  /** Fields that no schema knows count here, and only here. */
  override equals(other: CelMap): boolean {
    if (this.size !== other.size) return false;
    for (const [name, value] of Object.entries(this.json)) {
      if (!this.schemaOf(name)) {
        if (other instanceof JsonObject && other.json[name] !== undefined && !equalJson(value, other.json[name])) return false;
        continue;
      }
      const key = escapeField(name) ?? name;
      const mine = this.get(key);
      const theirs = other.get(key);
      if (mine === undefined || theirs === undefined ? mine !== theirs : !equal(mine, theirs)) return false;
    }
    return true;
  }
  #names(): string[] {
    return Object.keys(this.json).filter((name) => this.schemaOf(name) && this.json[name] !== undefined);
  }
  get(key: Value): Value | undefined {
    const field = this.#field(key);
    return field && schemaValue(...field);
  }
  override has(key: Value): boolean {
    return this.#field(key) !== undefined;
  }
  *keys(): Iterable<Value> {
    for (const name of this.#names()) yield escapeField(name) ?? name;
  }
}

/** Data kept without a schema: it can only be compared. */
class UnknownValue extends Opaque {
  readonly typeName = 'unknown';
  constructor(readonly json: unknown) {
    super();
  }
  equals(other: UnknownValue): boolean {
    return equalJson(this.json, other.json);
  }
}

/** A value as JSON, for what a policy's expression made; throws a CelError for what JSON cannot say. */
export function toJson(value: Value): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Uint) return Number(value.value);
  if (value instanceof Bytes) return Buffer.from(value.data).toString('base64');
  if (value instanceof Optional && value.value !== undefined) return toJson(value.value);
  if (value instanceof CelList) return [...value].map(toJson);
  if (value instanceof CelMap) {
    const json: Record<string, unknown> = {};
    for (const key of value.keys()) {
      if (typeof key !== 'string') throw new CelError('only string keys can be converted to JSON');
      json[value.typeName === undefined ? key : unescapeField(key)] = toJson(value.get(key)!);
    }
    return json;
  }
  throw new CelError('value cannot be converted to JSON');
}
