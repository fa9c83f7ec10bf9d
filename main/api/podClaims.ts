import type { PersistentVolumeClaim, Pod, Volume } from './index.ts';
import { controllerOf } from './meta.ts';

/** A claim that a pod's volume stands for. */
export interface PodClaim {
  volume: Volume;
  claimName: string;
  /** Made for this pod alone, by the ephemeral volume controller. */
  ephemeral: boolean;
  /** As the pod says; the volume or the mount may be read-only as well. */
  readOnly: boolean;
}

/** Mirrors k8s.io/component-helpers/storage/ephemeral (VolumeClaimName). */
export const ephemeralClaimName = (pod: Pod, volume: Volume): string => `${pod.metadata!.name}-${volume.name}`;

export function podClaim(pod: Pod, volume: Volume): PodClaim | undefined {
  const named = volume.persistentVolumeClaim;
  if (named) return { volume, claimName: named.claimName, ephemeral: false, readOnly: named.readOnly ?? false };
  return volume.ephemeral ? { volume, claimName: ephemeralClaimName(pod, volume), ephemeral: true, readOnly: false } : undefined;
}

export function podClaims(pod: Pod): PodClaim[] {
  const found: PodClaim[] = [];
  for (const volume of pod.spec?.volumes ?? []) {
    const claim = podClaim(pod, volume);
    if (claim) found.push(claim);
  }
  return found;
}

/** `namespace/name` of the claims that a pod uses. */
export const podClaimKeys = (pod: Pod): string[] => podClaims(pod).map(({ claimName }) => `${pod.metadata!.namespace}/${claimName}`);

/** The same of claims that others have made, and not for this pod alone. */
export const namedClaimKeys = (pod: Pod): string[] =>
  podClaims(pod)
    .filter(({ ephemeral }) => !ephemeral)
    .map(({ claimName }) => `${pod.metadata!.namespace}/${claimName}`);

/** Why a claim with an ephemeral volume's name is not that volume's. Mirrors component-helpers (VolumeIsForPod). */
export function ephemeralClaimProblem(pod: Pod, claim: PersistentVolumeClaim): string | undefined {
  if (controllerOf(claim)?.uid === pod.metadata!.uid) return undefined;
  const { namespace, name } = claim.metadata!;
  return `PVC ${namespace}/${name} was not created for pod ${pod.metadata!.namespace}/${pod.metadata!.name} (pod is not owner)`;
}
