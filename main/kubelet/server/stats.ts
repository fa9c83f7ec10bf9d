import type { ContainerStats } from '../../runtime/index.ts';
import type { KubeletContext } from '../context.ts';
import type { PodWorker } from '../podWorker.ts';
import { uidOf } from '../spec.ts';
import { timestamp } from '../../api/meta.ts';

/** Of all that runs on the node, by container id. */
export async function nodeStats(context: KubeletContext, workers: PodWorker[]): Promise<Map<string, ContainerStats>> {
  const ids = workers.flatMap((worker) => worker.runtimeStatus.containers.filter(({ state }) => state === 'running').map(({ id }) => id));
  const stats = await context.runtime.stats(ids);
  return new Map(stats.map((one) => [one.id, one]));
}

const usage = (stats: ContainerStats) => ({
  cpu: { time: timestamp(stats.timestamp), usageCoreNanoSeconds: stats.cpuNanoseconds },
  memory: { time: timestamp(stats.timestamp), usageBytes: stats.memoryUsageBytes, workingSetBytes: stats.memoryWorkingSetBytes },
});

function sum(all: ContainerStats[]): ContainerStats | undefined {
  if (all.length === 0) return undefined;
  return all.reduce((total, one) => ({
    id: '',
    timestamp: Math.max(total.timestamp, one.timestamp),
    cpuNanoseconds: total.cpuNanoseconds + one.cpuNanoseconds,
    memoryUsageBytes: total.memoryUsageBytes + one.memoryUsageBytes,
    memoryWorkingSetBytes: total.memoryWorkingSetBytes + one.memoryWorkingSetBytes,
  }));
}

/** `/stats/summary` (k8s.io/kubelet/pkg/apis/stats/v1alpha1). */
export function summary(context: KubeletContext, workers: PodWorker[], stats: Map<string, ContainerStats>): unknown {
  const pods = workers.map((worker) => {
    const { pod } = worker;
    const containers = worker.runtimeStatus.containers.filter(({ id }) => stats.has(id));
    const total = sum(containers.map(({ id }) => stats.get(id)!));
    return {
      podRef: { name: pod.metadata!.name, namespace: pod.metadata!.namespace, uid: uidOf(pod) },
      startTime: pod.status?.startTime ?? null,
      containers: containers.map(({ id, name, startedAt, createdAt }) => ({ name, startTime: timestamp(startedAt ?? createdAt), ...usage(stats.get(id)!) })),
      ...(total ? usage(total) : {}),
    };
  });
  const total = sum([...stats.values()]);
  return { node: { nodeName: context.nodeName, ...(total ? usage(total) : {}) }, pods };
}
