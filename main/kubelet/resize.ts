import type { Pod, ResourceRequirements } from '../api/index.ts';
import { parseQuantity } from '../api/quantity.ts';
import type { ContainerResources } from '../runtime/index.ts';
import type { KubeletContext } from './context.ts';
import type { ContainerToUpdate, PodActions, PodToUpdate } from './podActions.ts';
import { cgroupResources } from './qos.ts';
import type { RuntimeStatus } from './runtimeStatus.ts';
import type { AnyContainer } from './spec.ts';
import { messageOf } from './volumes/errors.ts';

/** What counts of a container's resources while it runs: milli-CPUs and bytes, 0 for none. */
export interface EffectiveResources {
  cpuRequest: number;
  cpuLimit: number;
  memoryRequest: number;
  memoryLimit: number;
}

/** What the containers that run were given when they started, or since. */
export interface ActuatedResources {
  container: ResourceRequirements;
  /** Those of the pod as a whole. */
  pod?: ResourceRequirements;
}

/** What a container has that is started, or updated, as the pod says. */
export function actuatedBy(pod: Pod, container: AnyContainer): ActuatedResources {
  return { container: container.resources ?? {}, ...(pod.spec?.resources ? { pod: pod.spec.resources } : {}) };
}

/** A container without limits of its own has those of its pod. */
export function effectiveResources({ container, pod }: ActuatedResources): EffectiveResources {
  const of = (name: 'cpu' | 'memory', text: string | undefined) => (text === undefined ? 0 : name === 'cpu' ? parseQuantity(text).milliValue() : parseQuantity(text).value());
  return {
    cpuRequest: of('cpu', container.requests?.cpu),
    cpuLimit: of('cpu', container.limits?.cpu ?? pod?.limits?.cpu),
    memoryRequest: of('memory', container.requests?.memory),
    memoryLimit: of('memory', container.limits?.memory ?? pod?.limits?.memory),
  };
}

/**
 * What has to be done to a running container for it to have what its pod was given.
 * Mirrors pkg/kubelet/kuberuntime/kuberuntime_manager.go (computePodResizeAction).
 */
export function resizeAction(pod: Pod, container: AnyContainer, actuated: ActuatedResources): 'none' | 'update' | 'restart' {
  const wanted = effectiveResources(actuatedBy(pod, container));
  const current = effectiveResources(actuated);
  const changed = (name: 'cpu' | 'memory') => wanted[`${name}Request`] !== current[`${name}Request`] || wanted[`${name}Limit`] !== current[`${name}Limit`];
  const names = (['cpu', 'memory'] as const).filter(changed);
  if (names.length === 0) return 'none';
  const restarts = names.some((name) => container.resizePolicy?.some((policy) => policy.resourceName === name && policy.restartPolicy === 'RestartContainer'));
  return restarts ? 'restart' : 'update';
}

/** Whether a pod with the one may use just what a pod with the other may. */
export const samePodResources = (a: ContainerResources, b: ContainerResources) =>
  a.cpuShares === b.cpuShares && a.cpuQuota === b.cpuQuota && a.memoryLimit === b.memoryLimit;

const unlimited = (amount: number | undefined) => amount ?? Infinity;

/** Of each the larger: what a pod needs while its containers go from the one to the other. */
function largerOf(a: ContainerResources, b: ContainerResources): ContainerResources {
  const larger = (name: 'cpuQuota' | 'memoryLimit') => (unlimited(a[name]) > unlimited(b[name]) ? a : b)[name];
  const [cpuQuota, memoryLimit] = [larger('cpuQuota'), larger('memoryLimit')];
  return {
    cpuShares: Math.max(a.cpuShares ?? 0, b.cpuShares ?? 0),
    ...(cpuQuota === undefined ? {} : { cpuQuota, cpuPeriod: a.cpuPeriod ?? b.cpuPeriod }),
    ...(memoryLimit === undefined ? {} : { memoryLimit }),
  };
}

export interface ResizeEvents {
  onUpdated(id: string, actuated: ActuatedResources): void;
  onPodUpdated(sandboxId: string, actuated: ContainerResources): void;
}

/**
 * Gives a running pod and its containers their new resources: a pod that gets more before its containers, one that gets less
 * after them. Rejects with what the condition of the resize says. Mirrors doPodResizeAction and validateMemoryResizeAction.
 */
export async function updateResources(context: KubeletContext, pod: Pod, { containersToUpdate, podToUpdate }: Pick<PodActions, 'containersToUpdate' | 'podToUpdate'>, status: RuntimeStatus, events: ResizeEvents): Promise<void> {
  const less = containersToUpdate.filter((update) => getsLess(pod, update));
  const wanted = (update: ContainerToUpdate) => effectiveResources(actuatedBy(pod, update.container)).memoryLimit;
  const podLess = podToUpdate && unlimited(podToUpdate.wanted.memoryLimit) < unlimited(podToUpdate.actuated.memoryLimit) ? podToUpdate.wanted.memoryLimit : undefined;
  await refuseBelowUsage(context, less.map((update) => ({ id: update.id, name: update.container.name, limit: wanted(update) })), podLess, status);
  const setPod = async ({ sandboxId, actuated }: PodToUpdate, resources: ContainerResources) => {
    if (samePodResources(actuated, resources)) return;
    await context.runtime.updateSandboxResources(sandboxId, resources);
    events.onPodUpdated(sandboxId, resources);
  };
  const between = podToUpdate && largerOf(podToUpdate.actuated, podToUpdate.wanted);
  if (podToUpdate) await setPod(podToUpdate, between!);
  await updateContainers(context, pod, containersToUpdate, less, events);
  if (podToUpdate) await setPod({ ...podToUpdate, actuated: between! }, podToUpdate.wanted);
}

function getsLess(pod: Pod, { container, actuated }: ContainerToUpdate): boolean {
  const limit = effectiveResources(actuatedBy(pod, container)).memoryLimit;
  const current = effectiveResources(actuated).memoryLimit;
  return limit > 0 && (current === 0 || limit < current);
}

/** Those that get less first. */
async function updateContainers(context: KubeletContext, pod: Pod, updates: ContainerToUpdate[], less: ContainerToUpdate[], { onUpdated }: ResizeEvents): Promise<void> {
  for (const update of [...updates].sort((a, b) => Number(less.includes(b)) - Number(less.includes(a)))) {
    await context.runtime.updateResources(update.id, cgroupResources(pod, update.container, context.machine.memoryBytes));
    onUpdated(update.id, actuatedBy(pod, update.container));
  }
}

/** `podLimit`: of a pod that gets less. */
async function refuseBelowUsage(context: KubeletContext, limits: { id: string; name: string; limit: number }[], podLimit: number | undefined, status: RuntimeStatus): Promise<void> {
  const running = [...status.containers.filter(({ state }) => state === 'running'), ...status.sandboxes.filter(({ state }) => state === 'ready')].map(({ id }) => id);
  const measurable = limits.filter(({ id }) => running.includes(id));
  if (measurable.length === 0 && podLimit === undefined) return;
  const stats = await context.runtime.stats(podLimit === undefined ? measurable.map(({ id }) => id) : running).catch((error: unknown) => {
    throw new Error(`unable to read memory usage: ${messageOf(error)}`);
  });
  const podUsed = stats.reduce((sum, one) => sum + one.memoryUsageBytes, 0);
  const podErrors = podLimit !== undefined && podUsed >= podLimit ? [`attempting to set pod memory limit (${podLimit}) below current usage (${podUsed})`] : [];
  const errors = measurable.flatMap(({ id, name, limit }) => {
    const used = stats.find((one) => one.id === id)?.memoryUsageBytes;
    if (used === undefined) return [`missing container ${JSON.stringify(name)} memory usage`];
    return used >= limit ? [`attempting to set container ${JSON.stringify(name)} memory limit (${limit}) below current usage (${used})`] : [];
  });
  errors.unshift(...podErrors);
  if (errors.length === 0) return;
  throw new Error(`cannot decrease memory limits: ${errors.length === 1 ? errors[0] : `[${errors.join(', ')}]`}`);
}
