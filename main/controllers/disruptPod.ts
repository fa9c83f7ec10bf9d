import { conditionPatch } from '../api/conditionPatch.ts';
import type { Pod } from '../api/index.ts';
import { timestamp } from '../api/meta.ts';
import { resources, type Client } from '../client/index.ts';
import { findCondition, transitionTime } from './conditions.ts';

/** Why a pod has to go. */
export interface Disruption {
  reason: string;
  message: string;
  /** Of the pod, where whoever disrupts it says which one they have seen. */
  observedGeneration?: number | undefined;
}

/**
 * Says in a pod's status why it has to go, unless it says so already, and deletes it. `now`: milliseconds since the epoch.
 * Rejects with a NotFound error when it is gone. Mirrors addConditionAndDeletePod of pkg/controller/tainteviction.
 */
export async function disruptPod(client: Client, pod: Pod, disruption: Disruption, now: number): Promise<void> {
  const { namespace, name, uid } = pod.metadata!;
  const old = findCondition(pod.status?.conditions, 'DisruptionTarget');
  const pods = client.of(resources.pods);
  if (old?.status !== 'True' || old.reason !== disruption.reason || old.message !== disruption.message) {
    const lastTransitionTime = transitionTime(old, 'True', timestamp(now));
    const status = conditionPatch(pod, { type: 'DisruptionTarget', status: 'True', ...disruption, lastTransitionTime });
    await pods.patch(namespace!, name!, 'strategic', { metadata: { uid }, status }, { subresource: 'status' });
  }
  await pods.delete(namespace!, name!, { preconditions: { uid } });
}
