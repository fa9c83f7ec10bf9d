import type { ManagedFieldsEntry } from '../../api/index.ts';
import { compareElements } from './elements.ts';
import { hasChildren, isEmptySet, noFields, union, type FieldSet } from './fieldSet.ts';

/** Who owns which fields; upstream's VersionedSet with its manager. */
export interface Owner {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time: string | undefined;
  readonly set: FieldSet;
  /** The entry it was read from, where nothing has changed since. */
  readonly entry?: ManagedFieldsEntry;
}

/** An applier is the same whatever version it applies. Mirrors managedfields/internal/managedfields.go (BuildManagerIdentifier). */
export const isSameManager = (a: Omit<Owner, 'set' | 'time'>, b: Omit<Owner, 'set' | 'time'>): boolean =>
  a.manager === b.manager && a.operation === b.operation && a.subresource === b.subresource && (a.operation === 'Apply' || a.apiVersion === b.apiVersion);

/** The owners of managedFields; undefined for entries that are none. */
export function decodeOwners(entries: readonly ManagedFieldsEntry[] | undefined | null): Owner[] | undefined {
  const owners: Owner[] = [];
  for (const entry of entries ?? []) {
    if ((entry.operation !== 'Apply' && entry.operation !== 'Update') || !entry.apiVersion || entry.fieldsType !== 'FieldsV1') return undefined;
    const set = (entry.fieldsV1 ?? noFields) as FieldSet;
    if (!isFieldSet(set)) return undefined;
    owners.push({
      manager: entry.manager ?? '',
      operation: entry.operation,
      apiVersion: entry.apiVersion,
      subresource: entry.subresource ?? '',
      time: entry.time,
      set,
      entry,
    });
  }
  return owners;
}

function isFieldSet(value: unknown): value is FieldSet {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  for (const element in value) if (element !== '.' && (element[1] !== ':' || !isFieldSet((value as FieldSet)[element]))) return false;
  return true;
}

/** The same with other fields; undefined where none are left. */
export function withSet(owner: Owner, set: FieldSet): Owner | undefined {
  if (set === owner.set) return isEmptySet(set) ? undefined : owner;
  if (isEmptySet(set)) return undefined;
  const { entry: _, ...rest } = owner;
  return { ...rest, set };
}

/** As managedFields, in upstream's order: appliers first, then by time, manager, version and subresource. */
export function encodeOwners(owners: readonly Owner[]): ManagedFieldsEntry[] | undefined {
  if (owners.length === 0) return undefined;
  const sorted = [...owners].sort(
    (a, b) => order(a.operation, b.operation) || seconds(a) - seconds(b) || order(a.manager, b.manager) || order(a.apiVersion, b.apiVersion) || order(a.subresource, b.subresource),
  );
  return sorted.map((owner) => {
    if (owner.entry && owner.entry.apiVersion === owner.apiVersion && owner.entry.time === owner.time) return owner.entry;
    return entryOf(owner, inOrder(owner.set));
  });
}

/** An owner with its fields, which are in order. */
export function entryOf(owner: Omit<Owner, 'set'>, fields: FieldSet): ManagedFieldsEntry {
  return {
    manager: owner.manager,
    operation: owner.operation,
    apiVersion: owner.apiVersion,
    ...(owner.time === undefined ? {} : { time: owner.time }),
    fieldsType: 'FieldsV1',
    fieldsV1: fields,
    ...(owner.subresource ? { subresource: owner.subresource } : {}),
  } as ManagedFieldsEntry;
}

const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
export const seconds = (owner: { time: string | undefined }): number => (owner.time === undefined ? 0 : Math.floor(Date.parse(owner.time) / 1000));

/** Elements in upstream's order; the same set where they are. */
export function inOrder(set: FieldSet): FieldSet {
  const elements = Object.keys(set);
  let sorted = true;
  for (let i = 1; i < elements.length && sorted; i++) sorted = compareElements(elements[i - 1]!, elements[i]!) < 0;
  if (!sorted) elements.sort(compareElements);
  // Most are in order: only what is not is made anew.
  let out: Record<string, FieldSet> | undefined = sorted ? undefined : {};
  for (let i = 0; i < elements.length; i++) {
    const element = elements[i]!;
    const node = set[element]!;
    const ordered = hasChildren(node) ? inOrder(node) : node;
    if (!out && ordered !== node) {
      out = {};
      for (let before = 0; before < i; before++) out[elements[before]!] = set[elements[before]!]!;
    }
    if (out) out[element] = ordered;
  }
  return out ?? set;
}

const maxUpdaters = 10;

/**
 * Merges the oldest updaters of a version into one, `ancient-changes`, until no more than ten are left.
 * Mirrors managedfields/internal/capmanagers.go.
 */
export function capUpdaters(owners: readonly Owner[]): readonly Owner[] {
  const updaters = owners.filter((owner) => owner.operation === 'Update');
  if (updaters.length <= maxUpdaters) return owners;
  updaters.sort((a, b) => seconds(a) - seconds(b) || order(a.manager, b.manager));
  const left = new Set(owners);
  const firsts = new Map<string, Owner>();
  for (let count = updaters.length, i = 0; i < updaters.length && count > maxUpdaters; i++) {
    const owner = updaters[i]!;
    const first = firsts.get(owner.apiVersion);
    if (!first) {
      firsts.set(owner.apiVersion, owner);
      continue;
    }
    const bucket: Owner = { manager: 'ancient-changes', operation: 'Update', apiVersion: owner.apiVersion, subresource: '', time: owner.time, set: union(first.set, owner.set) };
    left.delete(first);
    left.delete(owner);
    left.add(bucket);
    firsts.set(owner.apiVersion, bucket);
    count--;
  }
  return [...left];
}

