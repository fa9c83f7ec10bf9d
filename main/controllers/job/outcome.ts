import type { JobCondition, Pod } from '../../api/index.ts';
import { backoffLimitOf, conditionOf, isIndexed, isPodFailed, isSuspended, isTrue, jobCondition } from './facts.ts';
import { totalOf } from './intervals.ts';
import { matchPodFailurePolicy } from './podFailurePolicy.ts';
import { readIndexes, type JobSync } from './sync.ts';
import { matchSuccessPolicy } from './successPolicy.ts';

/**
 * Whether the Job ends, and why: what an earlier sync decided stands; then come the ways to fail, then those to
 * succeed early. Mirrors syncJob of pkg/controller/job/job_controller.go.
 */
export function decideOutcome(sync: JobSync, now: number): void {
  const { job } = sync;
  const success = conditionOf(job, 'SuccessCriteriaMet');
  const failure = conditionOf(job, 'FailureTarget');
  if (isTrue(success)) sync.finished = success;
  else if (isTrue(failure)) sync.finished = jobCondition('Failed', failure!.reason!, failure!.message!, now);
  else sync.finished = policyFailure(sync, now) ?? limitFailure(sync, now);
  if (!isIndexed(job)) return;
  readIndexes(sync);
  sync.finished ??= indexFailure(sync, now) ?? earlySuccess(sync, now);
}

const target = (reason: string, message: string, now: number) => jobCondition('FailureTarget', reason, message, now);

function policyFailure({ job, pods }: JobSync, now: number): JobCondition | undefined {
  const { podFailurePolicy } = job.spec!;
  if (!podFailurePolicy) return undefined;
  for (const pod of pods) {
    const message = isPodFailed(pod, job) ? matchPodFailurePolicy(podFailurePolicy, pod).message : undefined;
    if (message !== undefined) return target('PodFailurePolicy', message, now);
  }
  return undefined;
}

function limitFailure({ job, pods, failed }: JobSync, now: number): JobCondition | undefined {
  const limit = backoffLimitOf(job);
  if (failed > limit || restartsReach(limit, job.spec!.template.spec?.restartPolicy, pods))
    return target('BackoffLimitExceeded', 'Job has reached the specified backoff limit', now);
  const wait = untilDeadline(job, now);
  if (wait !== undefined && wait <= 0)
    return target('DeadlineExceeded', 'Job was active longer than specified deadline', now);
  return undefined;
}

/** Milliseconds that the Job may still be active; undefined when there is no deadline, or it does not run. */
export function untilDeadline(job: JobSync['job'], now: number): number | undefined {
  const { activeDeadlineSeconds } = job.spec!;
  const { startTime } = job.status ?? {};
  if (activeDeadlineSeconds === undefined || !startTime || isSuspended(job)) return undefined;
  return Date.parse(startTime) + activeDeadlineSeconds * 1000 - now;
}

/** Pods that restart their containers themselves never fail: their restarts are counted instead. */
function restartsReach(limit: number, restartPolicy: string | undefined, pods: Pod[]): boolean {
  if (restartPolicy !== 'OnFailure') return false;
  const restarts = pods
    .filter((pod) => pod.status?.phase === 'Running' || pod.status?.phase === 'Pending')
    .flatMap((pod) => [...(pod.status!.initContainerStatuses ?? []), ...(pod.status!.containerStatuses ?? [])])
    .reduce((sum, status) => sum + status.restartCount, 0);
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

function indexFailure({ job, failedIndexes, succeededIndexes }: JobSync, now: number): JobCondition | undefined {
  if (!failedIndexes) return undefined;
  const { maxFailedIndexes, completions } = job.spec!;
  const failed = totalOf(failedIndexes);
  if (maxFailedIndexes !== undefined && failed > maxFailedIndexes) {
    const message = 'Job has exceeded the specified maximal number of failed indexes';
    return target('MaxFailedIndexesExceeded', message, now);
  }
  const allDone = failed > 0 && failed + totalOf(succeededIndexes) >= completions!;
  return allDone ? target('FailedIndexes', 'Job has failed indexes', now) : undefined;
}

function earlySuccess({ job, succeededIndexes }: JobSync, now: number): JobCondition | undefined {
  const message = matchSuccessPolicy(job.spec!.successPolicy, job.spec!.completions!, succeededIndexes);
  return message === undefined ? undefined : jobCondition('SuccessCriteriaMet', 'SuccessPolicy', message, now);
}

/** Whether as many pods as wanted have succeeded and none is left. */
export function isComplete({ job, succeeded, active }: JobSync): boolean {
  const { completions } = job.spec!;
  return active === 0 && (completions === undefined ? succeeded > 0 : succeeded >= completions);
}
