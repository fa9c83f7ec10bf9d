import type { ContainerState, ContainerStatus, Pod, ResourceRequirements } from '../../api/index.ts';
import { timestamp } from '../../api/meta.ts';
import type { Container } from '../../runtime/index.ts';
import { isToBeStarted } from '../podActions.ts';
import { hasRegularContainer, latest, type RuntimeStatus } from '../runtimeStatus.ts';
import type { ActuatedResources } from '../resize.ts';
import { ephemeralContainersOf, isRestartableInit, type AnyContainer } from '../spec.ts';

/** Why the last try to start a container failed: what its status says while it waits (upstream: reason_cache.go). */
export interface StartFailure {
  /** `CrashLoopBackOff`, `ErrImagePull`, `CreateContainerConfigError` … */
  reason: string;
  message: string;
}

export interface StatusSources {
  /** `docker`: goes before the ids of containers. */
  runtimeName: string;
  failureOf(container: string): StartFailure | undefined;
  /** All containers were taken away to begin anew. */
  restartingAll: boolean;
  /** What containers have said as they ended, by id. */
  terminationMessageOf(container: Container): string | undefined;
  /** What a running container was given; undefined: not known. */
  actuatedOf(container: Container): ActuatedResources | undefined;
  /** Whether the runtime can make all that lies below a mount read-only. */
  recursiveReadOnly: boolean;
  /** The image's digest, or its id. */
  imageIdOf(container: Container): string;
}

/** Mirrors pkg/kubelet/kubelet_pods.go (convertToAPIContainerStatuses), one of the pod's three lists of containers. */
export function containerStatuses(
  pod: Pod,
  runtime: RuntimeStatus,
  previous: ContainerStatus[] | undefined,
  containers: AnyContainer[],
  sources: StatusSources,
  isInit: boolean,
): ContainerStatus[] {
  const waitingReason = (pod.spec?.initContainers?.length ?? 0) > 0 ? 'PodInitializing' : 'ContainerCreating';
  return containers.map((container) => {
    const old = previous?.find((status) => status.name === container.name);
    const seen = runtime.containers.filter((c) => c.name === container.name);
    const status = seen.length > 0 ? convert(pod, container, seen, old, sources) : missing(pod, container, old, waitingReason, sources);
    return waitingWhenToBeStarted(pod, runtime, container, status, sources, isInit);
  });
}

/** The newest container is the state, the one before it the last state. */
function convert(pod: Pod, container: AnyContainer, seen: Container[], old: ContainerStatus | undefined, sources: StatusSources): ContainerStatus {
  const [current, before] = seen;
  const status = convertOne(container, current!, old, sources);
  // The runtime removes dead containers by and by: what was known of the last one stays known.
  if (before) status.lastState = convertOne(container, before, undefined, sources).state;
  else if (old?.containerID && old.containerID !== status.containerID && old.state?.terminated) status.lastState = { terminated: old.state.terminated };
  else if (old?.lastState?.terminated) status.lastState = old.lastState;
  if (old?.containerID === status.containerID && old?.restartCount && old.restartCount > status.restartCount) status.restartCount = old.restartCount;
  if (current!.state === 'running' && old?.started !== undefined && old.containerID === status.containerID) status.started = old.started;
  if (!ephemeralContainersOf(pod).includes(container)) {
    status.resources = resourcesNow(container, current!, sources);
    if (container.resources?.requests) status.allocatedResources = container.resources.requests;
  }
  return status;
}

/** CPU and memory as the container has them, of everything else what was given. Mirrors convertContainerStatusResources. */
function resourcesNow(container: AnyContainer, runtime: Container, sources: StatusSources): ResourceRequirements {
  const allocated = container.resources ?? {};
  const actuated = runtime.state === 'running' ? sources.actuatedOf(runtime)?.container : undefined;
  if (!actuated) return allocated;
  const now = (list: 'requests' | 'limits') => {
    const given = allocated[list];
    if (!given) return undefined;
    const result = { ...given };
    for (const name of ['cpu', 'memory']) {
      const value = actuated[list]?.[name];
      if (value !== undefined) result[name] = value;
      else delete result[name];
    }
    return result;
  };
  const [requests, limits] = [now('requests'), now('limits')];
  return { ...(limits ? { limits } : {}), ...(requests ? { requests } : {}) };
}

function convertOne(container: AnyContainer, runtime: Container, old: ContainerStatus | undefined, sources: StatusSources): ContainerStatus {
  const containerID = `${sources.runtimeName}://${runtime.id}`;
  return {
    name: container.name,
    image: runtime.image,
    imageID: sources.imageIdOf(runtime),
    containerID,
    restartCount: runtime.attempt,
    ready: false,
    started: false,
    state: stateOf(runtime, containerID, old, sources),
    lastState: {},
    ...(runtime.user ? { user: { linux: runtime.user } } : {}),
    ...mounts(container, sources),
  };
}

function stateOf(runtime: Container, containerID: string, old: ContainerStatus | undefined, sources: StatusSources): ContainerState {
  switch (runtime.state) {
    case 'running':
      return { running: { startedAt: timestamp(runtime.startedAt ?? runtime.createdAt) } };
    case 'exited': {
      const message = [runtime.message, sources.terminationMessageOf(runtime)].filter(Boolean).join(': ');
      return {
        terminated: {
          exitCode: runtime.exitCode ?? 0,
          ...(runtime.reason ? { reason: runtime.reason } : {}),
          ...(message ? { message } : {}),
          // One that never ran began at the epoch, as runtimes tell a kubelet.
          startedAt: timestamp(runtime.startedAt ?? 0),
          ...(runtime.finishedAt === undefined ? {} : { finishedAt: timestamp(runtime.finishedAt) }),
          containerID,
        },
      };
    }
    case 'created':
      return { waiting: {} };
    default:
      return old?.state?.running
        ? {
            terminated: {
              exitCode: 137,
              reason: 'ContainerStatusUnknown',
              message: 'The container could not be located when the pod was terminated',
            },
          }
        : { waiting: {} };
  }
}

/** The runtime has no such container: it has not begun, or what it left was lost. */
function missing(pod: Pod, container: AnyContainer, old: ContainerStatus | undefined, waitingReason: string, sources: StatusSources): ContainerStatus {
  if (sources.restartingAll && old && !old.state?.waiting) return takenAway(old);
  if (old?.state?.terminated) return { ...old };
  const status: ContainerStatus = {
    name: container.name,
    image: container.image ?? '',
    imageID: '',
    ready: false,
    started: false,
    restartCount: old?.restartCount ?? 0,
    state: { waiting: { reason: waitingReason } },
    lastState: old?.lastState ?? {},
    ...mounts(container, sources),
  };
  if (old?.state?.running && !status.lastState?.terminated) {
    // It ran, so the pod must not seem pending again.
    status.lastState = {
      terminated: {
        exitCode: 137,
        reason: 'ContainerStatusUnknown',
        message: 'The container could not be located when the pod was deleted.  The container used to be Running',
      },
    };
    if (!pod.metadata?.deletionTimestamp) status.restartCount++;
  }
  return status;
}

function takenAway(old: ContainerStatus): ContainerStatus {
  const why = { reason: 'RestartingAllContainers', message: 'The container is removed because RestartAllContainers in place' };
  return {
    ...old,
    ready: false,
    started: false,
    restartCount: old.restartCount + 1,
    state: { waiting: why },
    lastState: { terminated: { ...why, exitCode: 137 } },
  };
}

function waitingWhenToBeStarted(
  pod: Pod,
  runtime: RuntimeStatus,
  container: AnyContainer,
  status: ContainerStatus,
  sources: StatusSources,
  isInit: boolean,
): ContainerStatus {
  const current = latest(runtime, container.name);
  if (isInit) {
    if (current?.state === 'exited' && current.exitCode === 0) return status;
    if (!current && !isRestartableInit(container) && status.state?.waiting && hasRegularContainer(pod, runtime))
      return {
        ...status,
        state: {
          terminated: {
            exitCode: 0,
            reason: 'Completed',
            message: 'Unable to get init container status from container runtime and pod has been initialized, treat it as exited normally',
          },
        },
      };
  }
  if (!isToBeStarted(pod, container, runtime)) return status;
  const failure = sources.failureOf(container.name);
  if (!failure) return status;
  return {
    ...status,
    ...(status.state?.terminated ? { lastState: status.state } : {}),
    state: { waiting: { reason: failure.reason, ...(failure.message ? { message: failure.message } : {}) } },
  };
}

function mounts(container: AnyContainer, { recursiveReadOnly: supported }: StatusSources): Pick<ContainerStatus, 'volumeMounts'> {
  if (!container.volumeMounts?.length) return {};
  return {
    volumeMounts: container.volumeMounts.map(({ name, mountPath, readOnly, recursiveReadOnly = 'Disabled' }) => ({
      name,
      mountPath,
      ...(readOnly ? { readOnly, recursiveReadOnly: recursiveReadOnly === 'IfPossible' ? (supported ? 'Enabled' : 'Disabled') : recursiveReadOnly } : {}),
    })),
  };
}
