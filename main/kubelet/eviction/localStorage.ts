import type { Pod } from '../../api/index.ts';
import { parseQuantity } from '../../api/quantity.ts';
import type { KubeletContext } from '../context.ts';
import type { PodWorker } from '../podWorker.ts';
import { uidOf } from '../spec.ts';
import { volumeDirectory } from '../volumes/files.ts';

/** How much a pod takes of something, and its containers by name. */
export interface Usage {
  total: number;
  containers: Map<string, number>;
}

/**
 * Why a pod has more on the disk than it may: as the message of its eviction; undefined: it has not. Only pods with limits
 * cost anything to look at. Mirrors eviction_manager.go (emptyDirLimitEviction, containerEphemeralStorageLimitEviction,
 * podEphemeralStorageLimitEviction).
 */
export async function overStorageLimit(context: KubeletContext, { pod, runtimeStatus }: PodWorker): Promise<string | undefined> {
  const limited = limitedVolumes(pod);
  const limits = storageLimits(pod);
  if (limited.length === 0 && limits.size === 0) return undefined;
  const files = await context.files();
  const used = new Map<string, number>();
  for (const name of limits.size > 0 ? diskVolumes(pod) : limited.map((volume) => volume.name))
    used.set(name, await files.usage(volumeDirectory(uidOf(pod), 'empty-dir', name)));
  for (const { name, sizeLimit } of limited)
    if (used.get(name)! > parseQuantity(sizeLimit).value()) return `Usage of EmptyDir volume ${JSON.stringify(name)} exceeds the limit ${JSON.stringify(sizeLimit)}. `;
  if (limits.size === 0) return undefined;

  let total = [...used.values()].reduce((sum, bytes) => sum + bytes, 0);
  for (const { id, name, state } of runtimeStatus.containers) {
    if (state !== 'running') continue;
    const bytes = await context.runtime.diskUsage(id);
    total += bytes;
    const limit = limits.get(name);
    if (limit !== undefined && bytes > parseQuantity(limit).value()) return `Container ${name} exceeded its local ephemeral storage limit ${JSON.stringify(limit)}. `;
  }
  // A container without a limit leaves the pod without one.
  if (limits.size < pod.spec!.containers.length) return undefined;
  const most = [...limits.values()].reduce((sum, limit) => sum + parseQuantity(limit).value(), 0);
  return total > most ? `Pod ephemeral local storage usage exceeds the total limit of containers ${most}. ` : undefined;
}

/** What a pod has on the disk, and each of its running containers by name, in bytes. Mirrors helpers.go (podDiskUsage). */
export async function storageUsage(context: KubeletContext, { pod, runtimeStatus }: PodWorker): Promise<Usage> {
  const files = await context.files();
  const volumes = await Promise.all(diskVolumes(pod).map((name) => files.usage(volumeDirectory(uidOf(pod), 'empty-dir', name))));
  const running = runtimeStatus.containers.filter(({ state }) => state === 'running');
  const containers = new Map(await Promise.all(running.map(async ({ id, name }) => [name, await context.runtime.diskUsage(id)] as const)));
  return { total: [...volumes, ...containers.values()].reduce((sum, bytes) => sum + bytes, 0), containers };
}

function limitedVolumes(pod: Pod): { name: string; sizeLimit: string }[] {
  return (pod.spec?.volumes ?? []).flatMap(({ name, emptyDir }) =>
    emptyDir?.sizeLimit && emptyDir.medium !== 'Memory' && !parseQuantity(emptyDir.sizeLimit).isZero() ? [{ name, sizeLimit: emptyDir.sizeLimit }] : [],
  );
}

const diskVolumes = (pod: Pod) => (pod.spec?.volumes ?? []).filter(({ emptyDir }) => emptyDir && emptyDir.medium !== 'Memory').map(({ name }) => name);

function storageLimits(pod: Pod): Map<string, string> {
  return new Map(
    pod.spec!.containers.flatMap(({ name, resources }) => {
      const limit = resources?.limits?.['ephemeral-storage'];
      return limit === undefined ? [] : [[name, limit] as const];
    }),
  );
}
