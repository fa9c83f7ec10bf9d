import type { PersistentVolumeClaim, StorageClass } from '../../../main/api/index.ts';

const selectedNode = 'volume.kubernetes.io/selected-node';

export const isPending = ({ status }: PersistentVolumeClaim): boolean => (status?.phase ?? 'Pending') === 'Pending';

/** Whether a claim is not bound before a pod needs it, and none does. */
export function waitsForPod({ metadata, spec }: PersistentVolumeClaim, classes: readonly StorageClass[]): boolean {
  const storageClass = classes.find((each) => each.metadata?.name === spec?.storageClassName);
  return storageClass?.volumeBindingMode === 'WaitForFirstConsumer' && !spec?.volumeName && !metadata?.annotations?.[selectedNode];
}
