import { isCanonicalIP, isDns1035Label, isDns1123Label, isDns1123Subdomain, isLabelValue, isPathSegmentName, isQualifiedName } from '../../api/names.ts';
import { equalJson } from '../../api/json.ts';
import type { ObjectMeta, OwnerReference } from '../../api/index.ts';
import type { FieldError } from '../../api/status.ts';
import { forbiddenField, invalidField, requiredField, tooLongField } from '../fieldErrors.ts';
import type { Strategy } from './strategy.ts';

const maxAnnotationsBytes = 256 * 1024;
export const finalizerOrphan = 'orphan';
export const finalizerForeground = 'foregroundDeletion';
const standardFinalizers = ['kubernetes', finalizerOrphan, finalizerForeground];

const nameRules: Record<Strategy['nameRule'], (name: string) => string[]> = {
  dnsSubdomain: isDns1123Subdomain,
  longName: (name) => isDns1123Subdomain(name).map((problem) => problem.replace('253 characters', '253 bytes')),
  dnsLabel: isDns1123Label,
  dns1035Label: isDns1035Label,
  pathSegment: isPathSegmentName,
  ipAddress: isCanonicalIP,
};

/** Mirrors k8s.io/apimachinery/pkg/api/validation/objectmeta.go (ValidateObjectMetaAccessor). */
export function validateObjectMeta(metadata: ObjectMeta, namespaced: boolean, nameRule: Strategy['nameRule'], qualifiedFinalizers = false): FieldError[] {
  const errors: FieldError[] = [];
  const rule = nameRules[nameRule];
  if (metadata.generateName) {
    const prefix = nameRule === 'pathSegment' || nameRule === 'ipAddress' ? metadata.generateName : maskTrailingDash(metadata.generateName);
    for (const message of rule(prefix)) errors.push(invalidField('metadata.generateName', metadata.generateName, message));
  }
  if (!metadata.name) errors.push(requiredField('metadata.name', 'name or generateName is required'));
  else for (const message of rule(metadata.name)) errors.push(invalidField('metadata.name', metadata.name, message));

  if (namespaced) {
    if (!metadata.namespace) errors.push(requiredField('metadata.namespace'));
    else for (const message of isDns1123Label(metadata.namespace)) errors.push(invalidField('metadata.namespace', metadata.namespace, message));
  } else if (metadata.namespace) {
    errors.push(forbiddenField('metadata.namespace', 'not allowed on this type'));
  }
  if ((metadata.generation ?? 0) < 0) errors.push(invalidField('metadata.generation', metadata.generation, 'must be greater than or equal to 0'));
  describing(metadata, errors);
  if (metadata.finalizers) validateFinalizers(metadata.finalizers, errors);
  if (qualifiedFinalizers) errors.push(...unqualifiedFinalizers(metadata));
  return errors;
}

/** What is judged of new metadata and again of changed. */
function describing(metadata: ObjectMeta, errors: FieldError[]): void {
  for (const key in metadata.labels) {
    for (const message of isQualifiedName(key)) errors.push(invalidField('metadata.labels', key, message));
    for (const message of isLabelValue(metadata.labels[key]!)) errors.push(invalidField('metadata.labels', metadata.labels[key], message));
  }
  validateAnnotations(metadata.annotations, errors);
  if (metadata.ownerReferences) validateOwners(metadata.ownerReferences, errors);
}

/**
 * Findings about changed metadata, each as often as upstream has it: every update is judged in general
 * (k8s.io/apiserver/pkg/registry/rest/update.go) and once more by its kind; `again`: which judges it as new besides.
 */
export function validateChangedMeta(metadata: ObjectMeta, old: ObjectMeta, namespaced: boolean, nameRule: Strategy['nameRule'], again = false, qualifiedFinalizers = false): FieldError[] {
  // Of a name that is there already only so much is asked.
  const whole = validateObjectMeta(metadata, namespaced, 'pathSegment');
  const changes = validateObjectMetaUpdate(metadata, old);
  const unqualified = qualifiedFinalizers ? unqualifiedFinalizers(metadata) : [];
  if (!whole.length && !changes.length && !unqualified.length) return [];
  describing(metadata, changes);
  return [...whole, ...changes, ...changes, ...unqualified, ...(again ? validateObjectMeta(metadata, namespaced, nameRule, qualifiedFinalizers) : [])];
}

/** Mirrors objectmeta.go (ValidateObjectMetaAccessorUpdate). */
function validateObjectMetaUpdate(metadata: ObjectMeta, old: ObjectMeta): FieldError[] {
  const errors: FieldError[] = [];
  if (old.deletionTimestamp) {
    const before = new Set(old.finalizers);
    const added = (metadata.finalizers ?? []).filter((f) => !before.has(f));
    if (added.length)
      errors.push(
        forbiddenField(
          'metadata.finalizers',
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((f) => JSON.stringify(f)).join(', ')}}`,
        ),
      );
  }
  for (const field of ['name', 'namespace', 'uid', 'creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const)
    if (!equalJson(metadata[field], old[field])) errors.push(invalidField(`metadata.${field}`, metadata[field] ?? null, 'field is immutable'));
  return errors;
}

function validateAnnotations(annotations: Record<string, string> | undefined, errors: FieldError[]): void {
  let size = 0;
  for (const key in annotations) {
    for (const message of isQualifiedName(key.toLowerCase())) errors.push(invalidField('metadata.annotations', key, message));
    size += Buffer.byteLength(key) + Buffer.byteLength(annotations[key]!);
  }
  if (size > maxAnnotationsBytes) errors.push(tooLongField('metadata.annotations', maxAnnotationsBytes));
}

function validateOwners(owners: OwnerReference[], errors: FieldError[]): void {
  let controller = '';
  owners.forEach((owner, i) => {
    const at = `metadata.ownerReferences[${i}]`;
    if (!owner.apiVersion) errors.push(invalidField('metadata.ownerReferences.apiVersion', owner.apiVersion ?? '', 'version must not be empty'));
    if (!owner.kind) errors.push(invalidField('metadata.ownerReferences.kind', owner.kind ?? '', 'must not be empty'));
    if (!owner.name) errors.push(invalidField('metadata.ownerReferences.name', owner.name ?? '', 'must not be empty'));
    if (!owner.uid) errors.push(invalidField('metadata.ownerReferences.uid', owner.uid ?? '', 'must not be empty'));
    if (owner.apiVersion === 'v1' && owner.kind === 'Event')
      errors.push(invalidField(at, owner, '/v1, Kind=Event is disallowed from being an owner'));
    if (!owner.controller) return;
    const name = `${owner.kind}/${owner.name}`;
    if (controller)
      errors.push(
        invalidField(
          'metadata.ownerReferences',
          owners,
          `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${name}`,
        ),
      );
    else controller = name;
  });
}

function validateFinalizers(finalizers: string[], errors: FieldError[]): void {
  for (const finalizer of finalizers)
    for (const message of isQualifiedName(finalizer)) errors.push(invalidField('metadata.finalizers', finalizer, message));
  if (finalizers.includes(finalizerForeground) && finalizers.includes(finalizerOrphan))
    errors.push(invalidField('metadata.finalizers', finalizers, `finalizer ${finalizerForeground} and ${finalizerOrphan} cannot be both set`));
}

/** Mirrors pkg/apis/core/validation/validation.go (validateKubeFinalizerName). */
function unqualifiedFinalizers({ finalizers = [] }: ObjectMeta): FieldError[] {
  return finalizers.flatMap((finalizer, i) =>
    finalizer.includes('/') || standardFinalizers.includes(finalizer)
      ? []
      : [invalidField(`metadata.finalizers[${i}]`, finalizer, 'name is neither a standard finalizer name nor is it fully qualified')],
  );
}

/** A prefix may end in a dash, since more follows (upstream: name.go, maskTrailingDash). */
function maskTrailingDash(name: string): string {
  return name.length > 1 && name.endsWith('-') ? `${name.slice(0, -2)}a` : name;
}

/**
 * References that say the same twice are kept once; returns the uids that were double.
 * Mirrors k8s.io/apiserver/pkg/endpoints/handlers/rest.go (dedupOwnerReferences).
 */
export function dedupOwnerReferences(metadata: ObjectMeta | undefined): string[] {
  const refs = metadata?.ownerReferences;
  if (!refs || refs.length < 2) return [];
  const kept: OwnerReference[] = [];
  const duplicates: string[] = [];
  const byUid = new Map<string, OwnerReference[]>();
  for (const ref of refs) {
    const same = byUid.get(ref.uid);
    if (same?.some((k) => equalJson(k, ref))) {
      duplicates.push(ref.uid);
      continue;
    }
    kept.push(ref);
    if (same) same.push(ref);
    else byUid.set(ref.uid, [ref]);
  }
  if (duplicates.length) metadata.ownerReferences = kept;
  return duplicates;
}

/** Drops what Go would not write: empty maps and lists of metadata, and nulls. */
export function tidyObjectMeta(metadata: ObjectMeta): void {
  const members = metadata as Record<string, unknown>;
  for (const name in members) {
    const value = members[name];
    if (value === null || value === '' || (typeof value === 'object' && isEmpty(value))) delete members[name];
  }
}

function isEmpty(value: object): boolean {
  for (const _ in value) return false;
  return true;
}
