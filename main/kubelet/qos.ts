import type { Pod } from '../api/index.ts';
import { podLimits, podRequests } from '../api/podResources.ts';
import { qosClass } from '../api/qos.ts';
import { parseQuantity } from '../api/quantity.ts';
import type { ContainerResources } from '../runtime/index.ts';
import { initContainersOf, isCritical, isRestartableInit, type AnyContainer } from './spec.ts';

export type QOSClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

export const qosClassOf = (pod: Pod) => qosClass(pod.spec!) as QOSClass;

const minShares = 2;
const maxShares = 262_144;
const periodMicroseconds = 100_000;
const minQuota = 1000;

/** Mirrors pkg/kubelet/kuberuntime/kuberuntime_container_linux.go (calculateLinuxResources). */
export function cgroupResources(pod: Pod, container: AnyContainer, memoryCapacity: number): ContainerResources {
  const { requests, limits } = container.resources ?? {};
  const cpuLimit = limits?.cpu ?? pod.spec?.resources?.limits?.cpu;
  const cpuRequest = requests?.cpu ?? cpuLimit;
  const memoryLimit = limits?.memory ?? pod.spec?.resources?.limits?.memory;
  const resources: ContainerResources = {
    cpuShares: sharesOf(cpuRequest ? parseQuantity(cpuRequest).milliValue() : 0),
    ...quotaOf(cpuLimit ? parseQuantity(cpuLimit).milliValue() : 0),
    oomScoreAdj: oomScoreAdjust(pod, container, memoryCapacity),
  };
  const bytes = memoryLimit ? parseQuantity(memoryLimit).value() : 0;
  if (bytes > 0) resources.memoryLimit = bytes;
  return resources;
}

/**
 * What all containers of a pod with resources of its own may use together; undefined: what each may is all there is to it.
 * Mirrors pkg/kubelet/cm/helpers_linux.go (ResourceConfigForPod).
 */
export function podCgroupResources(pod: Pod): ContainerResources | undefined {
  const whole = pod.spec?.resources;
  if (![whole?.requests, whole?.limits].some((list) => list?.cpu !== undefined || list?.memory !== undefined)) return undefined;
  const limits = podLimits(pod);
  const isLimited = (name: 'cpu' | 'memory') => whole?.limits?.[name] !== undefined || [...pod.spec!.containers, ...initContainersOf(pod)].every(({ resources }) => resources?.limits?.[name] !== undefined);
  return {
    cpuShares: sharesOf(podRequests(pod).milliCpu),
    ...(isLimited('cpu') ? quotaOf(limits.milliCpu) : {}),
    ...(isLimited('memory') && limits.memory > 0 ? { memoryLimit: limits.memory } : {}),
  };
}

/**
 * Whether a pod's containers stay within what they may use together just because of what each of them may: one that runs alone
 * has the limits of its pod, several have limits of their own that come to no more.
 */
export function isHeldByContainers(pod: Pod): boolean {
  const { resources, ...own } = pod.spec!;
  const together = [...own.containers, ...initContainersOf(pod).filter(isRestartableInit)];
  if (together.length === 1) return true;
  const [whole, sum] = [podLimits(pod), podLimits({ ...pod, spec: own })];
  const isHeld = (name: 'cpu' | 'memory', amount: 'milliCpu' | 'memory') =>
    resources?.limits?.[name] === undefined || (sum[amount] <= whole[amount] && together.every((container) => container.resources?.limits?.[name] !== undefined));
  return isHeld('cpu', 'milliCpu') && isHeld('memory', 'memory');
}

const sharesOf = (milliCpu: number) => Math.min(maxShares, Math.max(minShares, Math.floor((milliCpu * 1024) / 1000)));

function quotaOf(milliCpu: number): ContainerResources {
  if (milliCpu <= 0) return {};
  return { cpuQuota: Math.max(minQuota, Math.floor((milliCpu * periodMicroseconds) / 1000)), cpuPeriod: periodMicroseconds };
}

const guaranteedScore = -997;
const bestEffortScore = 1000;
const nodeCriticalClass = 'system-node-critical';

/** Mirrors pkg/kubelet/qos/policy.go (GetContainerOOMScoreAdjust). */
export function oomScoreAdjust(pod: Pod, container: AnyContainer, memoryCapacity: number): number {
  // What only the cluster cannot do without has no such privilege.
  if (isCritical(pod) && pod.spec?.priorityClassName === nodeCriticalClass) return guaranteedScore;
  switch (qosClassOf(pod)) {
    case 'Guaranteed':
      return guaranteedScore;
    case 'BestEffort':
      return bestEffortScore;
  }
  const requested = (c: AnyContainer) => (c.resources?.requests?.memory ? parseQuantity(c.resources.requests.memory).value() : 0);
  const scoreOf = (bytes: number) => 1000 - Math.floor((1000 * bytes) / memoryCapacity);
  // What the pod as a whole asks for beyond its containers is shared among them.
  const share = sharedRequest(pod, requested);
  let score = scoreOf(requested(container) + share);
  if (isRestartableInit(container) && initContainersOf(pod).includes(container))
    score = Math.min(score, scoreOf(Math.min(...pod.spec!.containers.map(requested)) + share));
  if (score < 1000 + guaranteedScore) return 1000 + guaranteedScore;
  return score === bestEffortScore ? score - 1 : score;
}

/** Bytes. Mirrors remainingPodMemReqPerContainer. */
function sharedRequest(pod: Pod, requested: (container: AnyContainer) => number): number {
  const whole = pod.spec?.resources?.requests?.memory;
  if (whole === undefined) return 0;
  const containers = [...pod.spec!.containers, ...initContainersOf(pod).filter(isRestartableInit)];
  const left = parseQuantity(whole).value() - containers.reduce((sum, container) => sum + requested(container), 0);
  return Math.floor(Math.max(0, left) / containers.length);
}
