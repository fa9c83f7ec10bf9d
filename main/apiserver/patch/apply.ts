import { cloneJson, equalJson } from '../../api/json.ts';
import { parseApiVersion, timestamp, type KubeObject } from '../../api/meta.ts';
import { inGoOrder } from '../../api/order.ts';
import { badRequest } from '../../api/status.ts';
import { compareObjects } from './compare.ts';
import { conflictError, type Conflict } from './conflicts.ts';
import { difference, hasPath, intersection, isEmptySet, members, noFields, recursiveDifference, union, type FieldSet } from './fieldSet.ts';
import { decodeOwners, encodeOwners, isSameManager, withSet, type Owner } from './managers.ts';
import { MergeError, mergeTyped, withNamedFields, withoutFields } from './merge.ts';
import { fieldsOf, formErrors } from './ownedFields.ts';
import { comparisons, conflictsOf, filtered, inVersion, ownersAfterUpdate, resetSet, setEntries, type FieldWrite, type Versioned } from './ownership.ts';
import { anySchema, isAssociative, isMap, memberSchema, type PatchSchema } from './schema.ts';

export interface ApplyWrite extends FieldWrite {
  kind: string;
  /** Takes fields from their owners instead of failing with a conflict. */
  force: boolean;
}

const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';

/** What nobody ever owns, as a set. Mirrors managedfields/internal/stripmeta.go. */
const unowned: FieldSet = {
  'f:apiVersion': {},
  'f:kind': {},
  'f:metadata': {
    '.': {},
    ...Object.fromEntries(['name', 'namespace', 'creationTimestamp', 'selfLink', 'uid', 'clusterName', 'generation', 'managedFields', 'resourceVersion'].map((name) => [`f:${name}`, {}])),
  },
};

/**
 * Server-side apply: the object that results when `applied` is laid over `live` (undefined: it does not exist yet), with
 * its managedFields; not defaulted. The result is the caller's own. Throws 409 with the conflicting fields as causes,
 * 400 for another kind or version, for managedFields in the configuration, and for a configuration that does not fit the
 * schema (upstream says 500 to the last, but it is the client's mistake). Mirrors k8s.io/apimachinery/pkg/util/managedfields (FieldManager.Apply).
 */
export function serverSideApply(live: KubeObject | undefined, applied: KubeObject, write: ApplyWrite): KubeObject {
  checkVersion(applied, write);
  const current: KubeObject = live ?? { apiVersion: write.apiVersion, kind: write.kind, metadata: {} };
  const before = decodeOwners(current.metadata?.managedFields);
  if (!before) throw badRequest('failed to decode managed fields: the managedFields of the object are not valid');
  const bare = withoutEntries(current);
  // An object that nobody was recorded to own belongs to whoever wrote it before.
  const owners = before.length === 0 ? ownersAfterUpdate({}, bare, [], { ...write, manager: 'before-first-apply', subresource: '', resetFields: [] }) : before;
  const result = applyOrThrow(bare, applied, owners, write);
  const object = cloneJson(result.object);
  setEntries(object, encodeOwners(result.owners));
  if (write.manager === 'kubectl') refreshLastApplied(object, applied);
  return object;
}

interface Applied {
  object: KubeObject;
  owners: Owner[];
}

/** What kubectl applied on the client's side before is its own: such conflicts are none (upstream: lastappliedmanager.go). */
function applyOrThrow(live: KubeObject, applied: KubeObject, owners: readonly Owner[], write: ApplyWrite): Applied {
  const outcome = applyOnce(live, applied, owners, write, write.force);
  if (!('conflicts' in outcome)) return outcome;
  const mine = write.manager === 'kubectl' ? fieldsLastApplied(live, write) : undefined;
  const left = mine ? outcome.conflicts.filter(({ path }) => !hasPath(mine, path)) : outcome.conflicts;
  if (left.length > 0) throw conflictError(left);
  const forced = applyOnce(live, applied, owners, write, true);
  if ('conflicts' in forced) throw conflictError(forced.conflicts);
  return forced;
}

/** Mirrors sigs.k8s.io/structured-merge-diff/merge/update.go (Updater.Apply). */
function applyOnce(live: KubeObject, applied: KubeObject, before: readonly Owner[], write: ApplyWrite, force: boolean): Applied | { conflicts: Conflict[] } {
  const { schema } = write;
  const errors = formErrors(applied, schema);
  if (errors.length > 0) throw typedError(applied, write, errors);
  const merged = mergedObject(live, applied, write);
  const set = recursiveDifference(fieldsOf(applied, schema), resetSet(write.resetFields));
  const me: Owner = { manager: write.manager, operation: 'Apply', apiVersion: write.apiVersion, subresource: write.subresource, time: undefined, set };
  const last = before.find((owner) => isSameManager(owner, me));
  const others = before.filter((owner) => owner !== last);
  // Nothing is to be taken away from whoever still says all that they said.
  const dropsSome = last && ((write.convert && last.apiVersion !== me.apiVersion) || !isEmptySet(difference(last.set, set)));
  const object = dropsSome ? pruned(merged, [...others, me], last, write) : merged;

  const comparison = filtered(compareObjects(live, object, schema), write.resetFields);
  const comparisonOf = comparisons(live, object, write, comparison);
  const conflicts: Conflict[] = [];
  const kept: Owner[] = [];
  for (const owner of others) {
    const seen = comparisonOf(owner.apiVersion);
    if (!seen) continue;
    const taken = conflictsOf(owner, seen);
    if (!force) for (const path of members(taken)) conflicts.push({ owner, path });
    const left = withSet(owner, difference(difference(owner.set, taken), seen.removed));
    if (left) kept.push(left);
  }
  if (conflicts.length > 0) return { conflicts };

  const changed = !equalJson(live, object);
  const time = changed ? timestamp(write.now) : last?.time;
  const owned = difference(set, unowned);
  const same = last && last.apiVersion === me.apiVersion && time === last.time ? withSet(last, sameOr(last.set, owned)) : undefined;
  const mine = same ?? (isEmptySet(owned) ? undefined : { ...me, time, set: owned });
  return { object: changed ? object : live, owners: mine ? [...kept, mine] : kept };
}

/** `was`, where `now` is no other set, so that its entry can be kept as it is. */
function sameOr(was: FieldSet, now: FieldSet): FieldSet {
  return isEmptySet(difference(was, now)) && isEmptySet(difference(now, was)) ? was : now;
}

function mergedObject(live: KubeObject, applied: KubeObject, write: ApplyWrite): KubeObject {
  try {
    return mergeTyped(live, applied, write.schema) as KubeObject;
  } catch (error) {
    if (error instanceof MergeError) throw badRequest(`failed to merge config: ${error.message}`);
    throw error;
  }
}

/**
 * Takes away what the applier applied last time and does not now, unless somebody else owns it; each set of fields is
 * looked at in the version that it is of. Mirrors merge/update.go (prune, addBackOwnedItems, addBackDanglingItems).
 */
function pruned(merged: KubeObject, owners: readonly Owner[], last: Owner, write: ApplyWrite): KubeObject {
  const before = inVersion(write, merged, last.apiVersion);
  if (!before) return merged;
  const { schema } = before;
  const lastNamed = withNamedFields(last.set, schema);
  let kept = withoutFields(before.object, lastNamed, schema) as KubeObject;
  for (const [apiVersion, set] of ownedByVersion(owners, last.apiVersion, write)) {
    const [whole, part] = [inVersion(write, merged, apiVersion), inVersion(write, kept, apiVersion)];
    if (!whole || !part) continue;
    const lost = difference(namedFields(whole), union(namedFields(part), withNamedFields(set, whole.schema)));
    kept = withoutFields(whole.object, lost, whole.schema) as KubeObject;
  }
  const after = inVersion(write, kept, last.apiVersion)!;
  const dropped = intersection(difference(namedFields(before), namedFields(after)), lastNamed);
  return inVersion(write, withoutFields(before.object, dropped, schema) as KubeObject, write.apiVersion)!.object;
}

const namedFields = ({ object, schema }: Versioned) => withNamedFields(fieldsOf(object, schema), schema);

/** What all owners own together, the version that comes first in front; where versions have the same fields, all at once. */
function ownedByVersion(owners: readonly Owner[], first: string, { convert }: ApplyWrite): Map<string, FieldSet> {
  const sets = new Map<string, FieldSet>([[first, noFields]]);
  for (const { apiVersion, set } of owners) {
    const version = convert ? apiVersion : first;
    sets.set(version, union(sets.get(version) ?? noFields, set));
  }
  return sets;
}

function checkVersion(applied: KubeObject, write: ApplyWrite): void {
  if (applied.apiVersion !== write.apiVersion || applied.kind !== write.kind) throw badRequest(`invalid object type: ${kindText(applied.apiVersion ?? '', applied.kind ?? '')}`);
  if (applied.metadata?.managedFields !== undefined && applied.metadata.managedFields !== null) throw badRequest('metadata.managedFields must be nil');
}

/** schema.GroupVersionKind's text. */
function kindText(apiVersion: string, kind: string): string {
  const { group, version } = parseApiVersion(apiVersion);
  return `${group ? `${group}/` : '/'}${version}, Kind=${kind}`;
}

function typedError(applied: KubeObject, write: ApplyWrite, errors: readonly string[]): Error {
  const { namespace = '', name = '' } = applied.metadata ?? {};
  const text = errors.length === 1 ? errors[0]! : ['errors:', ...errors.map((error) => `  ${error}`)].join('\n');
  return badRequest(`failed to create typed patch object (${namespace}/${name}; ${kindText(write.apiVersion, write.kind)}): ${text}`);
}

function withoutEntries(object: KubeObject): KubeObject {
  if (!object.metadata?.managedFields) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** The fields that kubectl applied by itself and that are still as it left them; undefined: there is no telling. */
function fieldsLastApplied(live: KubeObject, write: ApplyWrite): FieldSet | undefined {
  const text = live.metadata?.annotations?.[lastAppliedAnnotation];
  if (!text) return undefined;
  let last: KubeObject;
  try {
    last = JSON.parse(text) as KubeObject;
  } catch {
    return undefined;
  }
  if (typeof last !== 'object' || last === null || last.apiVersion !== write.apiVersion || formErrors(last, write.schema).length > 0) return undefined;
  const { added, modified, removed } = compareObjects(last, live, write.schema);
  return difference(difference(difference(fieldsOf(last, write.schema), modified), added), removed);
}

/** Keeps kubectl's own record in step, where there is one (upstream: lastappliedupdater.go). */
function refreshLastApplied(object: KubeObject, applied: KubeObject): void {
  const annotations = object.metadata?.annotations;
  if (!annotations?.[lastAppliedAnnotation]) return;
  const copy = cloneJson(applied);
  if (copy.metadata?.annotations) delete copy.metadata.annotations[lastAppliedAnnotation];
  annotations[lastAppliedAnnotation] = `${JSON.stringify(inGoOrder(undefined, copy as unknown as Record<string, unknown>))}\n`;
}

/**
 * An object with a configuration laid over it, without any record of who owns what: the mutation of an admission policy.
 * The result shares parts with both. Throws an Error for a configuration that does not fit the schema, or that would replace
 * what is only ever replaced as a whole. Mirrors k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch/smd.go.
 */
export function applyConfiguration(object: KubeObject, configuration: KubeObject, schema: PatchSchema): KubeObject {
  const errors = formErrors(configuration, schema);
  if (errors.length > 0) throw new Error(`failed to convert patch object to typed object: ${errors.join(', ')}`);
  const atomic = atomicPaths(configuration, schema, '');
  if (atomic.length > 0) throw new Error(`invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: ${atomic.join(', ')}`);
  return mergeTyped(object, configuration, schema) as KubeObject;
}

function atomicPaths(value: unknown, schema: PatchSchema, path: string): string[] {
  if (Array.isArray(value)) {
    if (!isAssociative(schema)) return [path];
    return value.flatMap((item) => atomicPaths(item, schema.element ?? anySchema, path));
  }
  if (!isMap(value)) return [];
  const own = schema.atomic && path ? [path] : [];
  return [...own, ...Object.keys(value).flatMap((name) => atomicPaths(value[name], memberSchema(schema, name), `${path}.${name}`))];
}
