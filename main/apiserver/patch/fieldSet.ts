/**
 * A set of fields as `fieldsV1` has it: a key is a path element (`f:name`, `k:{"name":"a"}`, `v:1`), its value the set
 * below it. A field is a member when nothing is below it, or `.` is. Sets are shared and never changed once made; an
 * operation that changes nothing returns what it was given. Mirrors sigs.k8s.io/structured-merge-diff/fieldpath/set.go.
 */
export interface FieldSet {
  readonly [element: string]: FieldSet;
}

/** The same while it is being made. */
export interface FieldSetDraft {
  [element: string]: FieldSetDraft;
}

export const noFields: FieldSet = Object.freeze({});

export function isEmptySet(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

/** Whether the field that `node` stands for is itself a member. */
export function isMember(node: FieldSet): boolean {
  return node['.'] !== undefined || isEmptySet(node);
}

export function hasChildren(node: FieldSet): boolean {
  for (const element in node) if (element !== '.') return true;
  return false;
}

function makeNode(member: boolean, children: FieldSet): FieldSet | undefined {
  if (isEmptySet(children)) return member ? noFields : undefined;
  return member ? { '.': noFields, ...children } : children;
}

/** What is below a node, as a set of its own. */
export function below(node: FieldSet): FieldSet {
  if (node['.'] === undefined) return node;
  const { '.': _, ...children } = node;
  return children;
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b || isEmptySet(b)) return a;
  if (isEmptySet(a)) return b;
  let out: Record<string, FieldSet> | undefined;
  for (const element in b) {
    const left = a[element];
    const right = b[element]!;
    const merged = left === undefined ? right : left === right ? left : makeNode(isMember(left) || isMember(right), union(below(left), below(right)))!;
    if (merged === left || (left !== undefined && sameSet(merged, left))) continue;
    out ??= { ...a };
    out[element] = merged;
  }
  return out ?? a;
}

/** The members of `a` that are not in `b`. A member of `b` says nothing of what is below it. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return subtract(a, b, false);
}

/** The members of `a` that neither are in `b` nor lie below a member of it. */
export function recursiveDifference(a: FieldSet, b: FieldSet): FieldSet {
  return subtract(a, b, true);
}

function subtract(a: FieldSet, b: FieldSet, recursive: boolean): FieldSet {
  let out: Record<string, FieldSet> | undefined;
  for (const element in b) {
    const left = a[element];
    if (left === undefined || element === '.') continue;
    const right = b[element]!;
    const gone = isMember(right);
    const children = below(left);
    const rest = recursive && gone ? noFields : subtract(children, below(right), recursive);
    const member = isMember(left) && !gone;
    if (member === isMember(left) && rest === children) continue;
    out ??= { ...a };
    const node = makeNode(member, rest);
    if (node) out[element] = node;
    else delete out[element];
  }
  return out ?? a;
}

/** The members of both. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  const out: Record<string, FieldSet> = {};
  for (const element in b) {
    const left = a[element];
    if (left === undefined || element === '.') continue;
    const right = b[element]!;
    const node = makeNode(isMember(left) && isMember(right), intersection(below(left), below(right)));
    if (node) out[element] = node;
  }
  return out;
}

export function sameSet(a: FieldSet, b: FieldSet): boolean {
  if (a === b) return true;
  for (const element in a) {
    const other = b[element];
    if (other === undefined || !sameSet(a[element]!, other)) return false;
  }
  for (const element in b) if (a[element] === undefined) return false;
  return true;
}

/**
 * Adds `node` at a path of elements; for sets in the making. A node with nothing below it must be `noFields` itself: to
 * look into each node on the way would cost as much as the list there is long, again for each of its items.
 */
export function insertAt(set: FieldSetDraft, path: readonly string[], node: FieldSetDraft): void {
  let current = set;
  for (let i = 0; i < path.length - 1; i++) {
    let next = current[path[i]!];
    if (next === undefined) current[path[i]!] = next = {};
    // It was a member with nothing below it, and stays one.
    else if (next === noFields) current[path[i]!] = next = { '.': noFields };
    current = next;
  }
  const last = path[path.length - 1]!;
  const there = current[last];
  if (there === undefined) current[last] = node;
  else current[last] = makeNode(isMember(there) || isMember(node), union(below(there), below(node)))! as FieldSetDraft;
}

/** Every member's path, in the order of upstream's iteration: members of a level first, then what is below. */
export function* members(set: FieldSet, prefix: readonly string[] = []): Generator<string[]> {
  for (const element in set) if (element !== '.' && isMember(set[element]!)) yield [...prefix, element];
  for (const element in set) if (element !== '.' && hasChildren(set[element]!)) yield* members(below(set[element]!), [...prefix, element]);
}

/** Whether a path leads to a member. */
export function hasPath(set: FieldSet, path: readonly string[]): boolean {
  let current = set;
  for (let i = 0; i < path.length; i++) {
    const next = current[path[i]!];
    if (next === undefined) return false;
    if (i === path.length - 1) return isMember(next);
    current = next;
  }
  return false;
}
