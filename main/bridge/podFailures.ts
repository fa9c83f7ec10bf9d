import type { ContainerStatus, Pod } from '../api/index.ts';

/** Why a pod failed, in the words that Kubernetes uses. */
export interface PodFailure {
  namespace: string;
  pod: string;
  /** Empty for what concerns the whole pod. */
  container: string;
  /** `CrashLoopBackOff`, `ImagePullBackOff`, `OOMKilled`, `Error`, `Unschedulable`, `Evicted` … */
  reason: string;
  /** One sentence, as the cluster says it. */
  message: string;
}

/** Waiting reasons that do not heal by waiting a moment. */
const waitingFailures = new Set([
  'CrashLoopBackOff',
  'ImagePullBackOff',
  'ErrImagePull',
  'ErrImageNeverPull',
  'InvalidImageName',
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
]);

/** Reasons of which one is the aftermath of the other: a person hears of the cause once. */
const family: Record<string, string> = {
  ErrImagePull: 'ImagePullBackOff',
  CrashLoopBackOff: 'Crash',
  Error: 'Crash',
  OOMKilled: 'Crash',
};

/** What is wrong with a pod now; empty for a healthy one and for one that is being deleted. */
export function podFailures(pod: Pod): PodFailure[] {
  if (pod.metadata?.deletionTimestamp) return [];
  const failures: PodFailure[] = [];
  const add = (container: string, reason: string, message: string) =>
    failures.push({ namespace: pod.metadata?.namespace ?? '', pod: pod.metadata?.name ?? '', container, reason, message });
  const scheduled = pod.status?.conditions?.find((c) => c.type === 'PodScheduled');
  if (scheduled?.status === 'False' && scheduled.reason === 'Unschedulable') add('', 'Unschedulable', scheduled.message ?? '');
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  for (const status of statuses) {
    const failure = containerFailure(status);
    if (failure) add(status.name, failure.reason, failure.message);
  }
  if (pod.status?.phase === 'Failed' && failures.length === 0) add('', pod.status.reason ?? 'Failed', pod.status.message ?? '');
  return failures;
}

function containerFailure(status: ContainerStatus): { reason: string; message: string } | undefined {
  const { waiting, terminated } = status.state ?? {};
  const last = terminated ?? status.lastState?.terminated;
  if (waiting?.reason && waitingFailures.has(waiting.reason)) {
    // The back-off is only the aftermath: what ended the container says more.
    if (waiting.reason === 'CrashLoopBackOff' && last?.reason === 'OOMKilled') return { reason: 'OOMKilled', message: `exit code ${last.exitCode}` };
    if (waiting.reason === 'CrashLoopBackOff' && last) return { reason: 'CrashLoopBackOff', message: `exit code ${last.exitCode}${last.message ? `: ${last.message}` : ''}` };
    return { reason: waiting.reason, message: waiting.message ?? '' };
  }
  if (terminated && terminated.exitCode !== 0) return { reason: terminated.reason ?? 'Error', message: `exit code ${terminated.exitCode}${terminated.message ? `: ${terminated.message}` : ''}` };
  return undefined;
}

/** Tells of each cause once, however often a container restarts, and again only after the pod has been well. */
export class FailureLedger {
  readonly #told = new Map<string, Set<string>>();

  /** The failures of this pod that have not been told yet. */
  news(pod: Pod): PodFailure[] {
    const key = pod.metadata?.uid ?? '';
    const failures = podFailures(pod);
    const told = this.#told.get(key) ?? new Set<string>();
    if (failures.length === 0) {
      // Running between two crashes is not being well; ready is.
      if (pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True')) this.#told.delete(key);
      return [];
    }
    const fresh = failures.filter((f) => !told.has(cause(f)));
    for (const failure of failures) told.add(cause(failure));
    this.#told.set(key, told);
    return fresh;
  }

  forget(pod: Pod): void {
    this.#told.delete(pod.metadata?.uid ?? '');
  }
}

const cause = (failure: PodFailure) => `${failure.container}/${family[failure.reason] ?? failure.reason}`;
