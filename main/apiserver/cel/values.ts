/** What an expression's evaluation stumbles over: a missing key, a division by zero. The message is cel-go's. */
export class CelError extends Error {}

/** The expression did more than its budget allows; no `||` makes up for it. */
export class CostLimitExceeded extends CelError {
  constructor() {
    super('operation cancelled: actual cost limit exceeded');
  }
}

export class Uint {
  constructor(readonly value: bigint) {}
}

export class Bytes {
  constructor(readonly data: Uint8Array) {}
}

/** Nanoseconds since 1970. */
export class Timestamp {
  constructor(readonly nanos: bigint) {}
}

export class Duration {
  constructor(readonly nanos: bigint) {}
}

export class TypeValue {
  constructor(readonly name: string) {}
}

export class Optional {
  private constructor(readonly value: Value | undefined) {}
  static readonly none = new Optional(undefined);
  static of(value: Value): Optional {
    return new Optional(value);
  }
}

/** A list that may read its elements when they are asked for. */
export abstract class CelList implements Iterable<Value> {
  abstract readonly size: number;
  /** `index` is within the list. */
  abstract at(index: number): Value;
  *[Symbol.iterator](): Iterator<Value> {
    for (let i = 0; i < this.size; i++) yield this.at(i);
  }
  /** How lists with a meaning of their own compare: sets do not know an order. Undefined: element by element. */
  equals?(other: CelList): boolean;
  /** What `+` makes of lists with a meaning of their own. */
  concat?(other: CelList): CelList;
}

export class ArrayList extends CelList {
  constructor(readonly items: readonly Value[]) {
    super();
  }
  get size() {
    return this.items.length;
  }
  at(index: number): Value {
    return this.items[index]!;
  }
}

/** A map, or an object whose fields are known. */
export abstract class CelMap {
  abstract readonly size: number;
  abstract get(key: Value): Value | undefined;
  abstract keys(): Iterable<Value>;
  has(key: Value): boolean {
    return this.get(key) !== undefined;
  }
  /** The object's type; undefined for a map. */
  readonly typeName: string | undefined;
  /** How maps with a meaning of their own compare; undefined: entry by entry. */
  equals?(other: CelMap): boolean;
}

/** A map that an expression made. */
export class EntryMap extends CelMap {
  readonly #entries = new Map<string, [Value, Value]>();

  constructor(entries: Iterable<readonly [Value, Value]> = []) {
    super();
    for (const [key, value] of entries) this.#entries.set(keyOf(key), [key, value]);
  }
  get size() {
    return this.#entries.size;
  }
  get(key: Value): Value | undefined {
    return this.#entries.get(keyOf(key))?.[1];
  }
  *keys(): Iterable<Value> {
    for (const [key] of this.#entries.values()) yield key;
  }
  *entries(): Iterable<readonly [Value, Value]> {
    yield* this.#entries.values();
  }
}

/** An object with fields, as `Object{spec: …}` makes it. */
export class CelObject extends CelMap {
  constructor(
    override readonly typeName: string,
    readonly fields: ReadonlyMap<string, Value>,
  ) {
    super();
  }
  get size() {
    return this.fields.size;
  }
  get(key: Value): Value | undefined {
    return typeof key === 'string' ? this.fields.get(key) : undefined;
  }
  keys(): Iterable<Value> {
    return this.fields.keys();
  }
}

/** Equal numbers of different types are one key. */
function keyOf(key: Value): string {
  if (typeof key === 'string') return `s${key}`;
  if (typeof key === 'boolean') return `b${key}`;
  if (key instanceof Uint) return `n${key.value}`;
  if (typeof key === 'bigint' || typeof key === 'number') return `n${key}`;
  throw new CelError('unsupported key type');
}

/** What only functions of a library know: a quantity, an address, a URL. */
export abstract class Opaque {
  abstract readonly typeName: string;
  abstract equals(other: Opaque): boolean;
  /** What `size` cost reckons with; undefined counts as one. */
  readonly costSize?: number;
}

/** A value of CEL: bigint is int, number is double. */
export type Value = null | boolean | bigint | number | string | Uint | Bytes | Timestamp | Duration | TypeValue | Optional | CelList | CelMap | Opaque;

/** As `type()` names it. */
export function typeNameOf(value: Value): string {
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'bigint':
      return 'int';
    case 'number':
      return 'double';
    case 'string':
      return 'string';
  }
  if (value === null) return 'null_type';
  if (value instanceof CelList) return 'list';
  if (value instanceof CelMap) return value.typeName ?? 'map';
  if (value instanceof Uint) return 'uint';
  if (value instanceof Bytes) return 'bytes';
  if (value instanceof Timestamp) return 'google.protobuf.Timestamp';
  if (value instanceof Duration) return 'google.protobuf.Duration';
  if (value instanceof TypeValue) return 'type';
  if (value instanceof Optional) return 'optional_type';
  return value.typeName;
}

const numeric = (value: Value): bigint | number | undefined =>
  typeof value === 'bigint' || typeof value === 'number' ? value : value instanceof Uint ? value.value : undefined;

/** Equality across all types: unlike things are unlike, numbers compare by what they mean. */
export function equal(a: Value, b: Value): boolean {
  if (a === b) return true;
  const left = numeric(a);
  if (left !== undefined) {
    const right = numeric(b);
    // A bigint and a number compare by value with ==, and in no other way.
    return right !== undefined && left == right;
  }
  if (a instanceof CelList) return b instanceof CelList && equalLists(a, b);
  if (a instanceof CelMap) return b instanceof CelMap && equalMaps(a, b);
  if (a instanceof Bytes) return b instanceof Bytes && Buffer.compare(a.data, b.data) === 0;
  if (a instanceof Timestamp) return b instanceof Timestamp && a.nanos === b.nanos;
  if (a instanceof Duration) return b instanceof Duration && a.nanos === b.nanos;
  if (a instanceof TypeValue) return b instanceof TypeValue && a.name === b.name;
  if (a instanceof Optional) {
    if (!(b instanceof Optional)) return false;
    return a.value === undefined || b.value === undefined ? a.value === b.value : equal(a.value, b.value);
  }
  if (a instanceof Opaque) return b instanceof Opaque && a.typeName === b.typeName && a.equals(b);
  return false;
}

function equalLists(a: CelList, b: CelList): boolean {
  if (a.equals) return a.equals(b);
  if (a.size !== b.size) return false;
  for (let i = 0; i < a.size; i++) if (!equal(a.at(i), b.at(i))) return false;
  return true;
}

function equalMaps(a: CelMap, b: CelMap): boolean {
  if (a.equals) return a.equals(b);
  if (a.size !== b.size) return false;
  for (const key of a.keys()) {
    const other = b.get(key);
    if (other === undefined || !equal(a.get(key)!, other)) return false;
  }
  return true;
}

/** Below zero, zero or above; undefined when the two have no order. */
export function compare(a: Value, b: Value): number | undefined {
  const left = numeric(a);
  const right = numeric(b);
  if (left !== undefined && right !== undefined) {
    if (Number.isNaN(left) || Number.isNaN(right)) throw new CelError('NaN values cannot be ordered');
    return left < right ? -1 : left > right ? 1 : 0;
  }
  if (typeof a === 'string' && typeof b === 'string') return a === b ? 0 : compareStrings(a, b);
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  if (a instanceof Bytes && b instanceof Bytes) return Buffer.compare(a.data, b.data);
  if ((a instanceof Timestamp && b instanceof Timestamp) || (a instanceof Duration && b instanceof Duration))
    return a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0;
  return undefined;
}

/** By code point, as UTF-8 sorts; UTF-16 differs where surrogates meet private use. */
function compareStrings(a: string, b: string): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    if (a.charCodeAt(i) !== b.charCodeAt(i)) return a.codePointAt(i)! < b.codePointAt(i)! ? -1 : 1;
  }
  return a.length - b.length;
}

/** Length in characters; what `size()` answers. */
export function stringSize(text: string): number {
  let size = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit <= 0xdbff) size--;
  }
  return size;
}

/** What the cost of a step reckons with; 1 for what has no size. */
export function sizeOf(value: Value): number {
  if (typeof value === 'string') return stringSize(value);
  if (value instanceof CelList || value instanceof CelMap) return value.size;
  if (value instanceof Bytes) return value.data.length;
  if (value instanceof Optional) return value.value === undefined ? 1 : sizeOf(value.value);
  if (value instanceof Opaque) return value.costSize ?? 1;
  return 1;
}
