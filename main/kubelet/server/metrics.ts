import type { KubeletContext } from '../context.ts';
import type { PodWorker } from '../podWorker.ts';
import { uidOf } from '../spec.ts';
import { claimMetrics, type ClaimUsage } from './claimUsage.ts';
import { Exposition } from './exposition.ts';

/** `/metrics`: what the kubelet says of its own work (pkg/kubelet/metrics/metrics.go). */
export function kubeletMetrics(context: KubeletContext, workers: PodWorker[], claims: ClaimUsage[]): string {
  const metrics = new Exposition();
  const states = new Map<string, number>();
  let running = 0;
  for (const { runtimeStatus } of workers) {
    if (runtimeStatus.sandboxes.some(({ state }) => state === 'ready')) running++;
    for (const { state } of runtimeStatus.containers) states.set(state, (states.get(state) ?? 0) + 1);
  }
  metrics.family('kubelet_node_name', 'gauge', "The node's name. The count is always 1.");
  metrics.sample({ node: context.nodeName }, 1);
  metrics.family('kubelet_running_pods', 'gauge', 'Number of pods that have a running pod sandbox');
  metrics.sample({}, running);
  metrics.family('kubelet_running_containers', 'gauge', 'Number of containers currently running');
  for (const [state, count] of states) metrics.sample({ container_state: state }, count);
  metrics.family('kubelet_desired_pods', 'gauge', 'The number of pods the kubelet is being instructed to run.');
  metrics.sample({}, workers.length);
  metrics.family('kubelet_evictions', 'counter', 'Cumulative number of pod evictions by eviction signal');
  for (const [signal, count] of context.counters.evictions) metrics.sample({ eviction_signal: signal }, count);
  metrics.family('kubelet_preemptions', 'counter', 'Cumulative number of pod preemptions by preemption resource');
  for (const [signal, count] of context.counters.preemptions) metrics.sample({ preemption_signal: signal }, count);
  metrics.family('kubelet_terminated_containers_total', 'counter', 'Cumulative number of container terminations.');
  for (const [key, count] of context.counters.terminated) {
    const [type, code, reason] = key.split(' ') as [string, string, string];
    metrics.sample({ container_type: type, exit_code: code, reason }, count);
  }
  metrics.family('kubelet_pod_start_duration_seconds', 'histogram', 'Duration in seconds from kubelet seeing a pod for the first time to the pod starting to run');
  metrics.histogram({}, context.counters.podStarts);
  const operations = [...context.counters.operations];
  metrics.family('kubelet_runtime_operations_total', 'counter', 'Cumulative number of runtime operations by operation type.');
  for (const [type, { duration }] of operations) metrics.sample({ operation_type: type }, duration.count);
  metrics.family('kubelet_runtime_operations_errors_total', 'counter', 'Cumulative number of runtime operation errors by operation type.');
  for (const [type, { errors }] of operations) if (errors > 0) metrics.sample({ operation_type: type }, errors);
  metrics.family('kubelet_runtime_operations_duration_seconds', 'histogram', 'Duration in seconds of runtime operations. Broken down by operation type.');
  for (const [type, { duration }] of operations) metrics.histogram({ operation_type: type }, duration);
  const { requested, mounted, failed } = context.counters.imageVolumes;
  for (const [name, help, count] of [
    ['requested_total', 'Number of requested image volumes.', requested],
    ['mounted_succeed_total', 'Number of successful image volume mounts.', mounted],
    ['mounted_errors_total', 'Number of failed image volume mounts.', failed],
  ] as const) {
    metrics.family(`kubelet_image_volume_${name}`, 'counter', help);
    metrics.sample({}, count);
  }
  claimMetrics(metrics, claims);
  return metrics.text();
}

/** `/metrics/probes` (pkg/kubelet/prober/prober_manager.go). */
export function probeMetrics(context: KubeletContext, workers: PodWorker[]): string {
  const metrics = new Exposition();
  metrics.family('prober_probe_total', 'counter', 'Cumulative number of a liveness, readiness or startup probe for a container by result.');
  for (const { pod } of workers) {
    const { name, namespace } = pod.metadata!;
    for (const { container, kind, result, count } of context.probes.counts(uidOf(pod)))
      metrics.sample({ container, namespace: namespace!, pod: name!, pod_uid: uidOf(pod), probe_type: kind[0]!.toUpperCase() + kind.slice(1), result }, count);
  }
  return metrics.text();
}
