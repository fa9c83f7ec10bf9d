import type Docker from 'dockerode';
import type { ContainerStats, DiskCounters, NetworkCounters, UsageDetails } from '../index.ts';
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
    details: detailsOf(stats as unknown as EngineStats, of),
  };
}

/** The part of an answer whose types are not told, or told wrongly. */
interface EngineStats {
  cpu_stats: {
    cpu_usage: { usage_in_usermode?: number; usage_in_kernelmode?: number };
    throttling_data?: { periods?: number; throttled_periods?: number; throttled_time?: number };
  };
  memory_stats: { max_usage?: number };
  pids_stats?: { current?: number };
  blkio_stats?: { io_service_bytes_recursive?: DiskEntry[] | null; io_serviced_recursive?: DiskEntry[] | null };
}

interface DiskEntry {
  major: number;
  minor: number;
  /** `Read`, `write`: engines write it either way. */
  op: string;
  value: number;
}

function detailsOf({ cpu_stats: cpu, memory_stats: memory, pids_stats: pids, blkio_stats: blocks }: EngineStats, of: (name: string) => number | undefined): UsageDetails {
  const { periods = 0, throttled_periods: throttledPeriods = 0, throttled_time: throttledNanoseconds = 0 } = cpu.throttling_data ?? {};
  const known = {
    cpuUserNanoseconds: cpu.cpu_usage.usage_in_usermode,
    cpuSystemNanoseconds: cpu.cpu_usage.usage_in_kernelmode,
    memoryCacheBytes: of('cache') ?? of('file'),
    memoryMappedBytes: of('mapped_file') ?? of('file_mapped'),
    memorySwapBytes: of('swap'),
    memoryMostBytes: memory.max_usage,
    processes: pids?.current,
  };
  const disks = disksOf(blocks?.io_service_bytes_recursive ?? [], blocks?.io_serviced_recursive ?? []);
  return {
    ...Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined)),
    ...(periods > 0 ? { throttling: { periods, throttledPeriods, throttledNanoseconds } } : {}),
    ...(disks.size > 0 ? { disks } : {}),
  };
}

function disksOf(bytes: DiskEntry[], operations: DiskEntry[]): Map<string, DiskCounters> {
  const disks = new Map<string, DiskCounters>();
  const add = (entries: DiskEntry[], read: keyof DiskCounters, written: keyof DiskCounters) => {
    for (const { major, minor, op, value } of entries) {
      const name = /^read$/i.test(op) ? read : /^write$/i.test(op) ? written : undefined;
      if (!name) continue;
      const device = `${major}:${minor}`;
      const counters = disks.get(device) ?? { readBytes: 0, writtenBytes: 0, reads: 0, writes: 0 };
      counters[name] += value;
      disks.set(device, counters);
    }
  };
  add(bytes, 'readBytes', 'writtenBytes');
  add(operations, 'reads', 'writes');
  return disks;
}

interface EngineCounters {
  rx_bytes: number;
  rx_packets: number;
  rx_errors: number;
  rx_dropped: number;
  tx_bytes: number;
  tx_packets: number;
  tx_errors: number;
  tx_dropped: number;
}

function networkOf(interfaces: Record<string, EngineCounters> | undefined): { network?: NetworkCounters } {
  const all = Object.values(interfaces ?? {});
  if (all.length === 0) return {};
  const sum = (name: keyof EngineCounters) => all.reduce((total, one) => total + one[name], 0);
  return {
    network: {
      receivedBytes: sum('rx_bytes'),
      receivedPackets: sum('rx_packets'),
      receiveErrors: sum('rx_errors'),
      receiveDrops: sum('rx_dropped'),
      sentBytes: sum('tx_bytes'),
      sentPackets: sum('tx_packets'),
      sendErrors: sum('tx_errors'),
      sendDrops: sum('tx_dropped'),
    },
  };
}
