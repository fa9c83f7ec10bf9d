import type { FieldSchema, FieldType, ObjectSchema } from './schema.ts';

/*
 * Go's encoding/json writes null for what is unset and not marked to be left out: pointers, lists, maps and bytes without omitempty, and
 * times without omitzero. Stored lists that are empty come back unset, so they are null as well.
 */

type Fields = Record<string, unknown>;
/** Gives back the same value where nothing changes, else a copy that shares the rest. */
type Change<T = unknown> = (value: T) => T;
type Settle = (object: Fields, structure: Structure) => Fields;

/** What there is to know of a structure that has members which may be null. */
interface Structure {
  nullable: ReadonlyMap<string, FieldSchema>;
  /** The names of those. */
  names: readonly string[];
  /** All members, as Go writes them. */
  order: readonly string[];
}

/** The object as Go writes it, with null for such members; `stored`: it comes out of the store, where no list is empty. */
export function withNulls<T extends object>(schema: ObjectSchema | undefined, object: T, stored: boolean): T {
  return schema ? (((stored ? writersOfStored : writers)(schema)?.(object as Fields) ?? object) as T) : object;
}

/** The object as this program knows it: absence instead of null, and an empty list where a list has to be. */
export function withoutNulls<T extends object>(schema: ObjectSchema | undefined, object: T): T {
  return schema ? ((readers(schema)?.(object as Fields) ?? object) as T) : object;
}

const writing = (isUnset: (value: unknown) => boolean): Settle => (object, { nullable, names, order }) => {
  let unset = 0;
  for (let i = 0; i < names.length; i++) if (isUnset(object[names[i]!])) unset++;
  if (unset === 0) return object;
  const written: Fields = {};
  for (let i = 0; i < order.length; i++) {
    const name = order[i]!;
    const value = object[name];
    if (nullable.has(name) && isUnset(value)) written[name] = null;
    else if (value !== undefined) written[name] = value;
  }
  // What the structure does not have keeps its place behind it.
  for (const name in object) if (!(name in written) && object[name] !== undefined) written[name] = object[name];
  return written;
};

const writers = changesBy(writing((value) => value === undefined));
const writersOfStored = changesBy(writing((value) => value === undefined || (Array.isArray(value) && value.length === 0)));

const readers = changesBy((object, { nullable }) => {
  const none = [...nullable.values()].filter(({ name }) => object[name] === null);
  if (!none.length) return object;
  const read = Object.fromEntries(Object.entries(object).filter(([name, value]) => value !== null || !nullable.has(name)));
  for (const { name, type, required } of none) if (required && type.kind === 'list') read[name] = [];
  return read;
});

/** Whether Go writes null for it while it is unset. */
function isNullable({ name, type, pointer, omitEmpty, omitZero }: FieldSchema): boolean {
  if (type.kind === 'special') return pointer ? !omitEmpty : !omitZero && (type.special === 'Time' || type.special === 'MicroTime');
  // Lists of objects are put together with brackets of their own.
  if (omitEmpty || omitZero || name === 'items') return false;
  return pointer || type.kind === 'list' || type.kind === 'map' || (type.kind === 'scalar' && type.scalar === 'bytes');
}

/** What `settle` does to every structure that has such members, wherever it stands; undefined: there is none. */
function changesBy(settle: Settle): (schema: ObjectSchema) => Change<Fields> | undefined {
  const known = new Map<ObjectSchema, Change<Fields> | undefined>();

  function ofType(type: FieldType): Change | undefined {
    if (type.kind === 'object') return ofSchema(type.schema) as Change | undefined;
    if (type.kind !== 'list' && type.kind !== 'map') return undefined;
    const element = ofType(type.element);
    return element && (type.kind === 'list' ? (list) => (Array.isArray(list) ? changedList(list, element) : list) : (map) => changedMap(map as Fields, element));
  }

  function ofSchema(schema: ObjectSchema): Change<Fields> | undefined {
    if (known.has(schema)) return known.get(schema);
    // A type within itself: no such type has any.
    known.set(schema, undefined);
    const fields = [...schema.fields.values()];
    const nullable = new Map(fields.filter(isNullable).map((field) => [field.name, field]));
    const inner = fields.flatMap(({ name, type }) => ((change) => (change ? [{ name, change }] : []))(ofType(type)));
    const order = ['kind', 'apiVersion', ...schema.fields.keys()].filter((name) => schema.fields.has(name));
    const structure = { nullable, names: [...nullable.keys()], order };
    const change: Change<Fields> | undefined =
      nullable.size || inner.length
        ? (object) => {
            const changed = changedMembers(object, inner);
            return nullable.size ? settle(changed, structure) : changed;
          }
        : undefined;
    known.set(schema, change);
    return change;
  }
  return ofSchema;
}

function changedList(list: unknown[], change: Change): unknown[] {
  let copy: unknown[] | undefined;
  for (let i = 0; i < list.length; i++) {
    const before = list[i];
    const after = typeof before === 'object' && before !== null ? change(before) : before;
    if (after !== before) (copy ??= [...list])[i] = after;
  }
  return copy ?? list;
}

function changedMembers(object: Fields, members: readonly { name: string; change: Change }[]): Fields {
  let copy: Fields | undefined;
  for (let i = 0; i < members.length; i++) {
    const { name, change } = members[i]!;
    const before = object[name];
    if (typeof before !== 'object' || before === null) continue;
    const after = change(before);
    if (after !== before) (copy ??= { ...object })[name] = after;
  }
  return copy ?? object;
}

function changedMap(map: Fields, change: Change): Fields {
  let copy: Fields | undefined;
  for (const name of Object.keys(map)) {
    const before = map[name];
    if (typeof before !== 'object' || before === null) continue;
    const after = change(before);
    if (after !== before) (copy ??= { ...map })[name] = after;
  }
  return copy ?? map;
}
