import type { Job, JobCondition, Pod } from '../../api/index.ts';
import { timestamp } from '../../api/meta.ts';
import { findCondition } from '../conditions.ts';

// What can be read off a Job and its pods. Mirrors pkg/controller/job (util/utils.go, job_controller.go).

/** On every pod of a Job until the Job's status has counted it. */
export const trackingFinalizer = 'batch.kubernetes.io/job-tracking';

export const isTracked = (pod: Pod): boolean => pod.metadata!.finalizers?.includes(trackingFinalizer) ?? false;
export const isIndexed = (job: Job): boolean => job.spec!.completionMode === 'Indexed';
export const isSuspended = (job: Job): boolean => job.spec!.suspend ?? false;
export const hasLimitPerIndex = (job: Job): boolean => job.spec!.backoffLimitPerIndex !== undefined;
export const parallelismOf = (job: Job): number => job.spec!.parallelism ?? 1;
export const backoffLimitOf = (job: Job): number => job.spec!.backoffLimit ?? 6;

export const isTrue = (condition: JobCondition | undefined): boolean => condition?.status === 'True';
export const conditionOf = (job: Job, type: string): JobCondition | undefined =>
  findCondition(job.status?.conditions, type);

/** The Complete or Failed condition of a Job that has ended. */
export const finishedCondition = (job: Job): JobCondition | undefined =>
  job.status?.conditions?.find(({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True');

export const isFinished = (job: Job): boolean => finishedCondition(job) !== undefined;

/** Whether somebody else acts on the Job. */
export const isManagedElsewhere = (job: Job): boolean =>
  job.spec!.managedBy !== undefined && job.spec!.managedBy !== 'kubernetes.io/job-controller';

/** Whether a pod is replaced only once it has failed, not as soon as it is being deleted. */
export const replacesOnlyFailed = (job: Job): boolean =>
  job.spec!.podReplacementPolicy === 'Failed' || job.spec!.podFailurePolicy !== undefined;

/** A deleted pod may never reach the phase Failed: it counts as failed unless the Job waits for that. */
export function isPodFailed(pod: Pod, job: Job): boolean {
  if (pod.status?.phase === 'Failed') return true;
  return !replacesOnlyFailed(job) && Boolean(pod.metadata!.deletionTimestamp) && pod.status?.phase !== 'Succeeded';
}

export function jobCondition(
  type: string,
  reason: string,
  message: string,
  now: number,
  status = 'True',
): JobCondition {
  const at = timestamp(now);
  return { type, status, lastProbeTime: at, lastTransitionTime: at, reason, message };
}

/** The conditions with this one among them; undefined when that changes nothing. */
export function ensureCondition(conditions: JobCondition[] = [], wanted: JobCondition): JobCondition[] | undefined {
  const current = findCondition(conditions, wanted.type);
  if (!current) return wanted.status === 'False' ? undefined : [...conditions, wanted];
  const { status, reason, message } = current;
  if (status === wanted.status && reason === wanted.reason && message === wanted.message) return undefined;
  return conditions.map((condition) => (condition === current ? wanted : condition));
}
