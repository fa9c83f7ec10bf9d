import type { Node, PersistentVolume, PersistentVolumeClaim, StorageClass, VolumeNodeAffinity } from './index.ts';
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

/** On a claim: who is to make its volume; under the older and the newer name. */
export const provisionerAnnotation = 'volume.kubernetes.io/storage-provisioner';
export const betaProvisionerAnnotation = 'volume.beta.kubernetes.io/storage-provisioner';
/** On a volume: who has made it. */
export const provisionedByAnnotation = 'pv.kubernetes.io/provisioned-by';
/** The provisioner of classes whose volumes are made by hand. */
export const noProvisioner = 'kubernetes.io/no-provisioner';

const betaClassAnnotation = 'volume.beta.kubernetes.io/storage-class';
const defaultClassAnnotations = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];

export const claimClass = (claim: PersistentVolumeClaim): string =>
  claim.metadata?.annotations?.[betaClassAnnotation] ?? claim.spec?.storageClassName ?? '';

/** Whether the claim says anything about its class; no class at all (`""`) is an answer too. */
export const claimHasClass = (claim: PersistentVolumeClaim): boolean =>
  claim.metadata?.annotations?.[betaClassAnnotation] !== undefined || claim.spec?.storageClassName !== undefined;

export const volumeClass = (volume: PersistentVolume): string =>
  volume.metadata?.annotations?.[betaClassAnnotation] ?? volume.spec?.storageClassName ?? '';

export const isDefaultClass = ({ metadata }: StorageClass): boolean =>
  defaultClassAnnotations.some((name) => metadata?.annotations?.[name] === 'true');

/** The class for claims that name none: the newest of the default ones. Mirrors pkg/volume/util/storageclass.go (GetDefaultClass). */
export function defaultClass(classes: StorageClass[]): StorageClass | undefined {
  const made = ({ metadata }: StorageClass) => Date.parse(metadata?.creationTimestamp ?? '') || 0;
  return classes
    .filter(isDefaultClass)
    .sort((a, b) => made(b) - made(a) || (a.metadata!.name! < b.metadata!.name! ? -1 : 1))[0];
}

export const isClaimBound = (claim: PersistentVolumeClaim): boolean =>
  Boolean(claim.spec?.volumeName) && claim.metadata?.annotations?.[bindCompletedAnnotation] !== undefined;

/** Whether the volume names this claim; a reference without a uid is a user's reservation. */
export function isVolumeBoundToClaim(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const ref = volume.spec?.claimRef;
  if (!ref || ref.name !== claim.metadata?.name || ref.namespace !== claim.metadata?.namespace) return false;
  return !ref.uid || ref.uid === claim.metadata?.uid;
}

export const isVolumeOnNode = (volume: PersistentVolume, node: Node): boolean => allowsNode(volume.spec?.nodeAffinity, node);

/** Whether a volume that is kept to some nodes can be reached from this one. */
export const allowsNode = (affinity: VolumeNodeAffinity | undefined, node: Node): boolean => !affinity?.required || matchesNodeSelector(affinity.required, node);

export const volumeSize = (volume: PersistentVolume) => parseQuantity(volume.spec?.capacity?.storage ?? '0');

export const requestedSize = (claim: PersistentVolumeClaim) => parseQuantity(claim.spec?.resources?.requests?.storage ?? '0');

export const sameVolumeMode = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean =>
  (volume.spec?.volumeMode ?? 'Filesystem') === (claim.spec?.volumeMode ?? 'Filesystem');

export const sameAttributesClass = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean =>
  (volume.spec?.volumeAttributesClassName ?? '') === (claim.spec?.volumeAttributesClassName ?? '');

export function hasAccessModes(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const modes = volume.spec?.accessModes ?? [];
  return (claim.spec?.accessModes ?? []).every((mode) => modes.includes(mode));
}

/**
 * The smallest volume that gives what the claim asks for; a volume that is reserved for it comes first. With `node`,
 * only volumes that can be reached from there; without one, volumes that can do less come before those that can do more
 * (pkg/controller/volume/persistentvolume/index.go), and with `delayBinding` only a reserved volume counts.
 */
export function findMatchingVolume(
  claim: PersistentVolumeClaim,
  volumes: PersistentVolume[],
  options: { node?: Node; delayBinding?: boolean; exclude?(volume: PersistentVolume): boolean } = {},
): PersistentVolume | undefined {
  const { node, delayBinding } = options;
  const wanted = requestedSize(claim);
  const selector = claim.spec?.selector ? selectorFromLabelSelector(claim.spec.selector) : undefined;
  const abilities = ({ spec }: PersistentVolume) => (node ? 0 : (spec?.accessModes?.length ?? 0));
  const isBetter = (a: PersistentVolume, b: PersistentVolume) =>
    (abilities(a) - abilities(b) || volumeSize(a).cmp(volumeSize(b))) < 0;
  let best: PersistentVolume | undefined;
  for (const volume of volumes) {
    if (options.exclude?.(volume) || volume.metadata?.deletionTimestamp) continue;
    if (!sameVolumeMode(volume, claim) || !sameAttributesClass(volume, claim)) continue;
    if (volumeSize(volume).cmp(wanted) < 0) continue;
    const reachable = !node || isVolumeOnNode(volume, node);
    if (isVolumeBoundToClaim(volume, claim)) return reachable ? volume : undefined;
    if (volume.spec?.claimRef || volume.status?.phase !== 'Available' || !reachable) continue;
    if (!node && delayBinding) continue;
    if (selector && !selector.matches(volume.metadata?.labels)) continue;
    if (volumeClass(volume) !== claimClass(claim) || !hasAccessModes(volume, claim)) continue;
    if (!best || isBetter(volume, best)) best = volume;
  }
  return best;
}
