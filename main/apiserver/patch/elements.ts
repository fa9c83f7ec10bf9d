import type { PatchSchema } from './schema.ts';
import { isMap } from './schema.ts';

/** An item that cannot be told apart from others, with upstream's message. */
export class ElementError extends Error {}

/** Path elements of members by name: a text that was made anew for each would have to be looked up among all names before it can name a member. */
const fieldElements = new Map<string, string>();
const maxFieldElements = 4096;

/** The serialized path element of a member: `f:name`. */
export function fieldElement(name: string): string {
  let element = fieldElements.get(name);
  if (element === undefined) {
    element = `f:${name}`;
    if (fieldElements.size < maxFieldElements) fieldElements.set(name, element);
  }
  return element;
}

/**
 * The serialized path element of an item of an associative list: `k:{"name":"a"}` or `v:"a"`.
 * Mirrors sigs.k8s.io/structured-merge-diff/typed/helpers.go (listItemToPathElement). Throws ElementError.
 */
export function itemElement(schema: PatchSchema, item: unknown): string {
  const { keys } = schema;
  if (!keys || keys.length === 0) {
    if (isMap(item)) throw new ElementError("associative list without keys has an element that's a map type");
    if (Array.isArray(item)) throw new ElementError('not supported: associative list with lists as elements');
    if (item === null) throw new ElementError("associative list without keys has an element that's an explicit null");
    return `v:${goJson(item)}`;
  }
  if (item === null) throw new ElementError('associative list with keys may not have a null element');
  if (!isMap(item)) throw new ElementError('associative list with keys may not have non-map elements');
  if (keys.length === 1) {
    const value = keyOf(schema, item, keys[0]!);
    if (value === undefined) throw noKey(keys);
    return `k:{"${keys[0]!}":${goJson(value)}}`;
  }
  let text = '';
  for (const key of [...keys].sort()) {
    const value = keyOf(schema, item, key);
    if (value !== undefined) text += `${text ? ',' : ''}"${key}":${goJson(value)}`;
  }
  if (!text) throw noKey(keys);
  return `k:{${text}}`;
}

const noKey = (keys: readonly string[]) =>
  new ElementError(`associative list with keys has an element that omits all key fields [${keys.map((key) => JSON.stringify(key)).join(' ')}] (and doesn't have default values for any key fields)`);

function keyOf(schema: PatchSchema, item: Record<string, unknown>, key: string): unknown {
  if (item[key] !== undefined) return item[key];
  const field = schema.element?.fields?.get(key);
  // What Go writes where nothing is said is the schema's default as well.
  return field?.default ?? field?.zero ?? undefined;
}

/** JSON as Go writes it. */
function goJson(value: unknown): string {
  const text = JSON.stringify(value);
  return /[<>&]/.test(text) ? text.replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`) : text;
}

/** As messages show it: `.name`, `[name="a"]`, `[="a"]`. */
export function elementText(element: string): string {
  const content = element.slice(2);
  if (element.startsWith('f:')) return `.${content}`;
  if (element.startsWith('i:')) return `[${content}]`;
  const value: unknown = JSON.parse(content);
  if (element.startsWith('v:') || !isMap(value)) return `[=${JSON.stringify(value)}]`;
  return `[${Object.keys(value).sort().map((key) => `${key}=${JSON.stringify(value[key])}`).join(',')}]`;
}

/** `.spec.containers[name="main"].image` */
export const pathText = (path: readonly string[]): string => path.map(elementText).join('');

const rank = { f: 0, k: 1, v: 2, i: 3 };

/** Orders elements as upstream does: fields, then items by key, then by value; keys and values by their kind. */
export function compareElements(a: string, b: string): number {
  if (a === '.') return b === '.' ? 0 : -1;
  if (b === '.') return 1;
  const kindA = a[0] as keyof typeof rank;
  const kindB = b[0] as keyof typeof rank;
  if (kindA !== kindB) return rank[kindA] - rank[kindB];
  if (kindA === 'f') return a < b ? -1 : a > b ? 1 : 0;
  return compareByFirstText(a, b) ?? compareValues(JSON.parse(a.slice(2)), JSON.parse(b.slice(2)));
}

/** Most items have one key, a plain text: two such are told apart where they first differ. */
function compareByFirstText(a: string, b: string): number | undefined {
  const text = a.indexOf('":"') + 3;
  if (text < 3 || !b.startsWith(a.slice(0, text))) return undefined;
  for (let i = text; i < a.length; i++) {
    const left = a[i]!;
    const right = b[i];
    if (right === undefined || left === '"' || right === '"' || left === '\\') return undefined;
    if (left !== right) return left < right ? -1 : 1;
  }
  return undefined;
}

function compareValues(a: unknown, b: unknown): number {
  if (isMap(a) && isMap(b)) {
    const namesA = Object.keys(a).sort();
    const namesB = Object.keys(b).sort();
    for (let i = 0; i < namesA.length && i < namesB.length; i++) {
      if (namesA[i] !== namesB[i]) return namesA[i]! < namesB[i]! ? -1 : 1;
      const order = compareValues(a[namesA[i]!], b[namesB[i]!]);
      if (order !== 0) return order;
    }
    return namesA.length - namesB.length;
  }
  const order = typeRank(a) - typeRank(b);
  if (order !== 0) return order;
  if (typeof a === 'number' || typeof a === 'boolean') return Number(a) - Number(b);
  return String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0;
}

function typeRank(value: unknown): number {
  return typeof value === 'number' ? 0 : typeof value === 'string' ? 1 : typeof value === 'boolean' ? 2 : 3;
}
