import type { ContainerStatus, Pod, PodCondition } from '../../api/index.ts';
import { initContainersOf, isRestartableInit, isTerminalPhase } from '../spec.ts';

/** A condition before it has times. */
export type NewCondition = Pick<PodCondition, 'type' | 'status' | 'reason' | 'message' | 'observedGeneration'>;

/** Conditions that the kubelet alone writes (pkg/kubelet/types/pod_status.go, PodConditionByKubelet). */
export const ownConditions: ReadonlySet<string> = new Set([
  'PodScheduled',
  'Ready',
  'Initialized',
  'ContainersReady',
  'PodReadyToStartContainers',
  'PodResizePending',
  'PodResizeInProgress',
  'AllContainersRestarting',
]);

const list = (names: string[]) => `[${names.join(' ')}]`;

/** Mirrors pkg/kubelet/status/generate.go (GenerateContainersReadyCondition). */
export function containersReady(pod: Pod, statuses: ContainerStatus[], phase: string): NewCondition {
  const type = 'ContainersReady';
  const unknown: string[] = [];
  const unready: string[] = [];
  for (const container of [...initContainersOf(pod).filter(isRestartableInit), ...(pod.spec?.containers ?? [])]) {
    const status = statuses.find((s) => s.name === container.name);
    if (!status) unknown.push(container.name);
    else if (!status.ready) unready.push(container.name);
  }
  if (phase === 'Succeeded' && unknown.length === 0) return { type, status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { type, status: 'False', reason: 'PodFailed' };
  const messages = [
    ...(unknown.length > 0 ? [`containers with unknown status: ${list(unknown)}`] : []),
    ...(unready.length > 0 ? [`containers with unready status: ${list(unready)}`] : []),
  ];
  if (messages.length > 0) return { type, status: 'False', reason: 'ContainersNotReady', message: messages.join(', ') };
  return { type, status: 'True' };
}

/** Mirrors GeneratePodReadyCondition: containers first, then the readiness gates in `conditions`. */
export function podReady(pod: Pod, conditions: PodCondition[], statuses: ContainerStatus[], phase: string): NewCondition {
  const containers = containersReady(pod, statuses, phase);
  if (containers.status !== 'True') return { ...containers, type: 'Ready' };
  const messages: string[] = [];
  for (const { conditionType } of pod.spec?.readinessGates ?? []) {
    const gate = conditions.find((condition) => condition.type === conditionType);
    if (!gate) messages.push(`corresponding condition of pod readiness gate "${conditionType}" does not exist.`);
    else if (gate.status !== 'True') messages.push(`the status of pod readiness gate "${conditionType}" is not "True", but ${gate.status}`);
  }
  if (messages.length > 0) return { type: 'Ready', status: 'False', reason: 'ReadinessGatesNotReady', message: messages.join(', ') };
  return { type: 'Ready', status: 'True' };
}

/** Mirrors GeneratePodInitializedCondition: who once was initialized (`old`) stays so, whatever begins anew. */
export function podInitialized(pod: Pod, statuses: ContainerStatus[], phase: string, old: PodCondition[] = []): NewCondition {
  const type = 'Initialized';
  const unknown: string[] = [];
  const incomplete: string[] = [];
  for (const container of initContainersOf(pod)) {
    const status = statuses.find((s) => s.name === container.name);
    if (!status) unknown.push(container.name);
    else if (!(isRestartableInit(container) ? status.started : status.ready)) incomplete.push(container.name);
  }
  if (phase === 'Succeeded' && unknown.length === 0) return { type, status: 'True', reason: 'PodCompleted' };
  // Once a regular container has started, restarting sidecars do not undo the initialization.
  const started = (pod.spec?.containers ?? []).some((container) => {
    const state = statuses.find((s) => s.name === container.name)?.state;
    return state?.running || state?.terminated;
  });
  if (started || old.some((condition) => condition.type === type && condition.status === 'True')) return { type, status: 'True' };
  const messages = [
    ...(unknown.length > 0 ? [`containers with unknown status: ${list(unknown)}`] : []),
    ...(incomplete.length > 0 ? [`containers with incomplete status: ${list(incomplete)}`] : []),
  ];
  if (messages.length > 0) return { type, status: 'False', reason: 'ContainersNotInitialized', message: messages.join(', ') };
  return { type, status: 'True' };
}

/** Mirrors GenerateAllContainersRestartingCondition. */
export function allRestarting(phase: string, restarting: boolean): NewCondition {
  const type = 'AllContainersRestarting';
  if (phase === 'Succeeded') return { type, status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { type, status: 'False', reason: 'PodFailed' };
  if (!restarting) return { type, status: 'False' };
  return { type, status: 'True', reason: 'RestartAllContainersStarted', message: 'container exited with restart policy rule' };
}

/** Gives conditions their times and generation: a time stays while the status does. */
export function withTimes(conditions: NewCondition[], old: PodCondition[], now: string, generation: number | undefined): PodCondition[] {
  return conditions.map((condition) => {
    const before = old.find((c) => c.type === condition.type);
    const lastTransitionTime = before?.status === condition.status ? (before.lastTransitionTime ?? now) : now;
    const observedGeneration = condition.observedGeneration ?? generation;
    return { ...condition, lastTransitionTime, ...(observedGeneration === undefined ? {} : { observedGeneration }) };
  });
}

export { isTerminalPhase };
