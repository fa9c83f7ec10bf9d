import type Docker from 'dockerode';
import type { ContainerStats } from '../index.ts';
import { tolerate } from './errors.ts';

/** What a container uses now; undefined when it is gone or does not run. */
export async function statsOf(docker: Docker, id: string): Promise<ContainerStats | undefined> {
  // one-shot: the engine need not wait a second for a second measurement.
  const stats = await tolerate([404, 409], () => docker.getContainer(id).stats({ stream: false, 'one-shot': true }));
  const timestamp = Date.parse(stats?.read ?? '');
  if (!stats || !(timestamp > 0) || !stats.memory_stats?.usage) return undefined;
  const { usage, stats: memory } = stats.memory_stats;
  // Pages of files that the kernel can drop at once are not part of the working set (cgroup v1 and v2 have own names).
  const inactive = (memory as unknown as Record<string, number | undefined>)?.total_inactive_file ?? memory?.inactive_file ?? 0;
  return {
    id,
    timestamp,
    cpuNanoseconds: stats.cpu_stats.cpu_usage.total_usage,
    memoryUsageBytes: usage,
    memoryWorkingSetBytes: Math.max(0, usage - inactive),
  };
}
