import { equalJson } from '../../api/json.ts';
import { ElementError, fieldElement, itemElement } from './elements.ts';
import { insertAt, noFields, type FieldSet, type FieldSetDraft } from './fieldSet.ts';
import { anySchema, isAssociative, isMap, memberSchema, type PatchSchema } from './schema.ts';

/** What became of the fields of an object. No field is in two of them. */
export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

/** Members that nobody ever owns (upstream: managedfields/internal/stripmeta.go), by the member that holds them. */
export const unownedRoot: ReadonlySet<string> = new Set(['apiVersion', 'kind']);
export const unownedMeta: ReadonlySet<string> = new Set([
  'name', 'namespace', 'creationTimestamp', 'selfLink', 'uid', 'clusterName', 'generation', 'managedFields', 'resourceVersion',
]);

/**
 * Compares two objects of a kind field by field, leaving out what nobody owns.
 * Mirrors sigs.k8s.io/structured-merge-diff/typed/compare.go.
 */
export function compareObjects(left: object, right: object, schema: PatchSchema): Comparison {
  const walker = new Comparer();
  walker.root(left as Record<string, unknown>, right as Record<string, unknown>, schema);
  return walker;
}

class Comparer implements Comparison {
  readonly added: FieldSetDraft = {};
  readonly modified: FieldSetDraft = {};
  readonly removed: FieldSetDraft = {};
  readonly #path: string[] = [];

  root(left: Record<string, unknown>, right: Record<string, unknown>, schema: PatchSchema): void {
    // Most writes change one of an object's parts: that the others are the same is found out fastest without their schema.
    const same = new Set(unownedRoot);
    for (const name in left) if (right[name] !== undefined && equalJson(left[name], right[name])) same.add(name);
    this.#members(withMetadata(left), withMetadata(right), schema, same);
  }

  #visit(left: unknown, right: unknown, schema: PatchSchema): void {
    if (left === right) return;
    if (left === undefined) return insertAt(this.added, this.#path, wholeSet(right, schema));
    if (right === undefined) return insertAt(this.removed, this.#path, wholeSet(left, schema));
    if (!schema.atomic) {
      const leftMap = isMap(left);
      const rightMap = isMap(right);
      if ((leftMap || rightMap) && (leftMap || left === null) && (rightMap || right === null)) {
        const unowned = this.#path.length === 1 && this.#path[0] === 'f:metadata' ? unownedMeta : undefined;
        // Two empty ones are a leaf, so that empty and null are told apart; a structure is never empty to Go.
        if (!isBare(left) || !isBare(right)) return this.#members((left ?? {}) as Record<string, unknown>, (right ?? {}) as Record<string, unknown>, schema, unowned);
      } else if (isAssociative(schema) && (Array.isArray(left) || left === null) && (Array.isArray(right) || right === null)) {
        if (left?.length || right?.length) return this.#items(left ?? [], right ?? [], schema);
      }
    }
    if (!equalJson(left, right)) insertAt(this.modified, this.#path, noFields);
  }

  #members(left: Record<string, unknown>, right: Record<string, unknown>, schema: PatchSchema, unowned: ReadonlySet<string> | undefined): void {
    const fields = schema.fields;
    const element = schema.element ?? anySchema;
    for (const name in left) {
      const l = left[name];
      let r = right[name];
      if (l === r || l === undefined || unowned?.has(name)) continue;
      const field = fields?.get(name);
      if (r === undefined) r = field?.zero;
      this.#step(fieldElement(name), l, r, field?.schema ?? element);
    }
    for (const name in right) {
      const r = right[name];
      if (r === undefined || left[name] !== undefined || unowned?.has(name)) continue;
      const field = fields?.get(name);
      this.#step(fieldElement(name), field?.zero, r, field?.schema ?? element);
    }
  }

  #step(element: string, left: unknown, right: unknown, schema: PatchSchema): void {
    this.#path.push(element);
    this.#visit(left, right, schema);
    this.#path.pop();
  }

  #items(left: readonly unknown[], right: readonly unknown[], schema: PatchSchema): void {
    const leftItems = byElement(left, schema);
    const rightItems = byElement(right, schema);
    const item = schema.element ?? anySchema;
    for (const element of new Set([...leftItems.keys(), ...rightItems.keys()])) {
      const l = leftItems.get(element) ?? [];
      const r = rightItems.get(element) ?? [];
      if (l.length <= 1 && r.length <= 1) this.#step(element, l[0], r[0], item);
      // Items that cannot be told apart are one value together; who has one of several has none of them.
      else if (l.length >= 2 && r.length >= 2) {
        if (!equalJson(l, r)) insertAt(this.modified, [...this.#path, element], noFields);
      } else if (l.length >= 2) {
        if (r.length) this.#step(element, undefined, r[0], item);
        insertAt(this.removed, [...this.#path, element], noFields);
      } else {
        if (l.length) this.#step(element, l[0], undefined, item);
        insertAt(this.added, [...this.#path, element], noFields);
      }
    }
  }
}

/** Every object has metadata, also where it says nothing. */
const withMetadata = (object: Record<string, unknown>): Record<string, unknown> => (object.metadata ? object : { ...object, metadata: {} });

const isBare = (value: unknown): boolean => {
  for (const _ in value as object) return false;
  return true;
};

function byElement(items: readonly unknown[], schema: PatchSchema): Map<string, unknown[]> {
  const found = new Map<string, unknown[]>();
  for (const item of items) {
    let element: string;
    try {
      element = itemElement(schema, item);
    } catch (error) {
      // Ownership of what cannot be named is not tracked; validation refuses such lists with a message of its own.
      if (error instanceof ElementError) continue;
      throw error;
    }
    const same = found.get(element);
    if (same) same.push(item);
    else found.set(element, [item]);
  }
  return found;
}

/**
 * The node of a value that was not there at all on the other side: all of its fields, and itself. Members are put in
 * upstream's order from the start, and what has nothing below it is one shared node: nothing is inserted below a node
 * that stands for all of a value.
 */
function wholeSet(value: unknown, schema: PatchSchema): FieldSetDraft {
  if (schema.atomic || typeof value !== 'object' || value === null) return noFields;
  const node: FieldSetDraft = { '.': noFields };
  let bare = true;
  if (Array.isArray(value)) {
    if (!isAssociative(schema)) return noFields;
    for (const [element, items] of byElement(value, schema)) {
      node[element] = items.length > 1 ? noFields : wholeSet(items[0], schema.element ?? anySchema);
      bare = false;
    }
  } else {
    const members = value as Record<string, unknown>;
    const names = Object.keys(members);
    if (schema.zeros) for (const [name] of schema.zeros) if (members[name] === undefined) names.push(name);
    for (const name of sorted(names)) {
      const member = members[name] !== undefined ? members[name] : schema.fields?.get(name)?.zero;
      if (member === undefined) continue;
      node[fieldElement(name)] = wholeSet(member, memberSchema(schema, name));
      bare = false;
    }
  }
  return bare ? noFields : node;
}

/** Sorts in place: structures are small, and for few texts this is the quickest. */
function sorted(names: string[]): string[] {
  if (names.length > 16) return names.sort();
  for (let i = 1; i < names.length; i++) {
    const name = names[i]!;
    let at = i;
    for (; at > 0 && names[at - 1]! > name; at--) names[at] = names[at - 1]!;
    names[at] = name;
  }
  return names;
}
