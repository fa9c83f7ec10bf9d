import { snapshotGroup as group, type VolumeSnapshot, type VolumeSnapshotClass, type VolumeSnapshotContent } from '../../api/volumeSnapshots.ts';
import type { ResourceDef } from '../../client/index.ts';

const version = 'v1';

export const volumeSnapshots: ResourceDef<VolumeSnapshot> = { group, version, kind: 'VolumeSnapshot', resource: 'volumesnapshots', namespaced: true };

export const volumeSnapshotContents: ResourceDef<VolumeSnapshotContent> = {
  group,
  version,
  kind: 'VolumeSnapshotContent',
  resource: 'volumesnapshotcontents',
  namespaced: false,
};

export const volumeSnapshotClasses: ResourceDef<VolumeSnapshotClass> = {
  group,
  version,
  kind: 'VolumeSnapshotClass',
  resource: 'volumesnapshotclasses',
  namespaced: false,
};
