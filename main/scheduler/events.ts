import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  DeviceClass,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  ResourceResourceClaim,
  ResourceSlice,
  StorageClass,
  VolumeAttachment,
} from '../api/index.ts';
import { equalJson } from '../api/json.ts';

/** An object is new (`old` is undefined) or has changed. */
interface Changed<Kind extends string, T> {
  kind: Kind;
  old: T | undefined;
  object: T;
}

/** Changes of the cluster that may let a waiting pod go. */
export type ClusterEvent =
  | { kind: 'NodeAdd'; node: Node }
  | { kind: 'NodeUpdate'; old: Node; node: Node }
  | { kind: 'NodeDelete'; node: Node }
  | { kind: 'AssignedPodAdd'; pod: Pod }
  | { kind: 'AssignedPodUpdate'; old: Pod; pod: Pod }
  /** A pod on a node is gone or has ended, or one that was promised a node has given it up. */
  | { kind: 'AssignedPodDelete'; pod: Pod }
  /** The waiting pod itself. */
  | { kind: 'PodUpdate'; old: Pod; pod: Pod }
  | Changed<'ResourceClaimChange', ResourceResourceClaim>
  | Changed<'DeviceClassChange', DeviceClass>
  | Changed<'ResourceSliceChange', ResourceSlice>
  | Changed<'VolumeChange', PersistentVolume>
  | Changed<'VolumeClaimChange', PersistentVolumeClaim>
  | Changed<'StorageClassChange', StorageClass>
  | Changed<'CSINodeChange', CSINode>
  | Changed<'CSIDriverChange', CSIDriver>
  | Changed<'StorageCapacityChange', CSIStorageCapacity>
  | { kind: 'AttachmentDelete'; attachment: VolumeAttachment };

/** What upstream calls them (k8s.io/kube-scheduler/framework/types.go, Label); what of a node or pod has changed is left aside. */
const labels = {
  PodUpdate: 'UnschedulablePodUpdate',
  AttachmentDelete: 'storage.k8s.io/VolumeAttachmentDelete',
  ResourceClaimChange: 'resource.k8s.io/ResourceClaim',
  DeviceClassChange: 'resource.k8s.io/DeviceClass',
  ResourceSliceChange: 'resource.k8s.io/ResourceSlice',
  VolumeChange: 'PersistentVolume',
  VolumeClaimChange: 'PersistentVolumeClaim',
  StorageClassChange: 'storage.k8s.io/StorageClass',
  CSINodeChange: 'storage.k8s.io/CSINode',
  CSIDriverChange: 'storage.k8s.io/CSIDriver',
  StorageCapacityChange: 'storage.k8s.io/CSIStorageCapacity',
};

export function labelOf(event: ClusterEvent): string {
  const label = event.kind in labels ? labels[event.kind as keyof typeof labels] : event.kind;
  return 'object' in event ? label + (event.old ? 'Update' : 'Add') : label;
}

type Labelled = { metadata?: { labels?: Record<string, string> } };

export const labelsChanged = (old: Labelled, now: Labelled): boolean => !equalJson(old.metadata!.labels ?? {}, now.metadata!.labels ?? {});
export const taintsChanged = (old: Node, now: Node): boolean => !equalJson(old.spec?.taints ?? [], now.spec?.taints ?? []);
/** Users can add tolerations, not take any away. */
export const tolerationsChanged = (old: Pod, now: Pod): boolean => (old.spec!.tolerations ?? []).length !== (now.spec!.tolerations ?? []).length;
