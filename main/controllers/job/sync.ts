import type { Job, JobCondition, Pod } from '../../api/index.ts';
import type { Client } from '../../client/index.ts';
import { isPodActive, isPodReady, isPodTerminating } from '../pods.ts';
import { nextBackoff, type BackoffRecord } from './backoff.ts';
import { failedIndexes, indexesOf, indexOf, podsWithDelayedDeletion, succeededIndexes } from './completionIndex.ts';
import { hasLimitPerIndex, isIndexed, isPodFailed, isTracked } from './facts.ts';
import { parseIntervals, totalOf, type Interval } from './intervals.ts';
import { matchPodFailurePolicy } from './podFailurePolicy.ts';

/** One Job as one sync sees and changes it. `job` is a private copy that follows its own writes. */
export interface JobSync {
  client: Client;
  job: Job;
  pods: Pod[];
  activePods: Pod[];
  /** Pods that lose their finalizer, though the cache does not know it yet. */
  untracked: ReadonlySet<string>;
  /** Uids that the status names as ended and not counted yet, when the sync began. */
  uncounted: { succeeded: ReadonlySet<string>; failed: ReadonlySet<string> };
  active: number;
  ready: number;
  terminating: number;
  /** With what is not in the status yet. */
  succeeded: number;
  failed: number;
  /** The indexes that the status says have succeeded, and with what is not in it yet; none unless Indexed. */
  succeededBefore: Interval[];
  succeededIndexes: Interval[];
  /** Undefined unless failures are limited by index. */
  failedIndexes: Interval[] | undefined;
  delayedDeletion: Map<number, Pod>;
  backoff: BackoffRecord;
  /** Why the Job ends, if it does. */
  finished: JobCondition | undefined;
}

/** Counts the pods: those that have ended, but are neither in the counters nor in the lists of the status, count too. */
export function beginSync(
  client: Client,
  job: Job,
  pods: Pod[],
  untracked: ReadonlySet<string>,
  backoff: BackoffRecord | undefined,
): JobSync {
  const status = (job.status ??= {});
  const { succeeded = [], failed = [] } = (status.uncountedTerminatedPods ??= {});
  const uncounted = { succeeded: new Set(succeeded), failed: new Set(failed) };
  const activePods = pods.filter(isPodActive);
  const fresh = pods.filter(
    (pod) =>
      isTracked(pod) && !untracked.has(pod.metadata!.uid!) && (!isIndexed(job) || indexOf(pod, job) !== undefined),
  );
  const uidIn = (set: ReadonlySet<string>) => (pod: Pod) => set.has(pod.metadata!.uid!);
  // One that is on record as failed, since it was on its way out, may have ended well after all: it is not counted twice.
  const isOnRecord = (pod: Pod) => uidIn(uncounted.succeeded)(pod) || uidIn(uncounted.failed)(pod);
  const newSucceeded = fresh.filter((pod) => !isOnRecord(pod) && pod.status?.phase === 'Succeeded');
  const newFailed = fresh.filter((pod) => !uidIn(uncounted.failed)(pod) && isPodFailed(pod, job));
  const counted = newFailed.filter((pod) => matchPodFailurePolicy(job.spec!.podFailurePolicy, pod).counts);
  return {
    client,
    job,
    pods,
    activePods,
    untracked,
    uncounted,
    active: activePods.length,
    ready: activePods.filter(isPodReady).length,
    terminating: pods.filter(isPodTerminating).length,
    succeeded: (status.succeeded ?? 0) + newSucceeded.length + uncounted.succeeded.size,
    failed: (status.failed ?? 0) + counted.length + uncounted.failed.size,
    succeededBefore: [],
    succeededIndexes: [],
    failedIndexes: undefined,
    delayedDeletion: new Map(),
    backoff: nextBackoff(backoff, newSucceeded, newFailed),
    finished: undefined,
  };
}

/** Reads the indexes of an Indexed Job off its pods. */
export function readIndexes(sync: JobSync): void {
  const { job, pods, activePods } = sync;
  const completions = job.spec!.completions!;
  sync.succeededBefore = parseIntervals(job.status!.completedIndexes, completions);
  sync.succeededIndexes = succeededIndexes(sync.succeededBefore, job, pods);
  sync.succeeded = totalOf(sync.succeededIndexes);
  if (!hasLimitPerIndex(job)) return;
  sync.failedIndexes = failedIndexes(parseIntervals(job.status!.failedIndexes, completions), job, pods);
  sync.delayedDeletion = podsWithDelayedDeletion(
    job,
    pods.filter((pod) => !sync.untracked.has(pod.metadata!.uid!)),
    { succeeded: sync.succeededIndexes, failed: sync.failedIndexes, active: indexesOf(activePods) },
  );
}
