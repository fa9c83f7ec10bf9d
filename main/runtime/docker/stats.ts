import type Docker from 'dockerode';
import type { ContainerStats, NetworkCounters } from '../index.ts';
import { tolerate } from './errors.ts';

/** What a container uses now; undefined when it is gone or does not run. */
export async function statsOf(docker: Docker, id: string): Promise<ContainerStats | undefined> {
  // one-shot: the engine need not wait a second for a second measurement.
  const stats = await tolerate([404, 409], () => docker.getContainer(id).stats({ stream: false, 'one-shot': true }));
  const timestamp = Date.parse(stats?.read ?? '');
  if (!stats || !(timestamp > 0) || !stats.memory_stats?.usage) return undefined;
  const { usage, stats: memory } = stats.memory_stats;
  // Pages of files that the kernel can drop at once are not part of the working set (cgroup v1 and v2 have own names).
  const of = (name: string) => {
    const known = memory as unknown as Record<string, number | undefined> | undefined;
    return known?.[`total_${name}`] ?? known?.[name];
  };
  const inactive = of('inactive_file') ?? 0;
  const rss = of('rss') ?? of('anon');
  const [faults, majorFaults] = [of('pgfault'), of('pgmajfault')];
  return {
    id,
    timestamp,
    cpuNanoseconds: stats.cpu_stats.cpu_usage.total_usage,
    memoryUsageBytes: usage,
    memoryWorkingSetBytes: Math.max(0, usage - inactive),
    ...(rss === undefined ? {} : { memoryRssBytes: rss }),
    ...(faults === undefined ? {} : { pageFaults: faults }),
    ...networkOf(stats.networks as Record<string, EngineCounters> | undefined),
    ...(majorFaults === undefined ? {} : { majorPageFaults: majorFaults }),
  };
}

interface EngineCounters {
  rx_bytes: number;
  rx_errors: number;
  tx_bytes: number;
  tx_errors: number;
}

function networkOf(interfaces: Record<string, EngineCounters> | undefined): { network?: NetworkCounters } {
  const all = Object.values(interfaces ?? {});
  if (all.length === 0) return {};
  const sum = (name: keyof EngineCounters) => all.reduce((total, one) => total + one[name], 0);
  return { network: { receivedBytes: sum('rx_bytes'), receiveErrors: sum('rx_errors'), sentBytes: sum('tx_bytes'), sendErrors: sum('tx_errors') } };
}
