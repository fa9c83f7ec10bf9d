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

/**
 * The same value where it is in order, else a copy that shares what is. Of a kind that is not built in, all are maps. Members that
 * are the very ones of `settled`, an object that is in order, are not looked at again.
 */
export function inGoOrder(schema: ObjectSchema | undefined, value: Members, settled?: Members): Members {
  return schema ? structure(schema, value, settled) : (anything(value) as Members);
}

function structure(schema: ObjectSchema, value: Members, settled?: Members): Members {
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
    if (typeof before !== 'object' || before === null || settled?.[name] === before) continue;
    const after = ofType(place.within, before);
    if (after !== before) (copy ??= { ...value })[name] = after;
  }
  return ordered ? (copy ?? value) : placed(copy ?? value, order);
}

/** Most of it is in order already, so that each member moves past few. */
function placed(value: Members, order: ReadonlyMap<string, Place>): Members {
  const names: string[] = [];
  const places: number[] = [];
  for (const name in value) {
    const at = order.get(name)?.at ?? order.size;
    let i = names.length;
    for (; i > 0 && places[i - 1]! > at; i--) {
      names[i] = names[i - 1]!;
      places[i] = places[i - 1]!;
    }
    names[i] = name;
    places[i] = at;
  }
  const copy: Members = {};
  for (const name of names) put(copy, name, value[name]);
  return copy;
}

/** Defines a member, so that `__proto__` is only a name. */
function put(members: Members, name: string, value: unknown): void {
  if (name === '__proto__') Object.defineProperty(members, name, { value, enumerable: true, writable: true, configurable: true });
  else members[name] = value;
}

function ofType(type: FieldType, value: object): object {
  switch (type.kind) {
    case 'object':
      return structure(type.schema, value as Members);
    case 'list':
      return Array.isArray(value) ? each(value, type.element) : value;
    case 'map':
      return map(value as Members, type.element);
    default:
      // Free JSON is kept as it was given.
      return value;
  }
}

/** `type`: of what is within; undefined where nothing is known of it. */
const within = (type: FieldType | undefined, value: object): object => (type ? ofType(type, value) : anything(value));
const anything = (value: object): object => (Array.isArray(value) ? each(value, undefined) : map(value as Members, undefined));

function each(list: unknown[], type: FieldType | undefined): unknown[] {
  if (type && !hasOrder(type)) return list;
  let copy: unknown[] | undefined;
  for (let i = 0; i < list.length; i++) {
    const before = list[i];
    if (typeof before !== 'object' || before === null) continue;
    const after = within(type, before);
    if (after !== before) (copy ??= [...list])[i] = after;
  }
  return copy ?? list;
}

/** Names that are whole numbers come first in JavaScript, wherever they are put. */
const isIndex = (name: string) => /^\d+$/.test(name);

function map(value: Members, type: FieldType | undefined): Members {
  let ordered = true;
  let last = '';
  let copy: Members | undefined;
  for (const name in value) {
    if (name < last && !isIndex(last)) ordered = false;
    last = name;
    const before = value[name];
    if (typeof before !== 'object' || before === null) continue;
    const after = within(type, before);
    if (after !== before) put((copy ??= { ...value }), name, after);
  }
  const whole = copy ?? value;
  // fromEntries defines members, so that `__proto__` is only a name.
  return ordered ? whole : Object.fromEntries(Object.entries(whole).sort(([a], [b]) => (a < b ? -1 : 1)));
}
