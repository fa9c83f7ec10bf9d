import type { ContainerStatus, Pod, PodStatus } from '../../api/index.ts';
import { podResources } from '../../api/podAmounts.ts';
import { latest, mayRestartAll, restartSources, sandboxChanged, type RuntimeStatus } from '../runtimeStatus.ts';
import { ephemeralContainersOf, initContainersOf, isRestartableInit, isTerminalPhase } from '../spec.ts';
import { qosClassOf } from '../qos.ts';
import { allRestarting, containersReady, ownConditions, podInitialized, podReady, withTimes, type NewCondition } from './conditions.ts';
import { containerStatuses, type StatusSources } from './containerStatuses.ts';
import { phaseOf } from './phase.ts';

export interface PodStatusSources extends StatusSources {
  hostIP: string;
  /** All addresses of whoever has this one. */
  addressesOf(ip: string): string[];
  /** Fills in `started` and `ready` from what probes found out. */
  applyProbes(pod: Pod, status: PodStatus): void;
  /** Why the pod is to fail whatever its containers do: past its deadline, evicted. */
  failed?: { reason: string; message: string; condition?: NewCondition };
  /** Whether the pod as a whole does not have yet what it was given. */
  isBehind: boolean;
  /** How a resize goes on. */
  resizeConditions: NewCondition[];
  /** RFC 3339, for conditions that change now. */
  now: string;
}

/**
 * The status of a pod from what the runtime has of it. `old` is the last status that the kubelet made, or the API's.
 * Mirrors pkg/kubelet/kubelet_pods.go (generateAPIPodStatus).
 */
export function generatePodStatus(pod: Pod, runtime: RuntimeStatus, old: PodStatus, terminal: boolean, sources: PodStatusSources): PodStatus {
  const generation = pod.metadata?.generation;
  const initStatuses = containerStatuses(pod, runtime, old.initContainerStatuses, initContainersOf(pod), sources, true);
  const statuses = containerStatuses(pod, runtime, old.containerStatuses, pod.spec!.containers, sources, false);
  const ephemeralStatuses = containerStatuses(pod, runtime, old.ephemeralContainerStatuses, ephemeralContainersOf(pod), sources, false);
  const status: PodStatus = {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    qosClass: pod.status?.qosClass ?? qosClassOf(pod),
    startTime: old.startTime ?? pod.status?.startTime ?? sources.now,
    hostIP: sources.hostIP,
    hostIPs: listOfIPs(sources.addressesOf(sources.hostIP)),
    ...addressOf(pod, runtime, old, sources),
    containerStatuses: statuses.sort((a, b) => (a.name < b.name ? -1 : 1)),
    ...(initStatuses.length > 0 ? { initContainerStatuses: initStatuses } : {}),
    ...(ephemeralStatuses.length > 0 ? { ephemeralContainerStatuses: ephemeralStatuses } : {}),
    ...resourcesOfPod(pod),
    ...(sources.isBehind && old.resources ? { resources: old.resources } : {}),
    ...kept(pod.status),
  };

  // Where the pod stands may depend on which sidecars have started, and that on probes.
  sources.applyProbes(pod, status);
  const all = [...initStatuses, ...statuses];
  const initialized = pod.spec!.containers.some((container) => {
    const state = latest(runtime, container.name)?.state;
    return state === 'running' || state === 'exited';
  });
  status.phase = phaseOf(pod, all, terminal, initialized);
  if (!isTerminalPhase(status.phase)) {
    // No pod leaves a terminal phase again.
    if (isTerminalPhase(old.phase)) status.phase = old.phase;
    else if (isTerminalPhase(pod.status?.phase)) status.phase = pod.status!.phase;
  } else if (isTerminalPhase(pod.status?.phase)) status.phase = pod.status!.phase;
  if (status.phase === old.phase) {
    const reason = old.reason ?? pod.status?.reason;
    const message = old.message ?? pod.status?.message;
    if (reason) status.reason = reason;
    if (message) status.message = message;
  }
  if (sources.failed && !isTerminalPhase(pod.status?.phase)) {
    status.phase = 'Failed';
    status.reason = sources.failed.reason;
    status.message = sources.failed.message;
  }

  const others = (pod.status?.conditions ?? []).filter(({ type }) => !ownConditions.has(type) && type !== sources.failed?.condition?.type);
  const before = [...(old.conditions ?? []), ...(pod.status?.conditions ?? [])];
  const own: NewCondition[] = [
    { type: 'PodReadyToStartContainers', status: sandboxChanged(pod, runtime).changed ? 'False' : 'True' },
    podInitialized(pod, all, status.phase!, before),
    podReady(pod, others, all, status.phase!),
    containersReady(pod, all, status.phase!),
    { type: 'PodScheduled', status: 'True' },
    ...(mayRestartAll(pod) ? [allRestarting(status.phase!, restartSources(pod, runtime).length > 0)] : []),
    ...(isTerminalPhase(status.phase!) ? [] : sources.resizeConditions),
    ...(sources.failed?.condition ? [sources.failed.condition] : []),
  ];
  status.conditions = [...others, ...withTimes(own, before, sources.now, generation)];
  return status;
}

const lost = { exitCode: 137, reason: 'ContainerStatusUnknown', message: 'The container could not be located when the pod was terminated' };

/**
 * The status of a pod of which nothing runs or will: what has not ended in the runtime's sight has ended all the same.
 * Mirrors status_manager.go (TerminatePod).
 */
export function terminatedStatus(pod: Pod, status: PodStatus): PodStatus {
  const end = (one: ContainerStatus): ContainerStatus => (one.state?.terminated ? one : { ...one, state: { terminated: lost } });
  const init = status.initContainerStatuses ?? [];
  // The first of them counts as begun, and so do all before one that has.
  const begun = Math.max(1, init.findLastIndex(({ state, lastState }) => !state?.waiting || lastState?.terminated) + 1);
  return {
    ...status,
    ...(hasInitialized(pod, status) ? { containerStatuses: status.containerStatuses?.map(end) } : {}),
    ...(init.length > 0 ? { initContainerStatuses: init.map((one, index) => (index < begun ? end(one) : one)) } : {}),
    ...(isTerminalPhase(status.phase) ? {} : { phase: 'Failed' }),
  };
}

function hasInitialized(pod: Pod, { containerStatuses = [], initContainerStatuses = [] }: PodStatus): boolean {
  const last = initContainersOf(pod).at(-1);
  if (!last || containerStatuses.some(({ state, lastState }) => lastState?.terminated || !state?.waiting)) return true;
  const status = initContainerStatuses.find(({ name }) => name === last.name);
  if (isRestartableInit(last)) return status?.state?.running !== undefined && status.started === true;
  return [status?.state, status?.lastState].some((state) => state?.terminated?.exitCode === 0);
}

/** A pod on the node's network has the node's address, any other that of its sandbox, also after it has stopped. */
function addressOf(pod: Pod, runtime: RuntimeStatus, old: PodStatus, { hostIP, addressesOf }: PodStatusSources): Pick<PodStatus, 'podIP' | 'podIPs'> {
  const sandbox = runtime.sandboxes[0];
  const ip = pod.spec?.hostNetwork ? hostIP : sandbox?.state === 'ready' ? sandbox.ip : old.podIP;
  return ip ? { podIP: ip, podIPs: listOfIPs(addressesOf(ip)) } : {};
}

const listOfIPs = (ips: string[]) => ips.map((ip) => ({ ip }));

/** Of all its containers together. */
function resourcesOfPod(pod: Pod): Pick<PodStatus, 'resources' | 'allocatedResources'> {
  // In the user's own units: what is less than a byte or a thousandth is not rounded away.
  const amounts = (what: 'requests' | 'limits') => Object.fromEntries(Object.entries(podResources(pod.spec!, what)).map(([name, amount]) => [name, amount.toString()]));
  const [requests, limits] = [amounts('requests'), amounts('limits')];
  const some = (list: Record<string, string>) => Object.keys(list).length > 0;
  return {
    resources: { ...(some(limits) ? { limits } : {}), ...(some(requests) ? { requests } : {}) },
    ...(some(requests) ? { allocatedResources: requests } : {}),
  };
}

/** What other components keep in a pod's status. */
function kept(status: PodStatus | undefined): PodStatus {
  const result: PodStatus = {};
  if (!status) return result;
  if (status.nominatedNodeName) result.nominatedNodeName = status.nominatedNodeName;
  if (status.resourceClaimStatuses) result.resourceClaimStatuses = status.resourceClaimStatuses;
  if (status.extendedResourceClaimStatus) result.extendedResourceClaimStatus = status.extendedResourceClaimStatus;
  return result;
}
