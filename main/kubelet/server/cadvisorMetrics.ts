import { parseQuantity } from '../../api/quantity.ts';
import type { ContainerStats, DiskCounters, NetworkCounters, UsageDetails } from '../../runtime/index.ts';
import type { KubeletContext } from '../context.ts';
import type { PodWorker } from '../podWorker.ts';
import { cgroupResources } from '../qos.ts';
import { readySandbox } from '../runtimeStatus.ts';
import { containerNamed } from '../spec.ts';
import { Exposition } from './exposition.ts';

interface Seen {
  labels: Record<string, string>;
  stats: ContainerStats;
  startedAt: number;
  memoryLimit: number;
  cpuLimit: number;
  cpuShares: number;
}

const networkFamilies: readonly [name: string, help: string, of: keyof NetworkCounters][] = [
  ['container_network_receive_bytes_total', 'Cumulative count of bytes received', 'receivedBytes'],
  ['container_network_receive_packets_total', 'Cumulative count of packets received', 'receivedPackets'],
  ['container_network_receive_packets_dropped_total', 'Cumulative count of packets dropped while receiving', 'receiveDrops'],
  ['container_network_receive_errors_total', 'Cumulative count of errors encountered while receiving', 'receiveErrors'],
  ['container_network_transmit_bytes_total', 'Cumulative count of bytes transmitted', 'sentBytes'],
  ['container_network_transmit_packets_total', 'Cumulative count of packets transmitted', 'sentPackets'],
  ['container_network_transmit_packets_dropped_total', 'Cumulative count of packets dropped while transmitting', 'sendDrops'],
  ['container_network_transmit_errors_total', 'Cumulative count of errors encountered while transmitting', 'sendErrors'],
];

const seconds = (nanoseconds: number | undefined) => (nanoseconds === undefined ? undefined : nanoseconds / 1e9);

/** What is told of a container only where the engine keeps it. */
const detailFamilies: readonly [name: string, type: 'counter' | 'gauge', help: string, of: (details: UsageDetails) => number | undefined][] = [
  ['container_cpu_user_seconds_total', 'counter', 'Cumulative user cpu time consumed in seconds.', ({ cpuUserNanoseconds }) => seconds(cpuUserNanoseconds)],
  ['container_cpu_system_seconds_total', 'counter', 'Cumulative system cpu time consumed in seconds.', ({ cpuSystemNanoseconds }) => seconds(cpuSystemNanoseconds)],
  ['container_cpu_cfs_periods_total', 'counter', 'Number of elapsed enforcement period intervals.', ({ throttling }) => throttling?.periods],
  ['container_cpu_cfs_throttled_periods_total', 'counter', 'Number of throttled period intervals.', ({ throttling }) => throttling?.throttledPeriods],
  ['container_cpu_cfs_throttled_seconds_total', 'counter', 'Total time duration the container has been throttled.', ({ throttling }) => seconds(throttling?.throttledNanoseconds)],
  ['container_memory_cache', 'gauge', 'Number of bytes of page cache memory.', ({ memoryCacheBytes }) => memoryCacheBytes],
  ['container_memory_mapped_file', 'gauge', 'Size of memory mapped files in bytes.', ({ memoryMappedBytes }) => memoryMappedBytes],
  ['container_memory_swap', 'gauge', 'Container swap usage in bytes.', ({ memorySwapBytes }) => memorySwapBytes],
  ['container_memory_max_usage_bytes', 'gauge', 'Maximum memory usage recorded in bytes', ({ memoryMostBytes }) => memoryMostBytes],
  ['container_processes', 'gauge', 'Number of processes running inside the container.', ({ processes }) => processes],
];

const diskFamilies: readonly [name: string, help: string, of: keyof DiskCounters][] = [
  ['container_fs_reads_bytes_total', 'Cumulative count of bytes read', 'readBytes'],
  ['container_fs_reads_total', 'Cumulative count of reads completed', 'reads'],
  ['container_fs_writes_bytes_total', 'Cumulative count of bytes written', 'writtenBytes'],
  ['container_fs_writes_total', 'Cumulative count of writes completed', 'writes'],
];

/** `/metrics/cadvisor`: containers in cAdvisor's words, as dashboards ask for them (google/cadvisor, metrics/prometheus.go). */
export function cadvisorMetrics(context: KubeletContext, workers: PodWorker[], stats: Map<string, ContainerStats>, sandboxes: Map<string, ContainerStats>): string {
  const metrics = new Exposition();
  const containers = workers.flatMap((worker) => seen(worker, stats));
  const each = (name: string, type: 'counter' | 'gauge', help: string, of: (one: Seen) => number | undefined) => {
    metrics.family(name, type, help);
    for (const one of containers) {
      const value = of(one);
      if (value !== undefined) metrics.sample(one.labels, value, one.stats.timestamp);
    }
  };
  each('container_cpu_usage_seconds_total', 'counter', 'Cumulative cpu time consumed in seconds.', (one) => one.stats.cpuNanoseconds / 1e9);
  each('container_last_seen', 'gauge', 'Last time a container was seen by the exporter', (one) => Math.floor(one.stats.timestamp / 1000));
  each('container_memory_rss', 'gauge', 'Size of RSS in bytes.', (one) => one.stats.memoryRssBytes);
  each('container_memory_usage_bytes', 'gauge', 'Current memory usage in bytes, including all memory regardless of when it was accessed', (one) => one.stats.memoryUsageBytes);
  each('container_memory_working_set_bytes', 'gauge', 'Current working set in bytes.', (one) => one.stats.memoryWorkingSetBytes);
  each('container_spec_cpu_quota', 'gauge', 'CPU quota of the container.', (one) => (one.cpuLimit > 0 ? one.cpuLimit * 100 : undefined));
  each('container_spec_memory_limit_bytes', 'gauge', 'Memory limit for the container.', (one) => one.memoryLimit);
  for (const [name, type, help, of] of detailFamilies) each(name, type, help, ({ stats }) => stats.details && of(stats.details));
  for (const [name, help, of] of diskFamilies) {
    metrics.family(name, 'counter', help);
    for (const { labels, stats } of containers)
      for (const [device, counters] of stats.details?.disks ?? []) metrics.sample({ ...labels, device }, counters[of], stats.timestamp);
  }
  metrics.family('container_memory_failures_total', 'counter', 'Cumulative count of memory allocation failures.');
  for (const { labels, stats } of containers)
    for (const [failure, count] of [['pgfault', stats.pageFaults], ['pgmajfault', stats.majorPageFaults]] as const)
      if (count !== undefined) metrics.sample({ ...labels, failure_type: failure, scope: 'hierarchy' }, count, stats.timestamp);
  each('container_spec_cpu_period', 'gauge', 'CPU period of the container.', (one) => (one.cpuLimit > 0 ? 100_000 : undefined));
  each('container_spec_cpu_shares', 'gauge', 'CPU share of the container.', (one) => one.cpuShares);
  each('container_start_time_seconds', 'gauge', 'Start time of the container since unix epoch in seconds.', (one) => one.startedAt / 1000);
  for (const [name, help, of] of networkFamilies) {
    metrics.family(name, 'counter', help);
    for (const { pod, runtimeStatus } of workers) {
      const sandbox = readySandbox(runtimeStatus);
      const found = sandboxes.get(sandbox?.id ?? '');
      if (!sandbox || !found?.network) continue;
      const { name: podName, namespace } = pod.metadata!;
      metrics.sample({ container: '', id: sandbox.id, image: '', interface: 'eth0', name: '', namespace: namespace!, pod: podName! }, found.network[of], found.timestamp);
    }
  }
  metrics.family('machine_cpu_cores', 'gauge', 'Number of logical CPU cores.');
  metrics.sample({ boot_id: '', machine_id: '', system_uuid: '' }, context.machine.cpus);
  metrics.family('machine_memory_bytes', 'gauge', 'Amount of memory installed on the machine.');
  metrics.sample({ boot_id: '', machine_id: '', system_uuid: '' }, context.machine.memoryBytes);
  return metrics.text();
}

function seen({ pod, runtimeStatus }: PodWorker, stats: Map<string, ContainerStats>): Seen[] {
  const { name: podName, namespace, uid } = pod.metadata!;
  return runtimeStatus.containers.flatMap(({ id, name, image, attempt, startedAt, createdAt }) => {
    const found = stats.get(id);
    if (!found) return [];
    const spec = containerNamed(pod, name);
    const limits = spec?.resources?.limits ?? {};
    return [
      {
        labels: { container: name, id, image, name: `k8s_${name}_${podName}_${namespace}_${uid}_${attempt}`, namespace: namespace!, pod: podName! },
        stats: found,
        startedAt: startedAt ?? createdAt,
        memoryLimit: parseQuantity(limits.memory ?? '0').value(),
        cpuLimit: parseQuantity(limits.cpu ?? '0').milliValue(),
        cpuShares: (spec && cgroupResources(pod, spec, 0).cpuShares) ?? 0,
      },
    ];
  });
}
