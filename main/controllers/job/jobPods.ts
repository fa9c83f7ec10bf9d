import type { Job, Pod } from '../../api/index.ts';
import { cloneJson } from '../../api/json.ts';
import { keyOf } from '../../api/meta.ts';
import { isNotFound } from '../../api/status.ts';
import { resources, type Client } from '../../client/index.ts';
import type { Clock } from '../../util/clock.ts';
import type { Expectations } from '../expectations.ts';
import type { ControllerMetrics, JobAction } from '../metrics.ts';
import { isNamespaceTerminating, type PodControl } from '../podControl.ts';
import { podsToDelete } from '../podRanking.ts';
import { isPodReady, isPodTerminating } from '../pods.ts';
import { slowStartBatch } from '../slowStart.ts';
import { finishedAt, remainingBackoff } from './backoff.ts';
import { earlierFailures, generateNameOf, indexedTemplate, indexesOf, splitDuplicates } from './completionIndex.ts';
import {
  hasLimitPerIndex,
  isIndexed,
  isSuspended,
  isTracked,
  parallelismOf,
  replacesOnlyFailed,
  trackingFinalizer,
} from './facts.ts';
import { firstMissing, mergeIntervals, withIndexes } from './intervals.ts';
import type { JobSync } from './sync.ts';

const kind = { group: 'batch', version: 'v1', kind: 'Job' };
const maxPerSync = 500;

export interface ManageResult {
  action: JobAction;
  failure?: Error;
  /** Milliseconds until pods that failed may be replaced. */
  retryAfter?: number;
}

/** Makes and deletes the pods of a Job. Mirrors manageJob of pkg/controller/job/job_controller.go. */
export class JobPods {
  constructor(
    private readonly control: PodControl,
    private readonly expectations: Expectations,
    private readonly clock: Clock,
    private readonly measures?: ControllerMetrics,
  ) {}

  /** Brings the active pods to their number; `sync.active`, `ready` and `terminating` follow. */
  async manage(sync: JobSync): Promise<ManageResult> {
    const { job, activePods } = sync;
    const wanted = isSuspended(job) ? 0 : wantedActive(sync);
    const surplus = this.#surplus(job, activePods, Math.max(0, sync.active - wanted)).slice(0, maxPerSync);
    // Either deletions or creations in one sync: then it is clear what to wait for.
    if (surplus.length > 0) return this.#remove(sync, surplus);
    const missing = wanted - (replacesOnlyFailed(job) ? sync.terminating : 0) - sync.active;
    if (isSuspended(job)) return { action: 'pods_deleted' };
    return missing > 0 ? this.#add(sync, Math.min(missing, maxPerSync)) : { action: 'tracking' };
  }

  #surplus(job: Job, pods: Pod[], atLeast: number): Pod[] {
    const now = this.clock.now();
    const { surplus, left } = isIndexed(job) ? splitDuplicates(job, pods, now) : { surplus: [], left: pods };
    if (surplus.length >= atLeast) return surplus;
    return [...surplus, ...podsToDelete(left, [], atLeast - surplus.length, now)];
  }

  /** Pods that are not wanted do not count as failed: they lose their finalizers first. */
  async #remove(sync: JobSync, pods: Pod[]): Promise<ManageResult> {
    const key = keyOf(sync.job);
    this.expectations.expectDeletions(
      key,
      pods.map((pod) => pod.metadata!.uid!),
    );
    const { deleted, failure } = await this.delete(sync, pods, true);
    for (const pod of pods) if (!deleted.includes(pod)) this.expectations.deletionObserved(key, pod.metadata!.uid!);
    sync.active -= deleted.length;
    sync.terminating += deleted.length;
    sync.ready -= deleted.filter(isPodReady).length;
    return { action: 'pods_deleted', failure };
  }

  /** Resolves with the pods that are gone or going, and what went wrong with the others. */
  async delete(sync: JobSync, pods: Pod[], untrack = false): Promise<{ deleted: Pod[]; failure?: Error }> {
    let failure: Error | undefined;
    const deleted: Pod[] = [];
    await Promise.all(
      pods.map(async (pod) => {
        try {
          if (untrack) await this.untrack(sync.client, pod);
          await this.control.delete(sync.client, sync.job, pod);
          deleted.push(pod);
        } catch (error) {
          if (isNotFound(error)) deleted.push(pod);
          else failure ??= error as Error;
        }
      }),
    );
    return { deleted, failure };
  }

  /** Takes the finalizer off, unless the pod is gone already. */
  async untrack(client: Client, pod: Pod): Promise<void> {
    if (!isTracked(pod)) return;
    const { namespace, name, uid } = pod.metadata!;
    const metadata = { uid, '$deleteFromPrimitiveList/finalizers': [trackingFinalizer] };
    try {
      await client.of(resources.pods).patch(namespace!, name!, 'strategic', { metadata });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #add(sync: JobSync, missing: number): Promise<ManageResult> {
    const { client, job } = sync;
    const action = 'pods_created';
    const key = keyOf(job);
    const now = this.clock.now();
    const wait = hasLimitPerIndex(job) ? 0 : remainingBackoff(sync.backoff, now);
    if (wait > 0) return { action, retryAfter: wait };
    const { indexes, retryAfter } = isIndexed(job)
      ? indexesToAdd(sync, missing, now)
      : { indexes: new Array<undefined>(missing).fill(undefined), retryAfter: undefined };
    if (indexes.length === 0) return { action, retryAfter };
    const template = cloneJson(job.spec!.template);
    const finalizers = new Set(template.metadata?.finalizers).add(trackingFinalizer);
    template.metadata = { ...template.metadata, finalizers: [...finalizers] };
    this.expectations.expectCreations(key, indexes.length);
    const left = indexes.values();
    let failures = 0;
    const { successes, error } = await slowStartBatch(indexes.length, async () => {
      const index = left.next().value;
      try {
        if (index === undefined) await this.control.create(client, job, kind, template);
        else {
          const own = indexedTemplate(job, template, index, sync.delayedDeletion.get(index));
          await this.control.create(client, job, kind, own, generateNameOf(job, index));
        }
      } catch (error) {
        if (isNamespaceTerminating(error)) return;
        failures++;
        throw error;
      }
    });
    for (let i = successes; i < indexes.length; i++) this.expectations.creationObserved(key);
    this.measures?.jobPodsCreated(causeOf(sync), 'succeeded', successes);
    this.measures?.jobPodsCreated(causeOf(sync), 'failed', failures);
    sync.active += successes;
    return { action, failure: error };
  }
}

/** What upstream calls the cause for which pods are made. */
function causeOf({ job, failed, terminating }: JobSync): string {
  if (job.spec!.podReplacementPolicy === 'Failed' && failed > 0) return 'recreate_failed';
  return failed > 0 || terminating > 0 ? 'recreate_terminating_or_failed' : 'new';
}

function wantedActive({ job, active, succeeded }: JobSync): number {
  const { completions } = job.spec!;
  // Without a number of completions no pod is made after the first success, and those that run may go on.
  if (completions === undefined) return succeeded > 0 ? active : parallelismOf(job);
  return Math.max(0, Math.min(completions - succeeded, parallelismOf(job)));
}

/** Indexes that have no pod, have not ended, and whose last failure is long enough ago. */
function indexesToAdd(sync: JobSync, count: number, now: number): { indexes: number[]; retryAfter?: number } {
  const { job, pods, activePods, succeededIndexes, failedIndexes = [], delayedDeletion } = sync;
  const terminating = replacesOnlyFailed(job) ? indexesOf(pods.filter(isPodTerminating)) : [];
  const busy = withIndexes(succeededIndexes, [...indexesOf(activePods), ...terminating]);
  const pending = firstMissing(mergeIntervals(busy, failedIndexes), count, job.spec!.completions!);
  if (!hasLimitPerIndex(job)) return { indexes: pending };
  const waitOf = (index: number) => {
    const last = delayedDeletion.get(index);
    return last ? remainingBackoff({ failures: earlierFailures(last) + 1, lastFailure: finishedAt(last) }, now) : 0;
  };
  const indexes = pending.filter((index) => waitOf(index) === 0);
  const waits = pending.map(waitOf).filter((wait) => wait > 0);
  return { indexes, ...(waits.length > 0 ? { retryAfter: Math.min(...waits) } : {}) };
}
