import type { FieldType, ObjectSchema } from './schema.ts';

/*
 * Go writes the members of structures in the order of their types and those of maps in the order of their names. Defaults and patches
 * put members where they come; most objects are in order nevertheless, which is found out without a copy.
 */

type Members = Record<string, unknown>;

const places = new WeakMap<ObjectSchema, ReadonlyMap<string, number>>();

function placesOf(schema: ObjectSchema): ReadonlyMap<string, number> {
  let known = places.get(schema);
  if (!known) {
    // The kind comes first of all in Go.
    const names = [...(schema.fields.has('kind') && schema.gvk ? ['kind'] : []), ...schema.fields.keys()];
    places.set(schema, (known = new Map([...new Set(names)].map((name, place) => [name, place]))));
  }
  return known;
}

/** The same value where it is in order, else a copy that shares what is. Of a kind that is not built in, all are maps. */
export function inGoOrder(schema: ObjectSchema | undefined, value: Members): Members {
  return schema ? structure(schema, value) : (anything(value) as Members);
}

function structure(schema: ObjectSchema, value: Members): Members {
  const order = placesOf(schema);
  const placeOf = (name: string) => order.get(name) ?? order.size;
  let ordered = true;
  let last = -1;
  let copy: Members | undefined;
  for (const name in value) {
    const place = placeOf(name);
    if (place < last) ordered = false;
    last = place;
    const before = value[name];
    const field = schema.fields.get(name);
    if (!field || typeof before !== 'object' || before === null) continue;
    const after = ofType(field.type, before);
    if (after !== before) (copy ??= { ...value })[name] = after;
  }
  const settled = copy ?? value;
  return ordered ? settled : Object.fromEntries(Object.entries(settled).sort(([a], [b]) => placeOf(a) - placeOf(b)));
}

function ofType(type: FieldType, value: object): unknown {
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
  const settled = copy ?? value;
  // fromEntries defines members, so that `__proto__` is only a name.
  return ordered ? settled : Object.fromEntries(Object.entries(settled).sort(([a], [b]) => (a < b ? -1 : 1)));
}
