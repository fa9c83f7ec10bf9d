import { parseQuantity } from './quantity.ts';
import type { FieldSchema, FieldType, ObjectSchema } from './schema.ts';
import { formatMicroTime, formatTime, parseApiTime } from './time.ts';

/**
 * An object as Go writes it after having read it: members in the order of their structure, nothing where Go leaves out
 * what is empty, the zero value where it does not (`status: {}`), quantities in canonical form, times in UTC. Null
 * stands for absence and is left out. `value` must have passed decodeObject or be typed; it is not changed, but the
 * result may share parts with it that have no schema.
 */
export function normalizeObject(schema: ObjectSchema, value: Record<string, unknown>): Record<string, unknown> {
  const members = new Members(schema);
  for (const name in value) {
    const member = value[name];
    const slot = member === undefined || member === null ? undefined : members.slot(name);
    if (slot) members.add(slot, normalizeValue(slot.field.type, member));
  }
  return members.written();
}

/** Members that were `[]` or `{}` in what an object was read from, and are left out of it. */
const empties = new WeakMap<object, Empties>();
type Empties = Map<string, readonly [] | Readonly<Record<string, never>>>;

/**
 * A member as it was given in the request that this very object was read from: `[]` and `{}` are left out of objects, but
 * defaults and messages tell them from absence. Null where there is none.
 */
export function asGiven<T extends object, N extends string & keyof T>(object: T | undefined, member: N): NonNullable<T[N]> | null {
  if (!object) return null;
  return object[member] ?? (empties.get(object)?.get(member) as NonNullable<T[N]> | undefined) ?? null;
}

/** A copy that knows, too, what was given as `[]` and `{}`. */
export function cloneGiven<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(cloneGiven) as T;
  const copy = Object.fromEntries(Object.entries(value).map(([name, member]) => [name, cloneGiven(member)]));
  const given = empties.get(value);
  if (given) empties.set(copy, given);
  return copy as T;
}

/** A field, and where it stands in its structure. */
export interface Slot {
  readonly field: FieldSchema;
  readonly place: number;
}

/** What a structure's fields are to its writer. */
interface Layout {
  slots: ReadonlyMap<string, Slot>;
  fields: readonly FieldSchema[];
  /** Those that are written though nothing was said of them, in order. */
  always: readonly number[];
}

const layouts = new WeakMap<ObjectSchema, Layout>();

function layoutOf(schema: ObjectSchema): Layout {
  let layout = layouts.get(schema);
  if (!layout) {
    const fields = [...schema.fields.values()];
    const always = fields.flatMap((field, place) => (absent(field) === undefined ? [] : [place]));
    layouts.set(schema, (layout = { slots: new Map(fields.map((field, place) => [field.name, { field, place }])), fields, always }));
  }
  return layout;
}

/** The members of one structure, which come in any order and are written in that of the structure, as Go writes them. */
export class Members {
  readonly #layout: Layout;
  readonly #places: number[] = [];
  readonly #values: unknown[] = [];
  #empties: Empties | undefined;

  constructor(schema: ObjectSchema) {
    this.#layout = layoutOf(schema);
  }

  /** Where the structure has a member of that name; undefined: nowhere. */
  slot(name: string): Slot | undefined {
    return this.#layout.slots.get(name);
  }

  /** Each once. `value` is normalized itself. */
  add({ field, place }: Slot, value: unknown): void {
    if (value === undefined) return;
    if (isLeftOut(field, value)) {
      if (field.type.kind !== 'scalar') (this.#empties ??= new Map()).set(field.name, Array.isArray(value) ? [] : {});
      return;
    }
    const places = this.#places;
    const values = this.#values;
    // Most come in order, or nearly.
    let at = places.length;
    for (; at > 0 && places[at - 1]! > place; at--) {
      places[at] = places[at - 1]!;
      values[at] = values[at - 1];
    }
    places[at] = place;
    values[at] = value;
  }

  written(): Record<string, unknown> {
    const { fields, always } = this.#layout;
    const places = this.#places;
    const written: Record<string, unknown> = {};
    let next = 0;
    for (let i = 0; i < places.length; i++) {
      const place = places[i]!;
      for (; next < always.length && always[next]! <= place; next++)
        if (always[next] !== place) written[fields[always[next]!]!.name] = absent(fields[always[next]!]!);
      written[fields[place]!.name] = this.#values[i];
    }
    for (; next < always.length; next++) written[fields[always[next]!]!.name] = absent(fields[always[next]!]!);
    if (this.#empties) empties.set(written, this.#empties);
    return written;
  }
}

/** What Go writes for a member that is absent. */
function absent(field: FieldSchema): unknown {
  const { type } = field;
  if (field.pointer || field.omitZero) return undefined;
  // Go's omitempty has no effect on structures.
  if (type.kind === 'object') return normalizeObject(type.schema, {});
  return field.omitEmpty && type.kind !== 'special' ? undefined : zeroValue(type);
}

function isLeftOut({ type, pointer, omitEmpty }: FieldSchema, value: unknown): boolean {
  if (!omitEmpty) return false;
  switch (type.kind) {
    case 'scalar':
      return !pointer && isZero(value);
    case 'list':
      return (value as unknown[]).length === 0;
    case 'map':
      for (const _ in value as object) return false;
      return true;
    default:
      return false;
  }
}

const isZero = (value: unknown) => value === '' || value === 0 || value === false;

/** What Go writes for the zero value; undefined stands for null. */
function zeroValue(type: FieldType): unknown {
  if (type.kind === 'special') return type.special === 'Quantity' ? '0' : type.special === 'IntOrString' ? 0 : undefined;
  if (type.kind !== 'scalar') return undefined;
  switch (type.scalar) {
    case 'string':
      return '';
    case 'bool':
      return false;
    case 'bytes':
    case 'any':
      return undefined;
    default:
      return 0;
  }
}

export function normalizeValue(type: FieldType, value: unknown): unknown {
  switch (type.kind) {
    case 'scalar':
      return value;
    case 'object':
      return normalizeObject(type.schema, value as Record<string, unknown>);
    case 'list':
      return (value as unknown[]).map((element) => normalizeElement(type.element, element));
    case 'map': {
      const written: Record<string, unknown> = {};
      for (const key in value as object) {
        const element = normalizeElement(type.element, (value as Record<string, unknown>)[key]);
        if (key === '__proto__') Object.defineProperty(written, key, { value: element, enumerable: true, writable: true, configurable: true });
        else written[key] = element;
      }
      return written;
    }
    case 'special':
      switch (type.special) {
        case 'Quantity':
          return parseQuantity(String(value).trim()).toString();
        case 'Time':
        case 'MicroTime':
          return normalizeTime(type.special, value as string);
        default:
          return value;
      }
  }
}

/** Written as Go writes them, and not the zero time: most times are, and need not be taken apart. */
const day = '(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)';
const second = '(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d';
const canonical = {
  Time: new RegExp(`^[1-9]\\d{3}-${day}T${second}Z$`),
  MicroTime: new RegExp(`^[1-9]\\d{3}-${day}T${second}\\.\\d{6}Z$`),
};

/** Throws what is wrong with the text; undefined stands for null. */
export function normalizeTime(special: 'Time' | 'MicroTime', text: string): string | undefined {
  if (canonical[special].test(text)) return text;
  const time = parseApiTime(text, special === 'Time' ? 'time' : 'microTime');
  // Go's zero time, which it writes as null.
  if (time.seconds === -62_135_596_800 && time.micros === 0) return undefined;
  return special === 'Time' ? formatTime(time) : formatMicroTime(time);
}

/** An element cannot be left out: null is its zero value. */
function normalizeElement(type: FieldType, value: unknown): unknown {
  return value === undefined || value === null ? absentElement(type) : normalizeValue(type, value);
}

export function absentElement(type: FieldType): unknown {
  return type.kind === 'object' ? normalizeObject(type.schema, {}) : (zeroValue(type) ?? null);
}
