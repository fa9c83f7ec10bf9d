import type { CronJob, DaemonSet, Event, Job, ReplicaSet, StatefulSet } from '../../../main/api/index.ts';
import type { KubeObject } from '../../../main/api/meta.ts';
import { byLastSeen, lastSeen } from '../event/time.ts';
import { hasEnded } from '../job/status.ts';

/** A pod or Job that a controller wants and the server does not take: a quota, an admission or a validation is against it. */
export interface Refusal {
  /** The server's words. */
  message: string;
  /** What tells it, where an event does. */
  event?: Event | undefined;
  /** The object's own condition says so. */
  certain: boolean;
}

/** Mirrors getReplicaFailures' reading of pkg/controller/deployment/progress.go. */
const failureOf = (object: KubeObject) => (object as ReplicaSet).status?.conditions?.find(({ type, status }) => type === 'ReplicaFailure' && status === 'True');

/** How many pods are to run at once. Mirrors wantActive of manageJob in pkg/controller/job/job_controller.go. */
function wantedActive({ spec, status }: Job): number {
  const { parallelism = 1, completions } = spec ?? {};
  const succeeded = status?.succeeded ?? 0;
  if (typeof completions === 'number') return Math.min(parallelism, completions - succeeded);
  return succeeded > 0 ? 0 : parallelism;
}

/** Whether an object, as it is now, has less than it wants. A CronJob does not tell. */
const lacks: Record<string, (object: KubeObject) => boolean> = {
  ReplicaSet: (set) => failureOf(set) !== undefined,
  ReplicationController: (set) => failureOf(set) !== undefined,
  StatefulSet: ({ spec, status }: StatefulSet) => (status?.replicas ?? 0) < (spec?.replicas ?? 1),
  DaemonSet: ({ status }: DaemonSet) => (status?.currentNumberScheduled ?? 0) < (status?.desiredNumberScheduled ?? 0),
  Job: (job: Job) => !hasEnded(job) && !job.spec?.suspend && (job.status?.active ?? 0) < wantedActive(job),
  CronJob: (object) => !(object as CronJob).spec?.suspend,
};

/** When a CronJob last did well, whose Jobs may be gone since, in milliseconds. */
const lastRun = ({ status }: CronJob): number => Math.max(0, ...[status?.lastScheduleTime, status?.lastSuccessfulTime].map((time) => Date.parse(time ?? '') || 0));

/**
 * What a controller could not make, for as long as the object lacks it: however rarely it is told again, it holds until
 * something was made (`lastMade`, in milliseconds, or 0). That something was made is not believed to an event, by which
 * anybody could hide what is wrong.
 */
export function refusalOf(object: KubeObject, events: readonly Event[], lastMade: () => number): Refusal | undefined {
  const kind = object.kind ?? '';
  if (object.metadata?.deletionTimestamp || !Object.hasOwn(lacks, kind) || !lacks[kind]!(object)) return undefined;
  const [event] = events.filter(({ reason }) => reason === 'FailedCreate').sort(byLastSeen);
  const failure = failureOf(object);
  // A condition keeps the words of the first refusal.
  if (failure) return { message: event?.message ?? failure.message ?? '', event, certain: true };
  const seen = Date.parse((event && lastSeen(event)) ?? '');
  return event && lastMade() <= seen && !(kind === 'CronJob' && lastRun(object as CronJob) > seen) ? { message: event.message ?? '', event, certain: false } : undefined;
}

/** When the latest of these came into being, in milliseconds; 0 where there is none. */
export const latestOf = (made: readonly KubeObject[]): number => Math.max(0, ...made.map(({ metadata }) => Date.parse(metadata?.creationTimestamp ?? '') || 0));
