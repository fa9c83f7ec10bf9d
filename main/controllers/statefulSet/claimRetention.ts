import type { OwnerReference, PersistentVolumeClaim, Pod, StatefulSet } from '../../api/index.ts';
import { apiVersionOf, newControllerRef, type GroupVersionKind, type KubeObject } from '../../api/meta.ts';
import { isInRange, kind } from './identity.ts';

// Whether claims outlive their pod and their set. Mirrors pkg/controller/statefulset/stateful_set_utils.go.

const podKind = { group: '', version: 'v1', kind: 'Pod' };

const names = (ref: OwnerReference, object: KubeObject, gvk: GroupVersionKind) =>
  ref.apiVersion === apiVersionOf(gvk) && ref.kind === gvk.kind && ref.name === object.metadata!.name;

function policyOf(set: StatefulSet): { scaled: boolean; deleted: boolean } {
  const { whenScaled, whenDeleted } = set.spec!.persistentVolumeClaimRetentionPolicy ?? {};
  return { scaled: whenScaled === 'Delete', deleted: whenDeleted === 'Delete' };
}

/** Whether the claim goes with a former object of the same name: nothing may use it before it is gone. */
export function isStale(claim: PersistentVolumeClaim, object: KubeObject, gvk: GroupVersionKind = podKind): boolean {
  const ref = claim.metadata!.ownerReferences?.find((each) => names(each, object, gvk));
  return ref !== undefined && ref.uid !== object.metadata!.uid;
}

export const deletesWhenScaled = (set: StatefulSet): boolean => policyOf(set).scaled;

/** Whether somebody else has a say in the claim's end. */
export function hasOtherController(claim: PersistentVolumeClaim, set: StatefulSet, pod: Pod): boolean {
  const { scaled, deleted } = policyOf(set);
  if (!scaled && !deleted) return false;
  return (claim.metadata!.ownerReferences ?? []).some((ref) => {
    if (names(ref, set, kind)) return ref.uid !== set.metadata!.uid;
    if (names(ref, pod, podKind)) return ref.uid !== pod.metadata!.uid;
    return ref.controller === true;
  });
}

/** The owners that the claim should have; undefined when it has them, or they are not to be touched now. */
export function wantedOwners(claim: PersistentVolumeClaim, set: StatefulSet, pod: Pod): OwnerReference[] | undefined {
  if (isStale(claim, set, kind) || isStale(claim, pod)) return undefined;
  const references = claim.metadata!.ownerReferences ?? [];
  const others = references.filter((ref) => !names(ref, set, kind) && !names(ref, pod, podKind));
  const owners = hasOtherController(claim, set, pod) ? [] : ownersOf(set, pod);
  const ours = references.filter((ref) => !others.includes(ref));
  const right = ours.length === owners.length && owners.every((o) => ours.some((r) => r.uid === o.uid && r.controller));
  return right ? undefined : [...others, ...owners];
}

function ownersOf(set: StatefulSet, pod: Pod): OwnerReference[] {
  const { scaled, deleted } = policyOf(set);
  if (scaled && !isInRange(set, pod)) return [newControllerRef(pod, podKind)];
  return deleted ? [newControllerRef(set, kind)] : [];
}
