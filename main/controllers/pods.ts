import type { Pod, PodCondition } from '../api/index.ts';
import type { Informer } from '../client/index.ts';
import { controllerOf } from '../api/meta.ts';
import { podClaimKeys } from '../api/podClaims.ts';
import { findCondition } from './conditions.ts';

export const podReadyCondition = (pod: Pod): PodCondition | undefined => findCondition(pod.status?.conditions, 'Ready');

export const isPodReady = (pod: Pod): boolean => podReadyCondition(pod)?.status === 'True';

/** Milliseconds since the epoch when the pod became ready; undefined when it is not, or nobody knows since when. */
export function podReadyTime(pod: Pod): number | undefined {
  const ready = podReadyCondition(pod);
  return ready?.status === 'True' && ready.lastTransitionTime ? Date.parse(ready.lastTransitionTime) : undefined;
}

/** Ready for at least `minReadySeconds`. */
export function isPodAvailable(pod: Pod, minReadySeconds: number, now: number): boolean {
  if (!isPodReady(pod)) return false;
  if (minReadySeconds <= 0) return true;
  const since = podReadyTime(pod);
  return since !== undefined && since + minReadySeconds * 1000 <= now;
}

/** Milliseconds until the first of these ready pods becomes available; undefined when none is going to. */
export function nextAvailability(pods: Pod[], minReadySeconds: number, now: number): number | undefined {
  if (minReadySeconds <= 0) return undefined;
  const waits = pods.map((pod) => podReadyTime(pod)).filter((since) => since !== undefined);
  const ahead = waits.map((since) => since + minReadySeconds * 1000 - now).filter((wait) => wait > 0);
  return ahead.length > 0 ? Math.min(...ahead) : undefined;
}

export function isPodFinished(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

export function isPodActive(pod: Pod): boolean {
  return !isPodFinished(pod) && !pod.metadata?.deletionTimestamp;
}

export function isPodTerminating(pod: Pod): boolean {
  return !isPodFinished(pod) && pod.metadata?.deletionTimestamp !== undefined;
}

const podController = 'controllerUID';

/** Lets `podsControlledBy` and `orphanPods` find pods without walking through all of them. */
export function addPodControllerIndex(pods: Informer<Pod>): void {
  pods.addIndex(podController, (pod) => [controllerOf(pod)?.uid ?? `orphan in ${pod.metadata?.namespace}`]);
}

export const podsControlledBy = (pods: Informer<Pod>, uid: string): Pod[] => pods.byIndex(podController, uid);

export const orphanPods = (pods: Informer<Pod>, namespace: string): Pod[] =>
  pods.byIndex(podController, `orphan in ${namespace}`);

const byClaim = 'persistentVolumeClaim';

/** Lets `podsOfClaim` find pods without walking through all of them. */
export function addPodClaimIndex(pods: Informer<Pod>): void {
  pods.addIndex(byClaim, podClaimKeys);
}

/** The pods whose volumes name the claim `namespace/name`. */
export const podsOfClaim = (pods: Informer<Pod>, key: string): Pod[] => pods.byIndex(byClaim, key);
