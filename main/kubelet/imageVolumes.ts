import type { Pod } from '../api/index.ts';
import { RuntimeError } from '../runtime/index.ts';
import type { KubeletContext } from './context.ts';
import type { AnyContainer } from './spec.ts';

/** Images that containers have had as volumes. */
export interface ImageVolumeCounts {
  requested: number;
  mounted: number;
  /** Those that the runtime could not mount. */
  failed: number;
}

/** The container's start has ended, well where there is no error. Mirrors kuberuntime_manager.go (incrementImageVolumeMetrics). */
export function countImageVolumes({ counters }: KubeletContext, pod: Pod, container: AnyContainer, error?: unknown): void {
  const images = new Set(pod.spec?.volumes?.filter(({ image }) => image).map(({ name }) => name));
  if (images.size === 0) return;
  const mounts = container.volumeMounts?.filter(({ name }) => images.has(name)) ?? [];
  counters.imageVolumes.requested += new Set(mounts.map(({ name }) => name)).size;
  if (error === undefined) counters.imageVolumes.mounted += mounts.length;
  else if (error instanceof RuntimeError && error.code === 'imageVolume') counters.imageVolumes.failed += mounts.length;
}
