import type { CronJob, Deployment, Job } from '../../../../main/api/index.ts';
import { controllerOf, type KubeObject } from '../../../../main/api/meta.ts';
import type { StatusText } from '../../../components/grid/types.ts';
import { cronJobStatus } from '../../../kinds/cronjob/status.ts';
import { deploymentStatus } from '../../../kinds/deployment/status.ts';
import { jobStatus } from '../../../kinds/job/status.ts';
import { refusalOf } from '../../../kinds/workload/refusal.ts';
import type { EventsOf, Seen } from '../seen.ts';
import type { Complaint, TroubleKind } from '../trouble.ts';
import { leftBehind } from './replicaSets.ts';

/** Deployments, and what makes pods or Jobs without one. */
export function* ofWorkloads(seen: Seen, eventsOf: EventsOf, now: number): Iterable<Complaint> {
  const lastMade = makingTimes(seen);
  const refused = (object: KubeObject, kind: TroubleKind): Complaint | undefined => {
    const refusal = refusalOf({ ...object, kind }, eventsOf(object), () => lastMade(object.metadata?.uid));
    const means = kind === 'CronJob' ? 'workload.refusedJobsWhy' : 'workload.refusedWhy';
    return refusal && { ...about(object, kind), word: 'FailedCreate', tone: 'bad', why: refusal.message, means, hearsay: !refusal.certain };
  };
  for (const deployment of seen.deployments) yield* bad(deployment, 'Deployment', deploymentStatus(deployment));
  const isLeft = leftBehind(seen.deployments, now);
  for (const set of seen.replicaSets) if (isLeft(set)) yield* some(refused(set, 'ReplicaSet'));
  for (const set of seen.replicationControllers) yield* some(refused(set, 'ReplicationController'));
  for (const set of seen.statefulSets) yield* some(refused(set, 'StatefulSet'));
  for (const set of seen.daemonSets) yield* some(refused(set, 'DaemonSet'));
  for (const job of seen.jobs) yield* withOwner(job, [...bad(job, 'Job', jobStatus(job)), ...some(refused(job, 'Job'))]);
  for (const cronJob of seen.cronJobs) yield* firstOf([...bad(cronJob, 'CronJob', cronJobStatus(cronJob)), ...some(refused(cronJob, 'CronJob'))]);
}

function about({ metadata }: KubeObject, kind: TroubleKind): { namespace: string; name: string; kind: TroubleKind; group: string } {
  const { namespace = '', name = '' } = metadata ?? {};
  return { namespace, name, kind, group: `${namespace}/${name}/${kind}` };
}

const some = (complaint: Complaint | undefined): Complaint[] => (complaint ? [complaint] : []);
const firstOf = (complaints: readonly Complaint[]): readonly Complaint[] => complaints.slice(0, 1);

const bad = (object: Deployment | Job | CronJob, kind: TroubleKind, { text, tone, title = '', means }: StatusText): Complaint[] =>
  tone === 'bad' ? [{ ...about(object, kind), word: text, tone, why: title, means }] : [];

/** The Jobs of one CronJob fail alike. */
function withOwner(job: Job, complaints: readonly Complaint[]): Complaint[] {
  const owner = controllerOf(job)?.uid;
  return firstOf(complaints).map((complaint) => (owner ? { ...complaint, group: `${complaint.namespace}/${owner}/Job` } : complaint));
}

/** When each controller made its last pod or Job, in milliseconds; worked out when it is first asked for. */
function makingTimes({ pods, jobs }: Seen): (uid: string | undefined) => number {
  let known: Map<string, number> | undefined;
  const find = () => {
    const times = new Map<string, number>();
    for (const made of [...pods, ...jobs]) {
      const owner = controllerOf(made)?.uid;
      if (owner) times.set(owner, Math.max(times.get(owner) ?? 0, Date.parse(made.metadata?.creationTimestamp ?? '') || 0));
    }
    return times;
  };
  return (uid = '') => (known ??= find()).get(uid) ?? 0;
}
