import type { Pod, ResourceRequirements } from '../api/index.ts';
import { parseQuantity } from '../api/quantity.ts';
import type { Container } from '../runtime/index.ts';
import type { KubeletContext } from './context.ts';
import type { ContainerToUpdate } from './podActions.ts';
import { cgroupResources } from './qos.ts';
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

/**
 * Gives running containers their new resources: those that get less first. `onUpdated` hears of each. Rejects with what
 * the condition of the resize says. Mirrors doPodResizeAction and validateMemoryResizeAction.
 */
export async function updateContainers(context: KubeletContext, pod: Pod, updates: ContainerToUpdate[], running: Container[], onUpdated: (id: string, actuated: ActuatedResources) => void): Promise<void> {
  const wanted = ({ container }: ContainerToUpdate) => effectiveResources(actuatedBy(pod, container));
  const less = updates.filter((update) => {
    const limit = wanted(update).memoryLimit;
    const current = effectiveResources(update.actuated).memoryLimit;
    return limit > 0 && (current === 0 || limit < current);
  });
  await refuseBelowUsage(context, less.map((update) => ({ id: update.id, name: update.container.name, limit: wanted(update).memoryLimit })), running);
  for (const update of [...updates].sort((a, b) => Number(less.includes(b)) - Number(less.includes(a)))) {
    await context.runtime.updateResources(update.id, cgroupResources(pod, update.container, context.machine.memoryBytes));
    onUpdated(update.id, actuatedBy(pod, update.container));
  }
}

async function refuseBelowUsage(context: KubeletContext, limits: { id: string; name: string; limit: number }[], running: Container[]): Promise<void> {
  const measurable = limits.filter(({ id }) => running.some((container) => container.id === id));
  if (measurable.length === 0) return;
  const stats = await context.runtime.stats(measurable.map(({ id }) => id)).catch((error: unknown) => {
    throw new Error(`unable to read memory usage: ${messageOf(error)}`);
  });
  const errors = measurable.flatMap(({ id, name, limit }) => {
    const used = stats.find((one) => one.id === id)?.memoryUsageBytes;
    if (used === undefined) return [`missing container ${JSON.stringify(name)} memory usage`];
    return used >= limit ? [`attempting to set container ${JSON.stringify(name)} memory limit (${limit}) below current usage (${used})`] : [];
  });
  if (errors.length === 0) return;
  throw new Error(`cannot decrease memory limits: ${errors.length === 1 ? errors[0] : `[${errors.join(', ')}]`}`);
}
