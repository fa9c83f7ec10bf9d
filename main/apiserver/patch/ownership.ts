import type { ManagedFieldsEntry } from '../../api/index.ts';
import { timestamp, type KubeObject } from '../../api/meta.ts';
import { compareObjects, type Comparison } from './compare.ts';
import { fieldsOfNew } from './creation.ts';
import { difference, intersection, isEmptySet, noFields, recursiveDifference, union, type FieldSet } from './fieldSet.ts';
import { capUpdaters, decodeOwners, encodeOwners, entryOf, inOrder, isSameManager, withSet, type Owner } from './managers.ts';
import type { PatchSchema } from './schema.ts';

/** Who writes, and as what. */
export interface FieldWrite {
  /** `fieldManager` of the request, or what the user agent says; empty counts as `unknown`. */
  manager: string;
  /** Empty for the object itself. */
  subresource: string;
  /** Of the object as it is written: `apps/v1`. */
  apiVersion: string;
  /** Milliseconds since the epoch. */
  now: number;
  schema: PatchSchema;
  /** Fields that this write cannot change, whatever it says (upstream: GetResetFields of the strategy); paths of names. */
  resetFields?: readonly (readonly string[])[];
  /**
   * The object in another version that one of its owners wrote; undefined: there is no such version any more, and its
   * owner is forgotten. Absent: all versions have the same fields.
   */
  convert?(object: KubeObject, apiVersion: string): Versioned | undefined;
}

/** An object as a version shows it, with that version's schema. */
export interface Versioned {
  object: KubeObject;
  schema: PatchSchema;
}

/** The object in a version; undefined: there is none such any more. */
export function inVersion(write: FieldWrite, object: KubeObject, apiVersion: string): Versioned | undefined {
  return write.convert ? write.convert(object, apiVersion) : { object, schema: write.schema };
}

/**
 * Who owns the fields of `object` after it was created (`live` undefined), updated or patched (but applied): sets its
 * managedFields in place. What the request says of managedFields counts as upstream: `[{}]` or `[]` forgets all owners,
 * absent or unreadable ones are taken from `live`. Neither `live` nor its entries are changed; entries that stay as they
 * are are shared. Mirrors k8s.io/apimachinery/pkg/util/managedfields (FieldManager.UpdateNoErrors).
 */
export function updateManagedFields(live: KubeObject | undefined, object: KubeObject, write: FieldWrite): void {
  const owners = ownersBefore(live, object, write.subresource !== '');
  const metadata = (object.metadata ??= {});
  // Whose owners are unknown keeps them unknown, until somebody applies.
  if (owners.length === 0 && live?.metadata?.uid) {
    delete metadata.managedFields;
    return;
  }
  if (!live && owners.length === 0) setEntries(object, entriesOfNew(object, write));
  else setEntries(object, encodeOwners(capUpdaters(ownersAfterUpdate(live ?? {}, object, owners, write))));
}

function entriesOfNew(object: KubeObject, write: FieldWrite): ManagedFieldsEntry[] | undefined {
  const fields = fieldsOfNew(object, write, () => inOrder(changedBy(filtered(compareObjects({}, object, write.schema), write.resetFields))));
  return isEmptySet(fields) ? undefined : [entryOf(writerOf(write), fields)];
}

const changedBy = ({ modified, added }: Comparison): FieldSet => union(modified, added);

const writerOf = ({ manager, apiVersion, subresource, now }: FieldWrite): Omit<Owner, 'set'> => ({
  manager: manager || 'unknown',
  operation: 'Update',
  apiVersion,
  subresource,
  time: timestamp(now),
});

export function setEntries(object: KubeObject, entries: ManagedFieldsEntry[] | undefined): void {
  const metadata = (object.metadata ??= {});
  if (entries) metadata.managedFields = entries;
  else delete metadata.managedFields;
}

function ownersBefore(live: KubeObject | undefined, object: KubeObject, subresource: boolean): Owner[] {
  const said = subresource ? undefined : object.metadata?.managedFields;
  if (said) {
    if (said.length === 0 || (said.length === 1 && Object.keys(said[0]!).length === 0)) return [];
    const owners = decodeOwners(said);
    if (owners && owners.length > 0) return owners;
  }
  return decodeOwners(live?.metadata?.managedFields) ?? [];
}

/** The owners when `object` takes the place of `live` by an update. */
export function ownersAfterUpdate(live: KubeObject, object: KubeObject, before: readonly Owner[], write: FieldWrite): Owner[] {
  const comparison = filtered(compareObjects(live, object, write.schema), write.resetFields);
  const changed = changedBy(comparison);
  const owners = takeAway(before, comparison, changed, comparisons(live, object, write, comparison));
  if (isEmptySet(changed)) return owners;
  const mine: Owner = { ...writerOf(write), set: changed };
  const at = owners.findIndex((owner) => isSameManager(owner, mine));
  if (at < 0) return [...owners, mine];
  owners[at] = { ...mine, set: union(owners[at]!.set, changed) };
  return owners;
}

/** What changed, as an owner of a version sees it; undefined: the version is gone. */
export type Comparisons = (apiVersion: string) => Comparison | undefined;

export function comparisons(live: KubeObject, object: KubeObject, write: FieldWrite, own: Comparison): Comparisons {
  const known = new Map<string, Comparison | undefined>([[write.apiVersion, own]]);
  return (apiVersion) => {
    if (!write.convert || known.has(apiVersion)) return known.has(apiVersion) ? known.get(apiVersion) : own;
    const then = write.convert(live, apiVersion);
    const now = write.convert(object, apiVersion);
    const comparison = then && now ? filtered(compareObjects(then.object, now.object, now.schema), write.resetFields) : undefined;
    known.set(apiVersion, comparison);
    return comparison;
  };
}

function takeAway(before: readonly Owner[], own: Comparison, ownChanged: FieldSet, comparisonOf: Comparisons): Owner[] {
  const owners: Owner[] = [];
  for (const owner of before) {
    const comparison = comparisonOf(owner.apiVersion);
    if (!comparison) continue;
    const changed = comparison === own ? ownChanged : changedBy(comparison);
    const kept = withSet(owner, difference(difference(owner.set, changed), comparison.removed));
    if (kept) owners.push(kept);
  }
  return owners;
}

/** The comparison without what the write cannot change. */
export function filtered(comparison: Comparison, resetFields: FieldWrite['resetFields']): Comparison {
  const reset = resetSet(resetFields);
  if (reset === noFields) return comparison;
  return {
    added: recursiveDifference(comparison.added, reset),
    modified: recursiveDifference(comparison.modified, reset),
    removed: recursiveDifference(comparison.removed, reset),
  };
}

export function resetSet(paths: FieldWrite['resetFields']): FieldSet {
  if (!paths || paths.length === 0) return noFields;
  let set: FieldSet = noFields;
  for (const path of paths) set = union(set, path.reduceRight<FieldSet>((below, name) => ({ [`f:${name}`]: below }), noFields));
  return set;
}

/** What an update would take from its owners: the fields that two writers do not agree on. */
export function conflictsOf(owner: Owner, comparison: Comparison): FieldSet {
  return intersection(owner.set, changedBy(comparison));
}
