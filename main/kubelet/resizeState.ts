import type { Pod, PodCondition } from '../api/index.ts';
import type { KubeletContext } from './context.ts';
import { tell } from './context.ts';
import type { Rejection } from './admission.ts';
import { initContainersOf } from './spec.ts';
import type { NewCondition } from './status/conditions.ts';

interface Mark {
  reason?: string;
  message?: string;
  /** The generation of the pod that asked for the resize. */
  generation: number;
}

/** How a pod's resize goes on, as conditions and events. Mirrors pkg/kubelet/status/status_manager.go and pkg/kubelet/events/resize.go. */
export class ResizeState {
  #pending: Mark | undefined;
  #inProgress: Mark | undefined;

  constructor(
    private readonly context: KubeletContext,
    pod: Pod,
  ) {
    const markOf = (type: string): Mark | undefined => {
      const found = pod.status?.conditions?.find((condition: PodCondition) => condition.type === type);
      if (!found) return undefined;
      return { generation: found.observedGeneration ?? 0, ...(found.reason ? { reason: found.reason } : {}), ...(found.message ? { message: found.message } : {}) };
    };
    this.#pending = markOf('PodResizePending');
    this.#inProgress = markOf('PodResizeInProgress');
  }

  get isPending(): boolean {
    return this.#pending !== undefined;
  }

  get isInProgress(): boolean {
    return this.#inProgress !== undefined;
  }

  conditions(): NewCondition[] {
    const condition = (type: string, { reason, message, generation }: Mark): NewCondition => ({
      type,
      status: 'True',
      ...(reason ? { reason } : {}),
      ...(message ? { message } : {}),
      observedGeneration: generation,
    });
    return [
      ...(this.#pending ? [condition('PodResizePending', this.#pending)] : []),
      ...(this.#inProgress ? [condition('PodResizeInProgress', this.#inProgress)] : []),
    ];
  }

  /** The node has no room for it now, or never. */
  wait(pod: Pod, { reason: why, message }: Rejection): void {
    const reason = why === 'Infeasible' ? why : 'Deferred';
    const generation = pod.metadata?.generation ?? 0;
    const known = this.#pending?.reason === reason && this.#pending.generation === generation;
    this.#pending = { reason, message, generation };
    if (!known) tell(this.context, pod, 'Warning', `Resize${reason}`, summary(`Pod resize ${reason}`, pod, generation, message));
  }

  /** It asks for nothing else than it has. */
  settled(): void {
    this.#pending = undefined;
  }

  started(pod: Pod): void {
    const generation = pod.metadata?.generation ?? 0;
    this.#pending = undefined;
    this.#inProgress = { generation };
    tell(this.context, pod, 'Normal', 'ResizeStarted', summary('Pod resize started', pod, generation));
  }

  failed(pod: Pod, message: string): void {
    const generation = this.#inProgress?.generation ?? pod.metadata?.generation ?? 0;
    const known = this.#inProgress?.message === message;
    this.#inProgress = { reason: 'Error', message, generation };
    if (!known) tell(this.context, pod, 'Warning', 'ResizeError', summary('Pod resize error', pod, generation, message));
  }

  /** All running containers have what was given. */
  completed(pod: Pod): void {
    if (!this.#inProgress) return;
    const { generation } = this.#inProgress;
    this.#inProgress = undefined;
    tell(this.context, pod, 'Normal', 'ResizeCompleted', summary('Pod resize completed', pod, generation));
  }
}

function summary(prefix: string, pod: Pod, generation: number, error?: string): string {
  const named = ({ name, resources = {} }: { name: string; resources?: object }) => ({ name, resources });
  const init = initContainersOf(pod).map(named);
  return `${prefix}: ${JSON.stringify({
    ...(init.length > 0 ? { initContainers: init } : {}),
    containers: pod.spec!.containers.map(named),
    generation,
    ...(error ? { error } : {}),
  })}`;
}
