import type { PersistentVolumeClaim, Pod, PodTemplateSpec, StatefulSet } from '../../api/index.ts';
import { cloneJson } from '../../api/json.ts';
import { podFromTemplate } from '../podControl.ts';
import { isPodAvailable, isPodReady } from '../pods.ts';

// Names, numbers and volumes of the pods of a StatefulSet. Mirrors pkg/controller/statefulset/stateful_set_utils.go.

export const kind = { group: 'apps', version: 'v1', kind: 'StatefulSet' };
/** On a pod: the name of the revision that it was made from. */
export const revisionLabel = 'controller-revision-hash';
const nameLabel = 'statefulset.kubernetes.io/pod-name';
const indexLabel = 'apps.kubernetes.io/pod-index';

/** Whose pod it is by its name, and which one; ordinal -1 when the name is none of a StatefulSet. */
function parse(pod: Pod): { parent: string; ordinal: number } {
  const [, parent = '', ordinal = '-1'] = /^(.*)-(\d+)$/.exec(pod.metadata!.name!) ?? [];
  return { parent, ordinal: Number(ordinal) };
}

export const ordinalOf = (pod: Pod): number => parse(pod).ordinal;
export const isMember = (set: StatefulSet, pod: Pod): boolean => parse(pod).parent === set.metadata!.name;
export const replicasOf = (set: StatefulSet): number => set.spec!.replicas ?? 1;
export const startOf = (set: StatefulSet): number => set.spec!.ordinals?.start ?? 0;
export const revisionOf = (pod: Pod): string | undefined => pod.metadata!.labels?.[revisionLabel];

export function isInRange(set: StatefulSet, pod: Pod): boolean {
  const ordinal = ordinalOf(pod);
  return ordinal >= startOf(set) && ordinal < startOf(set) + replicasOf(set);
}

/** A pod that is only planned has no phase yet. */
export const isCreated = (pod: Pod): boolean => Boolean(pod.status?.phase);
export const isGoing = (pod: Pod): boolean => Boolean(pod.metadata!.deletionTimestamp);
export const isRunningAndReady = (pod: Pod): boolean => pod.status?.phase === 'Running' && isPodReady(pod);

export const isUnavailable = (set: StatefulSet, pod: Pod, now: number): boolean =>
  isGoing(pod) || !isPodAvailable(pod, set.spec!.minReadySeconds ?? 0, now);

const claimName = (set: StatefulSet, template: string, ordinal: number) =>
  `${template}-${set.metadata!.name}-${ordinal}`;

/** The claims that the pod with this number has, by the names of its volumes. */
export function claimsFor(set: StatefulSet, ordinal: number): Map<string, PersistentVolumeClaim> {
  const claims = new Map<string, PersistentVolumeClaim>();
  for (const template of set.spec!.volumeClaimTemplates ?? []) {
    const { metadata, spec } = cloneJson(template);
    const labels = { ...metadata!.labels, ...set.spec!.selector.matchLabels };
    const name = claimName(set, metadata!.name!, ordinal);
    claims.set(metadata!.name!, {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { ...metadata, name, namespace: set.metadata!.namespace, labels },
      spec,
    });
  }
  return claims;
}

/** Whether the pod has the labels and the volumes that its number gives it. */
export function fits(set: StatefulSet, pod: Pod): boolean {
  if (pod.metadata!.labels?.[nameLabel] !== pod.metadata!.name) return false;
  return [...claimsFor(set, ordinalOf(pod))].every(([name, claim]) =>
    pod.spec!.volumes?.some(
      (volume) => volume.name === name && volume.persistentVolumeClaim?.claimName === claim.metadata!.name,
    ),
  );
}

/** A copy with the labels and the volumes that its number gives it. */
export function fitted(set: StatefulSet, pod: Pod): Pod {
  const copy = cloneJson(pod);
  const ordinal = ordinalOf(pod);
  copy.metadata!.labels = { ...copy.metadata!.labels, [nameLabel]: pod.metadata!.name!, [indexLabel]: String(ordinal) };
  const claims = claimsFor(set, ordinal);
  const own = [...claims].map(([name, claim]) => ({
    name,
    persistentVolumeClaim: { claimName: claim.metadata!.name! },
  }));
  const others = copy.spec!.volumes?.filter((volume) => !claims.has(volume.name)) ?? [];
  if (own.length + others.length > 0) copy.spec!.volumes = [...own, ...others];
  return copy;
}

/** The pod with this number, from a template that is the set's in that revision. */
export function plannedPod(set: StatefulSet, template: PodTemplateSpec, revision: string, ordinal: number): Pod {
  const { metadata, spec } = podFromTemplate(set, kind, template);
  const name = `${set.metadata!.name}-${ordinal}`;
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, name, labels: { ...metadata!.labels, [revisionLabel]: revision } },
    spec: { ...spec!, hostname: name, subdomain: set.spec!.serviceName || undefined },
  };
  return fitted(set, pod);
}
