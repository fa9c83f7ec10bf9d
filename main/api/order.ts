import type { FieldType, ObjectSchema } from './schema.ts';

/*
 * Go writes the members of structures in the order of their types and those of maps in the order of their names. Defaults and patches
 * put members where they come; most objects are in order nevertheless, which is found out without a copy.
 */

type Members = Record<string, unknown>;

/** What is known of a member of a structure: where it stands, and what is to be done within it. */
interface Place {
  at: number;
  /** Absent for what has no order within. */
  within?: FieldType;
}

const places = new WeakMap<ObjectSchema, ReadonlyMap<string, Place>>();

function placesOf(schema: ObjectSchema): ReadonlyMap<string, Place> {
  let known = places.get(schema);
  if (!known) {
    // The kind comes first of all in Go.
    const names = [...(schema.fields.has('kind') && schema.gvk ? ['kind'] : []), ...schema.fields.keys()];
    const placeOf = (name: string, at: number): Place => {
      const { type } = schema.fields.get(name)!;
      return hasOrder(type) ? { at, within: type } : { at };
    };
    places.set(schema, (known = new Map([...new Set(names)].map((name, at) => [name, placeOf(name, at)]))));
  }
  return known;
}

const hasOrder = (type: FieldType): boolean => type.kind === 'object' || type.kind === 'map' || (type.kind === 'list' && hasOrder(type.element));

/** Parts that have been found or put in order: those that an update leaves alone are not looked at again. Nobody changes them. */
const settled = new WeakSet<object>();

/**
 * The same value where it is in order, else a copy that shares what is. Of a kind that is not built in, all are maps. The value's
 * parts must not be changed afterwards.
 */
export function inGoOrder(schema: ObjectSchema | undefined, value: Members): Members {
  return schema ? structure(schema, value, true) : (anything(value) as Members);
}

function structure(schema: ObjectSchema, value: Members, top = false): Members {
  const order = placesOf(schema);
  let ordered = true;
  let last = -1;
  let copy: Members | undefined;
  for (const name in value) {
    const place = order.get(name);
    const at = place?.at ?? order.size;
    if (at < last) ordered = false;
    last = at;
    if (!place?.within) continue;
    const before = value[name];
    if (typeof before !== 'object' || before === null || (top && settled.has(before))) continue;
    const after = ofType(place.within, before);
    if (top) settled.add(after);
    if (after !== before) (copy ??= { ...value })[name] = after;
  }
  const whole = copy ?? value;
  const placeOf = (name: string) => order.get(name)?.at ?? order.size;
  return ordered ? whole : Object.fromEntries(Object.entries(whole).sort(([a], [b]) => placeOf(a) - placeOf(b)));
}

function ofType(type: FieldType, value: object): object {
  switch (type.kind) {
    case 'object':
      return structure(type.schema, value as Members);
    case 'list':
      return Array.isArray(value) ? each(value, (element) => ofType(type.element, element)) : value;
    case 'map':
      return map(value as Members, (element) => ofType(type.element, element));
    default:
      // Free JSON is kept as it was given.
      return value;
  }
}

const anything = (value: object): unknown => (Array.isArray(value) ? each(value, anything) : map(value as Members, anything));

function each(list: unknown[], change: (element: object) => unknown): unknown[] {
  let copy: unknown[] | undefined;
  for (let i = 0; i < list.length; i++) {
    const before = list[i];
    if (typeof before !== 'object' || before === null) continue;
    const after = change(before);
    if (after !== before) (copy ??= [...list])[i] = after;
  }
  return copy ?? list;
}

/** Names that are whole numbers come first in JavaScript, wherever they are put. */
const isIndex = (name: string) => /^\d+$/.test(name);

function map(value: Members, change: (element: object) => unknown): Members {
  let ordered = true;
  let last = '';
  let copy: Members | undefined;
  for (const name in value) {
    if (name < last && !isIndex(last)) ordered = false;
    last = name;
    const before = value[name];
    if (typeof before !== 'object' || before === null) continue;
    const after = change(before);
    if (after !== before) {
      copy ??= { ...value };
      if (name === '__proto__') Object.defineProperty(copy, name, { value: after, enumerable: true, writable: true, configurable: true });
      else copy[name] = after;
    }
  }
  const whole = copy ?? value;
  // fromEntries defines members, so that `__proto__` is only a name.
  return ordered ? whole : Object.fromEntries(Object.entries(whole).sort(([a], [b]) => (a < b ? -1 : 1)));
}
