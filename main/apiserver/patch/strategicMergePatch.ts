import { cloneJson } from '../../api/json.ts';
import { jsonKind } from '../../api/jsonError.ts';
import { badRequest, failure } from '../../api/status.ts';
import { goMap, goText, goType, goValue } from './goText.ts';
import { setMember } from './mergePatch.ts';
import { isMap, memberSchema, type PatchField, type PatchSchema } from './schema.ts';

const directive = '$patch';
const retainKeys = '$retainKeys';
const deletePrefix = '$deleteFromPrimitiveList/';
const orderPrefix = '$setElementOrder/';

type Members = Record<string, unknown>;

const badRetainKeys = () => badRequest('invalid patch format of retainKeys');
const badOrder = () => badRequest('invalid patch format of setElementOrder list');
const badPrimitiveList = () => badRequest('invalid patch format of primitive list');
// Upstream says 500, but a patch that makes no sense is the client's mistake.
const plain = (message: string) => badRequest(message);

/**
 * Kubernetes' own merge: lists are merged by the merge keys of `schema`, with the directives $patch (replace, delete,
 * merge), $retainKeys, $setElementOrder and $deleteFromPrimitiveList. The result is the caller's own; neither argument is
 * changed. Throws 400 for a malformed patch, and for kinds without a schema, as custom resources are.
 * Mirrors k8s.io/apimachinery/pkg/util/strategicpatch/patch.go.
 */
export function applyStrategicMergePatch<T extends object>(doc: T, patch: unknown, schema: PatchSchema): T {
  if (patch !== null && !isMap(patch)) throw badRequest(`json: cannot unmarshal ${jsonKind(patch)} into Go value of type map[string]interface {}`);
  if (schema.kind !== 'struct') throw badRequest('strategic merge patch format is not supported');
  return mergeMap(cloneJson(doc) as Members, cloneJson(patch ?? {}), schema) as T;
}

/** Merges `patch` into `original`; both are private and changed. */
function mergeMap(original: Members, patch: Members, schema: PatchSchema): Members {
  if (Object.hasOwn(patch, directive)) return followDirective(patch[directive], patch);
  applyRetainKeys(original, patch);
  mergeOrderedLists(original, patch, schema);
  for (const name of Object.keys(patch)) {
    const value = patch[name];
    if (name.startsWith('$deleteFromPrimitiveList')) {
      deleteFromPrimitiveList(original, nameBehind(name, deletePrefix, badPrimitiveList), value);
      continue;
    }
    if (value === null) {
      delete original[name];
      continue;
    }
    if (value === undefined) continue;
    const current = Object.hasOwn(original, name) ? original[name] : undefined;
    const field = schema.fields?.get(name);
    if (isMap(current) && isMap(value)) setMember(original, name, strategyOf(field) === 'replace' ? value : mergeMap(current, value, memberSchema(schema, name)));
    else if (Array.isArray(current) && Array.isArray(value)) setMember(original, name, mergeLists(current, value, field));
    else {
      const taken = withoutDirectives(withoutNulls(value));
      if (taken === undefined) delete original[name];
      else setMember(original, name, taken);
    }
  }
  return original;
}

function followDirective(what: unknown, patch: Members): Members {
  if (what === 'replace') {
    delete patch[directive];
    return patch;
  }
  if (what === 'delete') return {};
  throw plain(`unknown patch type: ${goText(what)} in map: ${goMap(patch)}`);
}

/** The one strategy besides retainKeys. */
function strategyOf(field: PatchField | undefined): string | undefined {
  return field?.strategies.find((strategy) => strategy !== 'retainKeys');
}

function nameBehind(name: string, prefix: string, error: () => Error): string {
  if (!name.startsWith(prefix)) throw error();
  return name.slice(prefix.length);
}

/** Drops the members that the directive does not name, and refuses a patch that sets one of those. */
function applyRetainKeys(original: Members, patch: Members): void {
  if (!Object.hasOwn(patch, retainKeys)) return;
  const list = patch[retainKeys];
  delete patch[retainKeys];
  if (!Array.isArray(list)) throw badRetainKeys();
  const kept = new Set<unknown>(list);
  for (const name in patch)
    if (patch[name] !== null && !name.startsWith('$deleteFromPrimitiveList') && !name.startsWith('$setElementOrder') && !kept.has(name)) throw badRetainKeys();
  for (const name of Object.keys(original)) if (!kept.has(name)) delete original[name];
}

/** Takes the lists that $setElementOrder speaks of out of the patch, merged and in order. */
function mergeOrderedLists(original: Members, patch: Members, schema: PatchSchema): void {
  for (const directiveName of Object.keys(patch)) {
    if (!directiveName.startsWith('$setElementOrder')) continue;
    const order = patch[directiveName];
    delete patch[directiveName];
    if (!Array.isArray(order)) throw plain(`expected a []interface {}, but received a ${goType(order)}`);
    const name = nameBehind(directiveName, orderPrefix, badOrder);
    const current = Object.hasOwn(original, name) ? original[name] : undefined;
    const wanted = Object.hasOwn(patch, name) ? patch[name] : undefined;
    for (const list of [current, wanted]) if (list !== undefined && !Array.isArray(list)) throw plain(`expected a []interface {}, but received a ${goType(list)}`);
    const field = schema.fields?.get(name);
    if (schema.fields && !field) throw plain(`unable to find api field in struct ${schema.name} for the json field ${JSON.stringify(name)}`);
    const key = field?.mergeKey;
    checkOrder((wanted ?? []) as unknown[], order, key);
    if (current === undefined && wanted === undefined) continue;
    const merged =
      wanted === undefined ? (current as unknown[]) : current === undefined ? (withoutDirectives(wanted) as unknown[]) : mergeLists(current as unknown[], wanted as unknown[], field);
    original[name] = inOrder(merged, order, (current ?? []) as unknown[], key);
    delete patch[name];
  }
}

/** The patch's items must stand in the order of the directive, and all be named there. */
function checkOrder(list: readonly unknown[], order: readonly unknown[], key: string | undefined): void {
  if (list.length === 0 || order.length === 0) return;
  const items = key ? list.filter((item) => !(isMap(item) && item[directive] === 'delete')) : list;
  let at = 0;
  for (let i = 0; at < items.length && i < order.length; i++) {
    while (at < items.length && isMap(items[at]) && Object.hasOwn(items[at] as Members, directive)) at++;
    if (at < items.length && identity(items[at], key) === identity(order[i], key)) at++;
  }
  while (at < items.length && isMap(items[at]) && Object.hasOwn(items[at] as Members, directive)) at++;
  if (at < items.length) throw plain(`The order in patch list:\n${goValue(list)}\n doesn't match $setElementOrder list:\n${goValue(order)}\n`);
}

/** What tells an item of a list from others. */
function identity(item: unknown, key: string | undefined): unknown {
  if (!key) return item;
  if (!isMap(item)) throw plain(`expected a map[string]interface {}, but received a ${goType(item)}`);
  if (!Object.hasOwn(item, key)) throw plain(`map: ${goMap(item)} does not contain declared merge key: ${key}`);
  return item[key];
}

function deleteFromPrimitiveList(original: Members, name: string, value: unknown): void {
  const current = original[name];
  if (!Array.isArray(current) || !Array.isArray(value)) return;
  if (current.some(isMap) !== value.some(isMap)) throw differentItems(current, value);
  const gone = new Set<unknown>(value);
  original[name] = current.filter((item) => !gone.has(item));
}

const differentItems = (original: readonly unknown[], patch: readonly unknown[]) => plain(`list element types are not identical: ${goValue([original, patch])}`);

function mergeLists(original: unknown[], patch: unknown[], field: PatchField | undefined): unknown[] {
  if (strategyOf(field) !== 'merge') return patch;
  if (original.length === 0 && patch.length === 0) return original;
  if ([...original, ...patch].some(Array.isArray)) throw failure(422, 'Invalid', 'the server rejected our request due to an error in our request', {});
  const ofMaps = isMap(original[0] ?? patch[0]);
  if ([...original, ...patch].some((item) => isMap(item) !== ofMaps)) throw differentItems(original, patch);
  if (!ofMaps) return inOrder([...new Set([...original, ...patch])], patch, original, undefined);
  const key = field!.mergeKey;
  if (!key) throw plain(`cannot merge lists without merge key for ${field!.schema.name}`);
  const element = field!.schema.element;
  const { kept, items, replace } = followItemDirectives(original, patch, key);
  // As upstream: with $patch: replace in a list, its other items are the list.
  if (replace) return inOrder(items, [], items, key);
  const merged = [...kept];
  const places = new Map<unknown, number>();
  const place = (item: unknown, at: number) => {
    const value = mapItem(item)[key];
    if (!places.has(value)) places.set(value, at);
  };
  merged.forEach(place);
  for (const item of items) {
    const at = places.get(identity(item, key));
    if (at === undefined) place(item, merged.push(withoutNullsIn(item)) - 1);
    else merged[at] = mergeMap(merged[at] as Members, item as Members, element ?? field!.schema);
  }
  return inOrder(merged, items, kept, key);
}

/** A new item is taken as it is, but for what must not be stored. */
const withoutNullsIn = (item: unknown): unknown => withoutDirectives(withoutNulls(item));

function followItemDirectives(original: unknown[], patch: unknown[], key: string): { kept: unknown[]; items: unknown[]; replace: boolean } {
  const gone = new Set<unknown>();
  let replace = false;
  const items: unknown[] = [];
  for (const item of patch) {
    const what = mapItem(item)[directive];
    if (what === undefined) items.push(item);
    else if (what === 'delete') gone.add(identity(item, key));
    else if (what === 'replace') replace = true;
    else if (what === 'merge') throw plain('merging lists cannot yet be specified in the patch');
    else throw plain(`unknown patch type: ${goText(what)} in map: ${goMap(mapItem(item))}`);
  }
  return { kept: gone.size ? original.filter((item) => !gone.has(mapItem(item)[key])) : original, items, replace };
}

function mapItem(item: unknown): Members {
  if (!isMap(item)) throw plain(`expected a map[string]interface {}, but received a ${goType(item)}`);
  return item;
}

/**
 * Puts a merged list in order: the items that the patch speaks of as it orders them, those of the server only as they
 * were, woven together by where the server had both. Mirrors normalizeElementOrder and mergeSortedSlice.
 */
function inOrder(merged: readonly unknown[], patchOrder: readonly unknown[], serverOrder: readonly unknown[], key: string | undefined): unknown[] {
  const rankOf = (order: readonly unknown[]) => new Map(order.map((item, i) => [identity(item, key), i]));
  const patchRank = rankOf(patchOrder);
  const serverRank = rankOf(serverOrder);
  const id = (item: unknown) => identity(item, key);
  const sorted = (items: unknown[], rank: Map<unknown, number>) => items.sort((a, b) => (rank.get(id(a)) ?? Infinity) - (rank.get(id(b)) ?? Infinity) || 0);
  const patchItems = sorted(
    merged.filter((item) => patchRank.has(id(item))),
    patchRank,
  );
  const serverItems = sorted(
    merged.filter((item) => !patchRank.has(id(item))),
    serverRank,
  );
  const out: unknown[] = [];
  let p = 0;
  let s = 0;
  while (p < patchItems.length && s < serverItems.length) {
    const patchAt = serverRank.get(id(patchItems[p]));
    const serverAt = serverRank.get(id(serverItems[s]));
    const serverFirst = patchAt !== undefined && serverAt !== undefined && serverAt < patchAt;
    out.push(serverFirst ? serverItems[s++] : patchItems[p++]);
  }
  return [...out, ...patchItems.slice(p), ...serverItems.slice(s)];
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) for (const item of value) withoutNulls(item);
  else if (isMap(value))
    for (const name of Object.keys(value)) {
      if (value[name] === null) delete value[name];
      else withoutNulls(value[name]);
    }
  return value;
}

/** undefined: the value was nothing but a directive. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((item) => item !== undefined);
  if (!isMap(value)) return value;
  if (Object.hasOwn(value, directive)) return undefined;
  for (const name of Object.keys(value)) {
    const kept = withoutDirectives(value[name]);
    if (kept === undefined) delete value[name];
    else setMember(value, name, kept);
  }
  return value;
}
