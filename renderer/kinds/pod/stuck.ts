import type { Pod } from '../../../main/api/index.ts';
import { conditionOf } from './warnings.ts';

/** Milliseconds after which something is in the way of a pod that is to end, to be looked at by its scheduler, to get its volumes and network, or to become ready. */
const patience = { end: 60_000, look: 60_000, setUp: 2 * 60_000, ready: 5 * 60_000 };

/** Of a pod that is on its way and does not get there, the words of its own state, which may be none; undefined where it may still be a matter of time. */
export function stuckOf(pod: Pod, now: number): string | undefined {
  const { metadata, status } = pod;
  // It is the time at which the pod should have ended.
  if (metadata?.deletionTimestamp) return now - Date.parse(metadata.deletionTimestamp) > patience.end ? (metadata.finalizers?.length ? `finalizers: ${metadata.finalizers.join(', ')}` : '') : undefined;
  if (!pod.spec?.nodeName) return !conditionOf(pod, 'PodScheduled') && now - Date.parse(metadata?.creationTimestamp ?? '') > patience.look ? `schedulerName: ${pod.spec?.schedulerName ?? ''}` : undefined;
  const [type, longest] = status?.phase === 'Running' ? (['Ready', patience.ready] as const) : (['PodReadyToStartContainers', patience.setUp] as const);
  const condition = conditionOf(pod, type);
  if (condition?.status !== 'False' || !(now - Date.parse(condition.lastTransitionTime ?? '') > longest)) return undefined;
  return type === 'Ready' && endsInPart(pod) ? undefined : (condition.message ?? '');
}

/** Whether it is not ready just because some of its programs have ended with success and need not run again, as those of a Job. */
function endsInPart({ status }: Pod): boolean {
  const unready = (status?.containerStatuses ?? []).filter(({ ready }) => !ready);
  return unready.length > 0 && unready.every(({ state }) => state?.terminated?.exitCode === 0);
}
