import type { JobStatus, Pod } from '../../api/index.ts';
import { byIndex, indexOf } from './completionIndex.ts';
import { hasLimitPerIndex, isIndexed, isPodFailed, isTracked } from './facts.ts';
import { formatIntervals, hasIndex, totalOf } from './intervals.ts';
import { matchPodFailurePolicy } from './podFailurePolicy.ts';
import type { JobSync } from './sync.ts';

/** So many uids in a status are enough: the rest is counted by the next sync. */
const maxUncounted = 500;

export interface TrackingPlan {
  /** Pods whose end will be in the status, and who may go. */
  untrack: Pod[];
  /** Whether the status is full, and pods are left to be counted. */
  full: boolean;
  /** What rules of the pod failure policy make of them. */
  handled: string[];
}

/**
 * Every pod that ends is counted exactly once, whatever is interrupted in between: first its uid is written into the
 * status, then its finalizer goes, then the uid becomes a number. This is the first step: it puts uids and indexes into
 * the status of `sync.job`. Mirrors trackJobStatusAndRemoveFinalizers of pkg/controller/job/job_controller.go.
 */
export function planTracking(sync: JobSync): TrackingPlan {
  const { job, untracked, uncounted } = sync;
  const status = job.status!;
  const lists = status.uncountedTerminatedPods!;
  let indexes = 0;
  const plan: TrackingPlan = { untrack: [], full: false, handled: [] };
  const pods = isIndexed(job) ? [...sync.pods].sort(byIndex) : sync.pods;
  for (const pod of pods) {
    const uid = pod.metadata!.uid!;
    if (!isTracked(pod) || untracked.has(uid) || !mayUntrack(sync, pod)) continue;
    plan.untrack.push(pod);
    if (pod.status?.phase === 'Succeeded' && !uncounted.failed.has(uid)) {
      const index = indexOf(pod, job);
      if (!isIndexed(job)) {
        if (!uncounted.succeeded.has(uid)) lists.succeeded = [...(lists.succeeded ?? []), uid];
      } else if (index !== undefined && !hasIndex(sync.succeededBefore, index)) indexes++;
    } else if (countsAsFailed(sync, pod, plan.handled)) lists.failed = [...(lists.failed ?? []), uid];
    plan.full = indexes + (lists.succeeded?.length ?? 0) + (lists.failed?.length ?? 0) >= maxUncounted;
    if (plan.full) break;
  }
  if (isIndexed(job)) {
    status.succeeded = totalOf(sync.succeededIndexes) || undefined;
    status.completedIndexes = formatIntervals(sync.succeededIndexes) || undefined;
    status.failedIndexes = sync.failedIndexes && formatIntervals(sync.failedIndexes);
  }
  return plan;
}

/** A failed pod of an index stays until its successor has taken over its count; but not at the Job's end. */
function mayUntrack({ job, finished, delayedDeletion }: JobSync, pod: Pod): boolean {
  if (job.metadata!.deletionTimestamp || finished || pod.status?.phase === 'Succeeded') return true;
  if (!isPodFailed(pod, job)) return false;
  const index = indexOf(pod, job);
  if (!hasLimitPerIndex(job) || index === undefined) return true;
  return delayedDeletion.get(index)?.metadata!.uid !== pod.metadata!.uid;
}

/** When a Job fails, pods that have not ended count as failed too. What a rule makes of the pod goes to `handled`. */
function countsAsFailed({ job, finished, uncounted }: JobSync, pod: Pod, handled: string[]): boolean {
  const jobFails = finished !== undefined && finished.type !== 'SuccessCriteriaMet';
  if (!isPodFailed(pod, job) && !jobFails) return false;
  if (uncounted.failed.has(pod.metadata!.uid!)) return false;
  if (isIndexed(job) && indexOf(pod, job) === undefined) return false;
  const { counts, action } = matchPodFailurePolicy(job.spec!.podFailurePolicy, pod);
  if (action) handled.push(action);
  return counts;
}

/** The last step: uids of pods that no longer have the finalizer become numbers. */
export function countUntracked(status: JobStatus, stillTracked: ReadonlySet<string>): void {
  const lists = (status.uncountedTerminatedPods ??= {});
  for (const field of ['succeeded', 'failed'] as const) {
    const uids = lists[field] ?? [];
    const left = uids.filter((uid) => stillTracked.has(uid));
    if (left.length === uids.length) continue;
    status[field] = (status[field] ?? 0) + uids.length - left.length;
    if (left.length > 0) lists[field] = left;
    else delete lists[field];
  }
}
