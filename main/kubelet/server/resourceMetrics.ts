import type { ContainerStats } from '../../runtime/index.ts';
import type { PodWorker } from '../podWorker.ts';
import { Exposition } from './exposition.ts';

/** `/metrics/resource`, as the metrics server reads it (pkg/kubelet/metrics/collectors/resource_metrics.go). */
export function resourceMetrics(workers: PodWorker[], stats: Map<string, ContainerStats>): string {
  const metrics = new Exposition();
  const containers = workers.flatMap((worker) =>
    worker.runtimeStatus.containers.flatMap((container) => {
      const found = stats.get(container.id);
      const { name: pod, namespace } = worker.pod.metadata!;
      return found ? [{ stats: found, startedAt: container.startedAt ?? container.createdAt, labels: { container: container.name, namespace: namespace!, pod: pod! } }] : [];
    }),
  );
  const pods = new Map<string, { labels: Record<string, string>; stats: ContainerStats[] }>();
  for (const { stats: one, labels: { namespace, pod } } of containers) {
    const key = `${namespace}/${pod}`;
    if (!pods.has(key)) pods.set(key, { labels: { namespace, pod }, stats: [] });
    pods.get(key)!.stats.push(one);
  }
  const cpu = (all: ContainerStats[]) => all.reduce((sum, one) => sum + one.cpuNanoseconds, 0) / 1e9;
  const memory = (all: ContainerStats[]) => all.reduce((sum, one) => sum + one.memoryWorkingSetBytes, 0);
  const time = (all: ContainerStats[]) => Math.max(...all.map(({ timestamp }) => timestamp));

  metrics.family('container_cpu_usage_seconds_total', 'counter', 'Cumulative cpu time consumed by the container in core-seconds');
  for (const one of containers) metrics.sample(one.labels, cpu([one.stats]), one.stats.timestamp);
  metrics.family('container_memory_working_set_bytes', 'gauge', 'Current working set of the container in bytes');
  for (const one of containers) metrics.sample(one.labels, memory([one.stats]), one.stats.timestamp);
  metrics.family('container_start_time_seconds', 'gauge', 'Start time of the container since unix epoch in seconds');
  for (const one of containers) metrics.sample(one.labels, one.startedAt / 1000);
  const everything = [...stats.values()];
  if (everything.length > 0) {
    metrics.family('node_cpu_usage_seconds_total', 'counter', 'Cumulative cpu time consumed by the node in core-seconds');
    metrics.sample({}, cpu(everything), time(everything));
    metrics.family('node_memory_working_set_bytes', 'gauge', 'Current working set of the node in bytes');
    metrics.sample({}, memory(everything), time(everything));
  }
  metrics.family('pod_cpu_usage_seconds_total', 'counter', 'Cumulative cpu time consumed by the pod in core-seconds');
  for (const pod of pods.values()) metrics.sample(pod.labels, cpu(pod.stats), time(pod.stats));
  metrics.family('pod_memory_working_set_bytes', 'gauge', 'Current working set of the pod in bytes');
  for (const pod of pods.values()) metrics.sample(pod.labels, memory(pod.stats), time(pod.stats));
  metrics.family('resource_scrape_error', 'gauge', '1 if there was an error while getting container metrics, 0 otherwise');
  metrics.sample({}, 0);
  return metrics.text();
}
