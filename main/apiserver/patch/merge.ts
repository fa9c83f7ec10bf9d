import { ElementError, elementText, fieldElement, itemElement } from './elements.ts';
import { below, hasChildren, isMember, noFields, type FieldSet } from './fieldSet.ts';
import { anySchema, isAssociative, isMap, memberSchema, type PatchField, type PatchSchema } from './schema.ts';

/** A configuration that cannot be merged, with upstream's message. */
export class MergeError extends Error {}

/**
 * Lays an applied configuration over the live object: the configuration's leaves win, associative lists are merged item
 * by item, in the configuration's order where it has one. The result shares parts with both.
 * Mirrors sigs.k8s.io/structured-merge-diff/typed/merge.go.
 */
export function mergeTyped(live: unknown, applied: unknown, schema: PatchSchema): unknown {
  if (applied === undefined) return live;
  if (live === undefined) return isMap(applied) || Array.isArray(applied) ? mergeWith(undefined, applied, schema) : applied;
  return mergeWith(live, applied, schema);
}

function mergeWith(live: unknown, applied: unknown, schema: PatchSchema): unknown {
  if (schema.atomic) return applied;
  if (isMap(applied) || (applied === null && isMap(live))) {
    if (!isMap(live) && live !== undefined && live !== null) return applied;
    return mergeMaps(live ?? undefined, applied ?? {}, schema, applied);
  }
  if (isAssociative(schema) && (Array.isArray(applied) || (applied === null && Array.isArray(live)))) {
    if (!Array.isArray(live) && live !== undefined && live !== null) return applied;
    const left: unknown[] = live ?? [];
    const right: unknown[] = applied ?? [];
    return left.length === 0 && right.length === 0 ? applied : mergeItems(left, right, schema);
  }
  return applied;
}

function mergeMaps(live: Record<string, unknown> | undefined, applied: Record<string, unknown>, schema: PatchSchema, whole: unknown): unknown {
  const merged: Record<string, unknown> = { ...live };
  for (const name in applied) {
    const value = mergeTyped(live?.[name], applied[name], memberSchema(schema, name));
    if (name === '__proto__') Object.defineProperty(merged, name, { value, enumerable: true, writable: true, configurable: true });
    else merged[name] = value;
  }
  return whole === null && Object.keys(merged).length === 0 ? null : merged;
}

function mergeItems(live: readonly unknown[], applied: readonly unknown[], schema: PatchSchema): unknown[] {
  const item = schema.element ?? anySchema;
  const { elements: right, items: rightItems } = index(applied, schema, false);
  const { elements: left, items: leftItems } = index(live, schema, true);
  const shared = right.filter((element) => leftItems.has(element));
  let next = 0;
  const merged = new Set<string>();
  const out: unknown[] = [];
  const both = (element: string) => mergeTyped(leftItems.get(element), rightItems.get(element), item);
  for (let l = 0, r = 0; l < left.length || r < right.length; ) {
    if (l < left.length && r < right.length) {
      const element = left[l]!;
      if (element === right[r]) {
        merged.add(element);
        out.push(both(element));
        l++;
        r++;
        next++;
        continue;
      }
      // An item of both, but another one is to come first.
      if (rightItems.has(element) && next < shared.length && shared[next] !== element) {
        l++;
        continue;
      }
    }
    if (l < left.length) {
      const element = left[l]!;
      if (!rightItems.has(element)) {
        out.push(live[l]);
        l++;
        continue;
      }
      if (merged.has(element)) l++;
    }
    if (r < right.length) {
      const element = right[r]!;
      merged.add(element);
      out.push(both(element));
      r++;
      if (shared[next] === element) next++;
    }
  }
  return out;
}

function index(list: readonly unknown[], schema: PatchSchema, duplicates: boolean): { elements: string[]; items: Map<string, unknown> } {
  const elements: string[] = [];
  const items = new Map<string, unknown>();
  for (const [i, value] of list.entries()) {
    const element = nameOf(schema, value, i);
    if (items.has(element) && !duplicates) throw new MergeError(`duplicate entries for key ${elementText(element)}`);
    // Several of the same name are not merged with anything.
    items.set(element, items.has(element) ? undefined : value);
    elements.push(element);
  }
  return { elements, items };
}

function nameOf(schema: PatchSchema, value: unknown, at: number): string {
  try {
    return itemElement(schema, value);
  } catch (error) {
    throw error instanceof ElementError ? new MergeError(`element ${at}: ${error.message}`) : error;
  }
}

/**
 * The value without the fields of a set; shares what it keeps. A map or list that loses its last part stays, empty.
 * Mirrors sigs.k8s.io/structured-merge-diff/typed/remove.go.
 */
export function withoutFields(value: unknown, set: FieldSet, schema: PatchSchema): unknown {
  if (schema.atomic || !hasChildren(set)) return value;
  if (isMap(value)) {
    let out: Record<string, unknown> | undefined;
    for (const name in value) {
      const node = set[fieldElement(name)];
      if (node === undefined) continue;
      if (isMember(node)) {
        out ??= { ...value };
        delete out[name];
      } else {
        const rest = withoutFields(value[name], node, memberSchema(schema, name));
        if (rest === value[name]) continue;
        out ??= { ...value };
        out[name] = rest;
      }
    }
    return out ?? value;
  }
  if (!Array.isArray(value) || !isAssociative(schema)) return value;
  const out: unknown[] = [];
  let changed = false;
  for (const [i, item] of value.entries()) {
    const node = set[nameOf(schema, item, i)];
    if (node !== undefined && isMember(node)) {
      changed = true;
      continue;
    }
    const rest = node === undefined ? item : withoutFields(item, node, schema.element ?? anySchema);
    if (rest !== item) changed = true;
    out.push(rest);
  }
  return changed ? out : value;
}

/**
 * The set, with every declared member of a structure that something is below of.
 * Mirrors fieldpath/set.go (EnsureNamedFieldsAreMembers).
 */
export function withNamedFields(set: FieldSet, schema: PatchSchema): FieldSet {
  const out: Record<string, FieldSet> = {};
  for (const element in set) {
    if (element === '.') continue;
    const node = set[element]!;
    if (!hasChildren(node)) {
      out[element] = node;
      continue;
    }
    const field: PatchField | undefined = element.startsWith('f:') ? schema.fields?.get(element.slice(2)) : undefined;
    const child = element.startsWith('f:') ? memberSchema(schema, element.slice(2)) : (schema.element ?? anySchema);
    const children = withNamedFields(below(node), child);
    out[element] = field || isMember(node) ? { '.': noFields, ...children } : children;
  }
  return out;
}

