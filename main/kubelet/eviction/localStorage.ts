import type { Pod } from '../../api/index.ts';
import { podResources } from '../../api/podAmounts.ts';
import { parseQuantity } from '../../api/quantity.ts';
import type { DiskUsage } from '../../runtime/index.ts';
import type { KubeletContext } from '../context.ts';
import type { PodWorker } from '../podWorker.ts';
import { uidOf } from '../spec.ts';
import { volumeDirectory } from '../volumes/files.ts';

/** How much a pod takes of something, and its containers by name. */
export interface Usage {
  total: number;
  containers: Map<string, number>;
}

/** What a pod has on the disk of its node, by the names of its volumes and of its running containers. */
export interface PodStorage {
  /** Bytes of volumes that go with the pod. */
  volumes: Map<string, number>;
  containers: Map<string, DiskUsage>;
  /** Bytes in all. */
  total: number;
}

/** Why a pod has more on the disk than it may: as the message of its eviction, and as what the eviction counts. */
export interface StorageExcess {
  message: string;
  signal: string;
}

/**
 * Undefined: the pod keeps to its limits. Only pods with limits cost anything to look at. Mirrors eviction_manager.go
 * (localStorageEviction).
 */
export async function overStorageLimit(context: KubeletContext, worker: PodWorker): Promise<StorageExcess | undefined> {
  const { pod } = worker;
  const limited = limitedVolumes(pod);
  const ofPod = podResources(pod.spec!, 'limits')['ephemeral-storage'];
  if (limited.length === 0 && !ofPod) return undefined;
  const storage = await podStorage(context, ofPod ? worker : { pod, runtimeStatus: { containers: [] } });
  for (const { name, sizeLimit } of limited)
    if (storage.volumes.get(name)! > parseQuantity(sizeLimit).value())
      return { message: `Usage of EmptyDir volume ${JSON.stringify(name)} exceeds the limit ${JSON.stringify(sizeLimit)}. `, signal: 'emptydirfs.limit' };
  if (ofPod && storage.total > ofPod.value())
    return { message: `Pod ephemeral local storage usage exceeds the total limit of containers ${ofPod.toString()}. `, signal: 'ephemeralpodfs.limit' };
  for (const { name, resources } of pod.spec!.containers) {
    const limit = parseQuantity(resources?.limits?.['ephemeral-storage'] ?? '0');
    if (!limit.isZero() && bytesOf(storage.containers.get(name)) > limit.value())
      return { message: `Container ${name} exceeded its local ephemeral storage limit ${JSON.stringify(limit.toString())}. `, signal: 'ephemeralcontainerfs.limit' };
  }
  return undefined;
}

const bytesOf = (usage: DiskUsage | undefined) => (usage ? usage.files + usage.log : 0);

/** Looks at all that the pod has on the disk. */
export async function podStorage(context: KubeletContext, { pod, runtimeStatus }: { pod: Pod; runtimeStatus: Pick<PodWorker['runtimeStatus'], 'containers'> }): Promise<PodStorage> {
  const files = await context.files();
  const volumes = new Map(await Promise.all(diskVolumes(pod).map(async (name) => [name, await files.usage(volumeDirectory(uidOf(pod), 'empty-dir', name))] as const)));
  const running = runtimeStatus.containers.filter(({ state }) => state === 'running');
  const containers = new Map(await Promise.all(running.map(async ({ id, name }) => [name, await context.runtime.diskUsage(id)] as const)));
  const total = [...volumes.values(), ...[...containers.values()].map(bytesOf)].reduce((sum, bytes) => sum + bytes, 0);
  return { volumes, containers, total };
}

/** What a pod has on the disk, and each of its running containers by name, in bytes. Mirrors helpers.go (podDiskUsage). */
export async function storageUsage(context: KubeletContext, worker: PodWorker): Promise<Usage> {
  const { total, containers } = await podStorage(context, worker);
  return { total, containers: new Map([...containers].map(([name, usage]) => [name, bytesOf(usage)])) };
}

function limitedVolumes(pod: Pod): { name: string; sizeLimit: string }[] {
  return (pod.spec?.volumes ?? []).flatMap(({ name, emptyDir }) =>
    emptyDir?.sizeLimit && emptyDir.medium !== 'Memory' && !parseQuantity(emptyDir.sizeLimit).isZero() ? [{ name, sizeLimit: emptyDir.sizeLimit }] : [],
  );
}

const diskVolumes = (pod: Pod) => (pod.spec?.volumes ?? []).filter(({ emptyDir }) => emptyDir && emptyDir.medium !== 'Memory').map(({ name }) => name);
