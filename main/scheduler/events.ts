import type { CSIDriver, CSINode, CSIStorageCapacity, DeviceClass, Node, PersistentVolume, PersistentVolumeClaim, Pod, ResourceResourceClaim, ResourceSlice, StorageClass } from '../api/index.ts';

/** Changes of the cluster that may let a waiting pod go. */
export type ClusterEvent =
  | { kind: 'NodeAdd'; node: Node }
  | { kind: 'NodeUpdate'; old: Node; node: Node }
  | { kind: 'NodeDelete'; node: Node }
  | { kind: 'AssignedPodAdd'; pod: Pod }
  | { kind: 'AssignedPodUpdate'; old: Pod; pod: Pod }
  /** A pod on a node is gone, or has ended. */
  | { kind: 'AssignedPodDelete'; pod: Pod }
  /** The waiting pod itself. */
  | { kind: 'PodUpdate'; old: Pod; pod: Pod }
  /** `old` is undefined for a new one. */
  | { kind: 'ClaimChange'; old: ResourceResourceClaim | undefined; claim: ResourceResourceClaim }
  | { kind: 'DeviceChange'; object: DeviceClass | ResourceSlice }
  | { kind: 'VolumeChange'; object: PersistentVolume | PersistentVolumeClaim | StorageClass | CSINode | CSIStorageCapacity | CSIDriver };
