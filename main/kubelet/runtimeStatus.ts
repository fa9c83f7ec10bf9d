import type { Pod } from '../api/index.ts';
import type { Container, Runtime, Sandbox } from '../runtime/index.ts';
import { restartAction } from '../api/containerRestart.ts';
import { initContainersOf } from './spec.ts';

/** Annotations of the runtime's objects, as upstream names them (pkg/kubelet/kuberuntime/labels.go). */
export const annotation = {
  hash: 'io.kubernetes.container.hash',
  terminationGracePeriod: 'io.kubernetes.pod.terminationGracePeriod',
  /** The resources with which the container, or the pod as a whole, started, as JSON. */
  resources: 'dev.skiff.resources',
} as const;

/** What the runtime has of one pod (upstream: kubecontainer.PodStatus). */
export interface RuntimeStatus {
  /** Newest first. */
  sandboxes: Sandbox[];
  /** Newest first; each attempt of a name is one. */
  containers: Container[];
}

export const emptyStatus: RuntimeStatus = { sandboxes: [], containers: [] };

export async function readRuntimeStatus(runtime: Runtime, podUid: string): Promise<RuntimeStatus> {
  const [sandboxes, containers] = await Promise.all([runtime.listSandboxes({ podUid }), runtime.listContainers({ podUid })]);
  return runtimeStatusOf(sandboxes, containers);
}

export function runtimeStatusOf(sandboxes: Sandbox[], containers: Container[]): RuntimeStatus {
  return {
    sandboxes: sandboxes.sort((a, b) => b.attempt - a.attempt || b.createdAt - a.createdAt),
    containers: containers.sort((a, b) => b.attempt - a.attempt || b.createdAt - a.createdAt),
  };
}

/** The latest container of that name. */
export function latest(status: RuntimeStatus, name: string): Container | undefined {
  return status.containers.find((container) => container.name === name);
}

export function readySandbox(status: RuntimeStatus): Sandbox | undefined {
  return status.sandboxes.find((sandbox) => sandbox.state === 'ready');
}

/**
 * Whether the pod needs a new sandbox, and which attempt that would be.
 * Mirrors pkg/kubelet/kuberuntime/util/util.go (PodSandboxChanged).
 */
export function sandboxChanged(pod: Pod, status: RuntimeStatus): { changed: boolean; attempt: number; sandbox?: Sandbox } {
  const [newest] = status.sandboxes;
  if (!newest) return { changed: true, attempt: 0 };
  const ready = status.sandboxes.filter((sandbox) => sandbox.state === 'ready');
  if (ready.length > 1 || newest.state !== 'ready') return { changed: true, attempt: newest.attempt + 1, sandbox: newest };
  if (!pod.spec?.hostNetwork && !newest.ip) return { changed: true, attempt: newest.attempt + 1, sandbox: newest };
  return { changed: false, attempt: newest.attempt, sandbox: newest };
}

/** Whether a regular container has ever been made: all init containers are done then. Mirrors HasAnyRegularContainerCreated. */
export function hasRegularContainer(pod: Pod, status: RuntimeStatus): boolean {
  return (pod.spec?.containers ?? []).some((container) => {
    const state = latest(status, container.name)?.state;
    return state === 'created' || state === 'running' || state === 'exited';
  });
}

/**
 * The containers that want all of the pod's to begin anew, by the way they ended.
 * Mirrors pkg/kubelet/container/helpers.go (ShouldAllContainersRestart).
 */
export function restartSources(pod: Pod, status: RuntimeStatus): Container[] {
  return [...initContainersOf(pod), ...(pod.spec?.containers ?? [])].flatMap((container) => {
    const current = latest(status, container.name);
    return current?.state === 'exited' && restartAction(container, current.exitCode ?? 0) === 'RestartAllContainers' ? [current] : [];
  });
}

/** Whether any container has a rule that could ask for that. */
export function mayRestartAll(pod: Pod): boolean {
  return [...initContainersOf(pod), ...(pod.spec?.containers ?? [])].some(({ restartPolicyRules }) => restartPolicyRules?.some(({ action }) => action === 'RestartAllContainers'));
}
