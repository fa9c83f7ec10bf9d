import type { Pod } from '../api/index.ts';
import type { Container, ContainerResources } from '../runtime/index.ts';
import { podCgroupResources } from './qos.ts';
import { resizeAction, samePodResources, type ActuatedResources } from './resize.ts';
import { annotation, hasRegularContainer, latest, sandboxChanged, type RuntimeStatus } from './runtimeStatus.ts';
import { shouldRestart } from '../api/containerRestart.ts';
import { ephemeralContainersOf, hashOf, initContainersOf, isRestartableInit, type AnyContainer } from './spec.ts';

export type KillReason = 'StartupProbe' | 'LivenessProbe' | 'FailedPostStartHook' | 'Unknown' | '';

export interface ContainerToKill {
  container: AnyContainer;
  id: string;
  /** For the Killing event. */
  message: string;
  reason: KillReason;
}

/** A running container that gets other resources without being started again. */
export interface ContainerToUpdate {
  container: AnyContainer;
  id: string;
  /** What it has now. */
  actuated: ActuatedResources;
}

/** What the containers of a running pod may use together is to be something else. */
export interface PodToUpdate {
  sandboxId: string;
  actuated: ContainerResources;
  wanted: ContainerResources;
}

/** What one sync has to do to a pod. Starts hold indexes into the lists of the spec. */
export interface PodActions {
  /** Stop everything of the pod, the sandbox too. */
  killPod: boolean;
  createSandbox: boolean;
  attempt: number;
  sandboxId?: string;
  initContainersToStart: number[];
  ephemeralContainersToStart: number[];
  containersToStart: number[];
  containersToKill: ContainerToKill[];
  containersToUpdate: ContainerToUpdate[];
  podToUpdate?: PodToUpdate;
}

/** What probes found out about a container so far; undefined: nothing yet. */
export type ProbeOutcome = (kind: 'liveness' | 'startup', containerId: string) => 'success' | 'failure' | undefined;

/** What a running container was given; undefined: not known. */
export type ActuatedOf = (container: Container) => ActuatedResources | undefined;

const nothing: ActuatedOf = () => undefined;

/** Mirrors pkg/kubelet/kuberuntime/kuberuntime_manager.go (computePodActions). */
export function computePodActions(pod: Pod, status: RuntimeStatus, probed: ProbeOutcome, actuatedOf: ActuatedOf = nothing, podActuated?: ContainerResources): PodActions {
  const { changed, attempt, sandbox } = sandboxChanged(pod, status);
  const actions: PodActions = {
    killPod: changed,
    createSandbox: changed,
    attempt,
    ...(sandbox ? { sandboxId: sandbox.id } : {}),
    initContainersToStart: [],
    ephemeralContainersToStart: [],
    containersToStart: [],
    containersToKill: [],
    containersToUpdate: [],
  };
  if (changed) return startFromTheBeginning(pod, status, actions);
  const wanted = podActuated && podCgroupResources(pod);
  if (wanted && !samePodResources(wanted, podActuated)) actions.podToUpdate = { sandboxId: sandbox!.id, actuated: podActuated, wanted };
  return continueWith(pod, status, probed, actuatedOf, actions);
}

function startFromTheBeginning(pod: Pod, status: RuntimeStatus, actions: PodActions): PodActions {
  const spec = pod.spec!;
  if (spec.restartPolicy === 'Never' && actions.attempt !== 0 && status.containers.some(({ state }) => state !== 'created')) {
    // It ran and is not to run again; without such containers its start never got that far and is tried again.
    actions.createSandbox = false;
    return actions;
  }
  spec.containers.forEach((container, index) => {
    const policy = container.restartPolicy ?? spec.restartPolicy;
    if (policy === 'OnFailure' && succeeded(latest(status, container.name))) return;
    actions.containersToStart.push(index);
  });
  if (actions.containersToStart.length === 0 && hasRegularContainer(pod, status)) {
    actions.createSandbox = false;
    return actions;
  }
  if (initContainersOf(pod).length > 0) {
    actions.initContainersToStart = [0];
    actions.containersToStart = [];
  }
  return actions;
}

function continueWith(pod: Pod, status: RuntimeStatus, probed: ProbeOutcome, actuatedOf: ActuatedOf, actions: PodActions): PodActions {
  ephemeralContainersOf(pod).forEach((container, index) => {
    // They are never started again.
    if (!latest(status, container.name)) actions.ephemeralContainersToStart.push(index);
  });
  const initialized = initContainerActions(pod, status, probed, actuatedOf, actions);
  if (actions.killPod || !initialized) return actions;

  let kept = 0;
  pod.spec!.containers.forEach((container, index) => {
    const current = latest(status, container.name);
    if (!current || current.state !== 'running') {
      if (!isToBeStarted(pod, container, status)) return;
      actions.containersToStart.push(index);
      if (current?.state === 'unknown') actions.containersToKill.push(inUnknownState(container, current, 'Container'));
      return;
    }
    const fault = faultOf(container, current, probed, 'Container');
    if (!fault) {
      if (resized(pod, container, current, actuatedOf, actions)) actions.containersToStart.push(index);
      else kept++;
      return;
    }
    const restart = fault.changed || (container.restartPolicy ?? pod.spec!.restartPolicy) !== 'Never';
    if (restart) actions.containersToStart.push(index);
    actions.containersToKill.push({ ...fault, message: restart ? `${fault.message}, will be restarted` : fault.message });
  });
  if (kept === 0 && actions.containersToStart.length === 0) {
    actions.killPod = true;
    // Sidecars must not keep a pod alive whose own containers are done.
    actions.initContainersToStart = [];
  }
  return actions;
}

/**
 * Mirrors pkg/kubelet/kuberuntime/kuberuntime_container.go (computeInitContainerActions): from the last init container
 * backwards to the one that began last, as those before it may have been removed already. Returns whether the pod is
 * initialized.
 */
function initContainerActions(pod: Pod, status: RuntimeStatus, probed: ProbeOutcome, actuatedOf: ActuatedOf, actions: PodActions): boolean {
  const init = initContainersOf(pod);
  if (init.length === 0) return true;
  let initialized = pod.spec!.containers.some((container) => {
    const state = latest(status, container.name)?.state;
    // An exited one may be of an earlier sandbox, before the machine restarted.
    return state === 'created' || state === 'running';
  });
  let previous = initialized;
  const start: number[] = [];
  const fail = () => {
    actions.killPod = true;
    actions.initContainersToStart = [];
    return false;
  };

  for (let index = init.length - 1; index >= 0; index--) {
    const container = init[index]!;
    const sidecar = isRestartableInit(container);
    const current = latest(status, container.name);
    if (!current) {
      if (previous && sidecar) start.push(index);
      continue;
    }
    if (previous && !sidecar) continue;
    const done = () => {
      if (index === init.length - 1) initialized = true;
      else if (!previous) start.push(index + 1);
    };
    switch (current.state) {
      case 'created':
        // It was not started in one go with its creation: the runtime failed to.
        start.push(index);
        break;
      case 'running': {
        if (!sidecar) {
          // It runs to its end whatever happens: only what it may use changes.
          resized(pod, container, current, actuatedOf, actions);
          break;
        }
        if (container.startupProbe) {
          const outcome = probed('startup', current.id);
          if (outcome === 'failure') {
            actions.containersToKill.push({
              container,
              id: current.id,
              message: `Init container ${container.name} failed startup probe`,
              reason: 'StartupProbe',
            });
            start.push(index);
          }
          if (outcome !== 'success') break;
        }
        done();
        const fault = faultOf(container, current, probed, 'Init container');
        if (!fault) {
          if (resized(pod, container, current, actuatedOf, actions)) start.push(index);
          break;
        }
        actions.containersToKill.push(fault);
        start.push(index);
        break;
      }
      case 'exited':
        if (sidecar) start.push(index);
        else if (!succeeded(current)) {
          if (!isToBeStarted(pod, container, status)) return fail();
          start.push(index);
        } else done();
        break;
      default:
        if (!sidecar && (container.restartPolicy ?? pod.spec!.restartPolicy) === 'Never') return fail();
        actions.containersToKill.push(inUnknownState(container, current, 'Init container'));
        start.push(index);
    }
    previous = true;
  }
  if (!previous) start.push(0);
  actions.initContainersToStart = start.reverse();
  return initialized;
}

/** Mirrors kubecontainer.ShouldContainerBeRestarted. */
export function isToBeStarted(pod: Pod, container: AnyContainer, status: RuntimeStatus): boolean {
  if (pod.metadata?.deletionTimestamp) return false;
  const current = latest(status, container.name);
  if (!current) return true;
  if (current.state === 'running') return false;
  if (current.state !== 'exited') return true;
  return shouldRestart(container, pod.spec!, current.exitCode ?? 0);
}

function succeeded(container: Container | undefined): boolean {
  return container?.state === 'exited' && container.exitCode === 0;
}

/** Notes what a resize does to a running container; returns whether it is to be started again for it. */
function resized(pod: Pod, container: AnyContainer, current: Container, actuatedOf: ActuatedOf, actions: PodActions): boolean {
  const actuated = actuatedOf(current);
  const action = actuated ? resizeAction(pod, container, actuated) : 'none';
  if (action === 'update') actions.containersToUpdate.push({ container, id: current.id, actuated: actuated! });
  if (action === 'restart') actions.containersToKill.push({ container, id: current.id, message: `Container ${container.name} resize requires restart`, reason: '' });
  return action === 'restart';
}

/** Why a running container has to go; undefined: it stays. */
function faultOf(
  container: AnyContainer,
  current: Container,
  probed: ProbeOutcome,
  title: string,
): (ContainerToKill & { changed: boolean }) | undefined {
  const fault = (message: string, reason: KillReason, changed = false) => ({
    container,
    id: current.id,
    message: `${title} ${container.name} ${message}`,
    reason,
    changed,
  });
  const hash = current.annotations[annotation.hash];
  if (hash !== undefined && hash !== hashOf(container)) return fault('definition changed', '', true);
  if (probed('liveness', current.id) === 'failure') return fault('failed liveness probe', 'LivenessProbe');
  if (probed('startup', current.id) === 'failure') return fault('failed startup probe', 'StartupProbe');
  return undefined;
}

function inUnknownState(container: AnyContainer, current: Container, title: string): ContainerToKill {
  return { container, id: current.id, message: `${title} is in "unknown" state, try killing it before restart`, reason: 'Unknown' };
}
