import { conditionPatch } from '../api/conditionPatch.ts';
import type { Pod } from '../api/index.ts';
import { timestamp } from '../api/meta.ts';
import type { Client } from './client.ts';
import { resources } from './resources.ts';

/** Why a pod has to go. */
export interface Disruption {
  reason: string;
  message: string;
  /** Of the pod, where whoever disrupts it says which one they have seen. */
  observedGeneration?: number | undefined;
}

/**
 * What a strategic merge patch of the pod's status says of it; undefined: the pod says so already. A pod that has had to go before, for
 * another reason, has had to since then. `now`: milliseconds since the epoch. Mirrors pkg/api/v1/pod (UpdatePodCondition).
 */
export function disruptionPatch(pod: Pod, disruption: Disruption, now: number): ReturnType<typeof conditionPatch> | undefined {
  const type = 'DisruptionTarget';
  const found = pod.status?.conditions?.find((condition) => condition.type === type);
  const old = found?.status === 'True' ? found : undefined;
  if (old?.reason === disruption.reason && old.message === disruption.message) return undefined;
  return conditionPatch(pod, { type, status: 'True', ...disruption, lastTransitionTime: old?.lastTransitionTime ?? timestamp(now) });
}

/**
 * Says in a pod's status why it has to go, unless it says so already, and deletes it. `now`: milliseconds since the epoch. Rejects with
 * a NotFound error when it is gone. Mirrors addConditionAndDeletePod of pkg/controller/tainteviction and what preemption does to its
 * victims (pkg/scheduler/framework/preemption/executor.go).
 */
export async function disruptPod(client: Client, pod: Pod, disruption: Disruption, now: number): Promise<void> {
  const { namespace, name, uid } = pod.metadata!;
  const pods = client.of(resources.pods);
  const status = disruptionPatch(pod, disruption, now);
  if (status) await pods.patch(namespace!, name!, 'strategic', { metadata: { uid }, status }, { subresource: 'status' });
  await pods.delete(namespace!, name!, { preconditions: { uid } });
}
