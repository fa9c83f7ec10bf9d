import { ElementError, itemElement } from './elements.ts';
import { anySchema, isAssociative, isMap, memberSchema, type PatchSchema } from './schema.ts';

/*
 * Objects are created in numbers, and those that one client makes of one kind mostly differ in names and values alone. Which fields
 * their creator owns depends on neither: it is found out once for each shape, and one set of fields serves all objects that have it.
 */

/** What an object is made up of, as far as the set of its fields depends on it. */
export type Shape = Leaf | MapShape | ListShape;

/** A value that has no parts of its own: of what type it is, and whether it is one that Go writes for what is not set. */
type Leaf = number;

interface MapShape {
  /** In the order in which they stand. */
  readonly names: readonly string[];
  readonly members: readonly Shape[];
}

interface ListShape {
  readonly schema: PatchSchema;
  /** Path elements of the items, in their order. */
  readonly elements: readonly string[];
  readonly items: readonly Shape[];
}

/** Members whose values do not matter, for they are nobody's; of the object itself, and of its metadata. */
export interface Unowned {
  readonly root: ReadonlySet<string>;
  readonly metadata: ReadonlySet<string>;
}

/** Objects of more parts than that are not worth to be remembered. */
const maxParts = 2000;

/** The shape of an object; undefined: it has none that another could have as well. */
export function shapeOf(object: object, schema: PatchSchema, unowned: Unowned): Shape | undefined {
  let parts = 0;

  function of(value: unknown, its: PatchSchema, without: ReadonlySet<string> | undefined, within: ReadonlySet<string> | undefined): Shape {
    if (++parts > maxParts) throw new Shapeless();
    if (its.atomic) return leafOf(value);
    if (isMap(value)) {
      const names = Object.keys(value).filter((name) => value[name] !== undefined && !without?.has(name));
      return { names, members: names.map((name) => of(value[name], memberSchema(its, name), name === 'metadata' ? within : undefined, undefined)) };
    }
    if (!Array.isArray(value) || !isAssociative(its)) return leafOf(value);
    return { schema: its, elements: value.map((item) => itemElement(its, item)), items: value.map((item) => of(item, its.element ?? anySchema, undefined, undefined)) };
  }

  try {
    return of(object, schema, unowned.root, unowned.metadata);
  } catch (error) {
    if (error instanceof Shapeless || error instanceof ElementError) return undefined;
    throw error;
  }
}

class Shapeless extends Error {}

/** Whether an object has that shape, and so the same fields. */
export function hasShape(object: object, shape: Shape, unowned: Unowned): boolean {
  return isOf(object, shape, unowned.root, unowned.metadata);
}

function isOf(value: unknown, shape: Shape, without: ReadonlySet<string> | undefined, within: ReadonlySet<string> | undefined): boolean {
  if (typeof shape === 'number') return leafOf(value) === shape;
  if (typeof value !== 'object' || value === null) return false;
  if ('elements' in shape) return Array.isArray(value) && hasItems(value, shape);
  if (Array.isArray(value)) return false;
  const { names, members } = shape;
  let at = 0;
  for (const name in value) {
    const member = (value as Record<string, unknown>)[name];
    if (member === undefined || without?.has(name)) continue;
    if (name !== names[at] || !isOf(member, members[at]!, name === 'metadata' ? within : undefined, undefined)) return false;
    at++;
  }
  return at === names.length;
}

function hasItems(list: readonly unknown[], { schema, elements, items }: ListShape): boolean {
  if (list.length !== items.length) return false;
  for (let i = 0; i < list.length; i++) {
    // Without a key no item is like another.
    if (!hasElement(list[i], schema, elements[i]!) || !isOf(list[i], items[i]!, undefined, undefined)) return false;
  }
  return true;
}

function hasElement(item: unknown, schema: PatchSchema, element: string): boolean {
  try {
    return itemElement(schema, item) === element;
  } catch (error) {
    if (error instanceof ElementError) return false;
    throw error;
  }
}

/** Each kind of value, and apart from it what Go writes where nothing is set: `""`, `"0"` (a quantity), 0, false, null, an empty structure. */
function leafOf(value: unknown): Leaf {
  switch (typeof value) {
    case 'string':
      return value === '' ? 1 : value === '0' ? 2 : 3;
    case 'number':
      return value === 0 ? 4 : 5;
    case 'boolean':
      return value ? 7 : 6;
    default:
      break;
  }
  if (typeof value !== 'object' || value === null) return 0;
  if (Array.isArray(value)) return value.length === 0 ? 8 : 9;
  for (const _ in value) return 11;
  return 10;
}
