import type { ContainerStatus, Pod } from '../../api/index.ts';
import { findCondition } from '../conditions.ts';

const initial = 10_000;
const longest = 10 * 60_000;

/** How often a Job's pods have failed since one last succeeded. Mirrors pkg/controller/job/backoff_utils.go. */
export interface BackoffRecord {
  failures: number;
  /** Milliseconds since the epoch. */
  lastFailure: number;
}

export function nextBackoff(current: BackoffRecord | undefined, succeeded: Pod[], failed: Pod[]): BackoffRecord {
  const before = current ?? { failures: 0, lastFailure: 0 };
  const failures = failed.map(finishedAt);
  if (succeeded.length === 0) {
    if (failures.length === 0) return before;
    return { failures: before.failures + failures.length, lastFailure: Math.max(...failures) };
  }
  const lastSuccess = Math.max(...succeeded.map(finishedAt));
  const later = failures.filter((at) => at > lastSuccess);
  return { failures: later.length, lastFailure: Math.max(0, ...later) };
}

/** Milliseconds until the next pod may be made. */
export function remainingBackoff({ failures, lastFailure }: BackoffRecord, now: number): number {
  if (failures === 0) return 0;
  const wait = Math.min(initial * 2 ** (failures - 1), longest);
  return Math.max(0, lastFailure + wait - now);
}

/** When the pod ended, as well as anybody knows, in milliseconds since the epoch. */
export function finishedAt(pod: Pod): number {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, creationTimestamp } = pod.metadata!;
  const ended = containersEnded(pod);
  if (ended !== undefined) return ended;
  const ready = findCondition(pod.status?.conditions, 'Ready');
  if (ready?.status === 'False' && ready.lastTransitionTime) return Date.parse(ready.lastTransitionTime);
  if (deletionTimestamp) return Date.parse(deletionTimestamp) - deletionGracePeriodSeconds * 1000;
  return Date.parse(creationTimestamp!);
}

function containersEnded(pod: Pod): number | undefined {
  const sidecars = new Set(
    pod.spec?.initContainers?.filter((c) => c.restartPolicy === 'Always').map((c) => c.name) ?? [],
  );
  const statuses: ContainerStatus[] = [
    ...(pod.status?.containerStatuses ?? []),
    ...(pod.status?.initContainerStatuses?.filter((status) => sidecars.has(status.name)) ?? []),
  ];
  const ends = statuses.map((status) => status.state?.terminated?.finishedAt);
  if (ends.length === 0 || ends.some((at) => !at)) return undefined;
  return Math.max(...ends.map((at) => Date.parse(at!)));
}
