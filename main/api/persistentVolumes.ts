import type { Node, PersistentVolume, PersistentVolumeClaim } from './index.ts';
import { selectorFromLabelSelector } from './labels.ts';
import { matchesNodeSelector } from './nodeSelector.ts';
import { parseQuantity } from './quantity.ts';

// What the scheduler and the volume controllers must see alike. Mirrors k8s.io/component-helpers/storage/volume.

/** On a claim: its binding is complete. */
export const bindCompletedAnnotation = 'pv.kubernetes.io/bind-completed';
/** On a claim or volume: a controller made the connection, not a user. */
export const boundByControllerAnnotation = 'pv.kubernetes.io/bound-by-controller';
/** On a claim: the node that its pod will run on, for whoever provisions the volume. */
export const selectedNodeAnnotation = 'volume.kubernetes.io/selected-node';

export const claimClass = (claim: PersistentVolumeClaim): string =>
  claim.metadata?.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? claim.spec?.storageClassName ?? '';

export const volumeClass = (volume: PersistentVolume): string =>
  volume.metadata?.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? volume.spec?.storageClassName ?? '';

export const isClaimBound = (claim: PersistentVolumeClaim): boolean =>
  Boolean(claim.spec?.volumeName) && claim.metadata?.annotations?.[bindCompletedAnnotation] !== undefined;

/** Whether the volume names this claim; a reference without a uid is a user's reservation. */
export function isVolumeBoundToClaim(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const ref = volume.spec?.claimRef;
  if (!ref || ref.name !== claim.metadata?.name || ref.namespace !== claim.metadata?.namespace) return false;
  return !ref.uid || ref.uid === claim.metadata?.uid;
}

export function isVolumeOnNode(volume: PersistentVolume, node: Node): boolean {
  const required = volume.spec?.nodeAffinity?.required;
  return !required || matchesNodeSelector(required, node);
}

/**
 * The smallest volume that gives what the claim asks for; a volume that is reserved for it comes first. With `node`,
 * only volumes that can be reached from there; without one and with `delayBinding`, only a reserved volume.
 */
export function findMatchingVolume(
  claim: PersistentVolumeClaim,
  volumes: PersistentVolume[],
  options: { node?: Node; delayBinding?: boolean; exclude?(volume: PersistentVolume): boolean } = {},
): PersistentVolume | undefined {
  const { node, delayBinding } = options;
  const wanted = parseQuantity(claim.spec?.resources?.requests?.storage ?? '0');
  const size = (volume: PersistentVolume) => parseQuantity(volume.spec?.capacity?.storage ?? '0');
  const selector = claim.spec?.selector ? selectorFromLabelSelector(claim.spec.selector) : undefined;
  let best: PersistentVolume | undefined;
  for (const volume of volumes) {
    if (options.exclude?.(volume) || volume.metadata?.deletionTimestamp) continue;
    if ((volume.spec?.volumeMode ?? 'Filesystem') !== (claim.spec?.volumeMode ?? 'Filesystem')) continue;
    if ((volume.spec?.volumeAttributesClassName ?? '') !== (claim.spec?.volumeAttributesClassName ?? '')) continue;
    if (size(volume).cmp(wanted) < 0) continue;
    const reachable = !node || isVolumeOnNode(volume, node);
    if (isVolumeBoundToClaim(volume, claim)) return reachable ? volume : undefined;
    if (volume.spec?.claimRef || volume.status?.phase !== 'Available' || !reachable) continue;
    if (!node && delayBinding) continue;
    if (selector && !selector.matches(volume.metadata?.labels)) continue;
    if (volumeClass(volume) !== claimClass(claim)) continue;
    const modes = volume.spec?.accessModes ?? [];
    if (!(claim.spec?.accessModes ?? []).every((mode) => modes.includes(mode))) continue;
    if (!best || size(volume).cmp(size(best)) < 0) best = volume;
  }
  return best;
}
