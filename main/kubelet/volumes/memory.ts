import type { Pod, Volume } from '../../api/index.ts';
import { podResources } from '../../api/podAmounts.ts';
import { parseQuantity } from '../../api/quantity.ts';

/**
 * Bytes that a volume of memory may hold: no more than it says, the pod may have, and the node has; 0: nobody knows.
 * Mirrors pkg/volume/emptydir/empty_dir.go (calculateEmptyDirMemorySize).
 */
export function memoryVolumeBytes({ spec }: Pod, { emptyDir }: Volume, allocatable: string | undefined): number {
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  const isLimited = spec?.resources?.limits?.memory !== undefined || containers.every(({ resources }) => resources?.limits?.memory !== undefined);
  const ofPod = isLimited ? podResources(spec!, 'limits').memory?.value() : undefined;
  const ofNode = allocatable === undefined ? undefined : parseQuantity(allocatable).value();
  const own = emptyDir?.sizeLimit === undefined ? undefined : parseQuantity(emptyDir.sizeLimit).value();
  const known = [own, ofPod, ofNode].filter((bytes): bytes is number => bytes !== undefined && bytes > 0);
  return known.length > 0 ? Math.min(...known) : 0;
}
