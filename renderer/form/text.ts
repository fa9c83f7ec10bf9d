import { isAlias, isCollection, isMap, isScalar, isSeq, parseAllDocuments, type Document, type Node, type Pair, type YAMLMap, type YAMLSeq } from 'yaml';
import { equalJson } from '../../main/api/json.ts';
import { customTags, fieldSteps } from '../yaml/parse.ts';

/** The value at a path such as `spec.containers[0].image`; `labels[app.kubernetes.io/name]` names a key with dots. */
export function read(value: unknown, path: string): unknown {
  let at = value;
  for (const step of fieldSteps(path)) {
    if (at === null || typeof at !== 'object' || !Object.hasOwn(at, step)) return undefined;
    at = (at as Record<string, unknown>)[step];
  }
  return at;
}

/** The documents that say something: those that a form counts. */
function documentsOf(text: string): Document.Parsed[] {
  const parsed = parseAllDocuments(text, { version: '1.1', merge: true, uniqueKeys: false, customTags, logLevel: 'silent' });
  const documents = Array.isArray(parsed) ? (parsed as unknown as Document.Parsed[]) : [];
  return documents.filter(({ contents }) => contents !== null && !(isScalar(contents) && contents.value === null));
}

/** How a user's text indents its lists is kept. */
const indentsLists = (text: string): boolean => !/^( *)[^\s#-][^\n]*:[ \t]*\n\1- /m.test(text);

/** A document as text, in the place where it was; whatever stands around it stays. */
function put(text: string, document: Document.Parsed): string {
  const [from, , to] = document.range;
  // What stands before the first document is outside of its range.
  document.commentBefore = null;
  const body = document.toString({ lineWidth: 0, indentSeq: indentsLists(text.slice(from, to)) });
  return `${text.slice(0, from)}${body}${text.slice(to)}`;
}

const pairOf = (map: YAMLMap, key: string): Pair | undefined => map.items.find((item) => isScalar(item.key) && String(item.key.value) === key);

/** An alias is written through its own copy, so that what it points to is left alone. */
function own(document: Document, node: unknown): Node | undefined {
  if (isAlias(node)) return document.createNode(node.toJS(document) as unknown) as Node;
  return (node ?? undefined) as Node | undefined;
}

function childOf(document: Document, node: Node | undefined, step: string): Node | undefined {
  if (isMap(node)) {
    const pair = pairOf(node, step);
    if (!pair) return undefined;
    const child = own(document, pair.value);
    pair.value = child ?? null;
    return child;
  }
  if (isSeq(node)) {
    const child = own(document, node.items[Number(step)]);
    if (child) node.items[Number(step)] = child;
    return child;
  }
  return undefined;
}

function setChild(document: Document, node: Node, step: string, child: Node): void {
  if (isMap(node)) {
    const pair = pairOf(node, step);
    if (pair) pair.value = child;
    else node.items.push(document.createPair(step, child));
    // A map that was written as `{}` holds its first member now.
    if (node.items.length === 1) node.flow = false;
  } else if (isSeq(node)) node.items[Number(step)] = child;
}

function removeChild(node: Node, step: string): void {
  if (isMap(node)) node.items = node.items.filter((item) => !(isScalar(item.key) && String(item.key.value) === step));
  else if (isSeq(node)) node.items.splice(Number(step), 1);
}

const plain = (document: Document, node: Node | undefined): unknown => (node ? (node.toJS(document) as unknown) : undefined);

/** A node that says `value`, made of the one that was there as far as it can be: its comments stay with what they speak of. */
function adapted(document: Document, node: Node | undefined, value: unknown): Node {
  if (node && equalJson(plain(document, node), value)) return node;
  if (isMap(node) && typeof value === 'object' && value !== null && !Array.isArray(value)) return adaptedMap(document, node, value as Record<string, unknown>);
  if (isSeq(node) && Array.isArray(value)) return adaptedList(document, node, value);
  const made = document.createNode(value) as Node;
  if (isScalar(node) && isScalar(made)) {
    made.comment = node.comment;
    made.commentBefore = node.commentBefore;
    made.spaceBefore = node.spaceBefore;
    // A text that was quoted stays quoted.
    if (typeof made.value === 'string' && node.value !== '' && typeof node.value === 'string' && /QUOTE/.test(node.type ?? '')) made.type = node.type;
  }
  return made;
}

function adaptedMap(document: Document, map: YAMLMap, value: Record<string, unknown>): Node {
  if (map.items.length === 0) map.flow = false;
  map.items = Object.entries(value).map(([key, member]) => {
    const pair = pairOf(map, key) ?? document.createPair(key, null);
    pair.value = adapted(document, own(document, pair.value), member);
    return pair;
  });
  return map;
}

function adaptedList(document: Document, list: YAMLSeq, value: readonly unknown[]): Node {
  if (list.items.length === 0) list.flow = false;
  const old = list.items.map((item) => own(document, item));
  const free = new Set(old.keys());
  // First those that are the same as before, wherever they stand now; then those that were changed in their place.
  const same = value.map((item) => {
    const found = [...free].find((at) => equalJson(plain(document, old[at]), item));
    if (found !== undefined) free.delete(found);
    return found;
  });
  list.items = value.map((item, at) => {
    const from = same[at];
    if (from !== undefined) return old[from];
    if (free.delete(at)) return adapted(document, old[at], item);
    return document.createNode(item);
  });
  return list;
}

export interface RemoveOptions {
  /** Leave the map of a removed field though it is empty now, as where the map itself is the choice (`emptyDir: {}`). */
  keep?: boolean;
}

/**
 * The manifest with one field of one document changed; comments, order and all else stay as the user wrote them.
 * `undefined` removes the field, and the maps and lists that it leaves empty: never an entry of a list.
 */
export function withField(text: string, index: number, path: string, value: unknown, options: RemoveOptions = {}): string {
  const document = documentsOf(text)[index];
  const way = fieldSteps(path);
  const last = way.at(-1);
  if (!document || last === undefined) return text;
  document.contents = (own(document, document.contents) ?? document.createNode({})) as Document.Parsed['contents'];
  const passed: Node[] = [document.contents as Node];
  for (const [at, step] of way.slice(0, -1).entries()) {
    const parent = passed.at(-1)!;
    let child = childOf(document, parent, step);
    if (!isCollection(child)) {
      if (value === undefined) return text;
      child = document.createNode(/^\d+$/.test(way[at + 1]!) && isListPath(path, at + 1) ? [] : {}) as Node;
      setChild(document, parent, step, child);
    }
    passed.push(child);
  }
  const holder = passed.at(-1)!;
  if (value !== undefined) setChild(document, holder, last, adapted(document, childOf(document, holder, last), value));
  else {
    if (childOf(document, holder, last) === undefined && !(isMap(holder) && pairOf(holder, last))) return text;
    removeChild(holder, last);
    for (let depth = passed.length - 1; depth > 1 && !options.keep; depth--) {
      const parent = passed[depth - 1]!;
      const node = passed[depth]!;
      if (!isCollection(node) || node.items.length > 0 || isSeq(parent)) break;
      removeChild(parent, way[depth - 1]!);
    }
  }
  return put(text, document);
}

/** Whether the step at `at` of a path is an index of a list (`ports[0]`), and no key that happens to be a number. */
function isListPath(path: string, at: number): boolean {
  return [...path.matchAll(/\[([^\]]*)\]|([^.[\]]+)/g)][at]?.[1] !== undefined;
}

/** The manifest with one more document behind the others. */
export function withDocument(text: string, manifest: string): string {
  return `${text.trimEnd()}\n---\n${manifest}`;
}

/** The manifest without one of its documents. */
export function withoutDocument(text: string, index: number): string {
  const documents = documentsOf(text);
  const document = documents[index];
  if (!document) return text;
  const [from, , to] = document.range;
  const before = text.slice(0, from);
  // The line that parts two documents goes with the first of them.
  const after = before.trim() === '' ? text.slice(to).replace(/^---[ \t]*\n/, '') : text.slice(to);
  return `${before}${after}`;
}
