import type { CronJob, DaemonSet, Deployment, Event, ReplicaSet, ReplicationController, StatefulSet, V2HorizontalPodAutoscaler } from '../../../main/api/index.ts';
import { controllerOf, parseApiVersion, type KubeObject } from '../../../main/api/meta.ts';
import { core, type Resource } from '../../client/index.ts';
import type { StatusText } from '../../components/grid/types.ts';
import { byLastSeen, lastSeen } from '../../kinds/event/time.ts';
import { autoscalerStatus } from '../../kinds/horizontalpodautoscaler/status.ts';
import { refusalOf } from '../../kinds/workload/refusal.ts';

/** An object of whose kind the overview follows no list: events say that something may be wrong with it. */
export interface Accusation {
  /** Of this object alone. */
  key: string;
  kind: AccusedKind;
  namespace: string;
  name: string;
  uid: string;
  /** What was said of it, in no order. */
  events: readonly Event[];
}

/** An accusation together with the object, as it is now. */
export interface Case {
  accusation: Accusation;
  object: KubeObject;
}

interface Court {
  resource: Resource;
  /** Whether what was said may still hold at `now`, in milliseconds. */
  accuses(events: readonly Event[], now: number): boolean;
  /** What is wrong with the object as it is; undefined where all is well again. */
  judge(object: KubeObject, events: readonly Event[], now: number): StatusText | undefined;
}

/** Milliseconds. An event that goes on is told again at least every five minutes (client-go's spam filter). */
const staleAfter = 10 * 60_000;
/** So many objects at most are looked at one by one. */
const most = 24;
/** What the name of an object of these kinds is made of; events may name what they like. */
const namePattern = /^[a-z0-9][a-z0-9.-]*$/;
/** What stands behind a Deployment's name in those of its ReplicaSets: a hash in rand.SafeEncodeString's letters. */
const hashPattern = /^(.+)-[bcdfghjklmnpqrstvwxz2456789]{5,10}$/;

/** A kind whose controller makes pods or jobs that the server may refuse to take, as long as `wants` says that it wants more. */
const makers = <T extends KubeObject>(resource: Resource, wants: (object: T) => boolean): Court => ({
  resource,
  accuses: (events, now) => refusalOf(events, now) !== undefined,
  judge(object, events, now) {
    const refusal = wants(object as T) ? refusalOf(events, now) : undefined;
    return refusal && { text: 'FailedCreate', tone: 'bad', title: refusal.message ?? '', means: 'workload.refusedWhy' };
  },
});

function lacksReplicas({ status }: ReplicaSet | ReplicationController): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === 'ReplicaFailure' && value === 'True') ?? false;
}

export const courts = {
  // Those of Deployments tell it to their Deployment, which is looked at anyway.
  ReplicaSet: makers<ReplicaSet>(core.replicaSets, (set) => controllerOf(set)?.kind !== 'Deployment' && lacksReplicas(set)),
  ReplicationController: makers<ReplicationController>(core.replicationControllers, lacksReplicas),
  StatefulSet: makers<StatefulSet>(core.statefulSets, ({ spec, status }) => (status?.replicas ?? 0) < (spec?.replicas ?? 1)),
  DaemonSet: makers<DaemonSet>(core.daemonSets, ({ status }) => (status?.currentNumberScheduled ?? 0) < (status?.desiredNumberScheduled ?? 0)),
  CronJob: makers<CronJob>(core.cronJobs, ({ spec }) => !spec?.suspend),
  HorizontalPodAutoscaler: {
    resource: core.horizontalPodAutoscalers,
    accuses: (events, now) => events.some((event) => event.type === 'Warning' && now - Date.parse(lastSeen(event) ?? '') < staleAfter),
    judge(object) {
      const status = autoscalerStatus(object as V2HorizontalPodAutoscaler);
      return status.tone === 'bad' ? status : undefined;
    },
  },
} satisfies Record<string, Court>;

export type AccusedKind = keyof typeof courts;

const isAccused = (kind: string | undefined): kind is AccusedKind => kind !== undefined && Object.hasOwn(courts, kind);

/** Which objects are to be looked at; of too many those that were spoken of last, in an order that what is said next does not change. */
export function accusations(events: readonly Event[], deployments: readonly Deployment[], now: number): Accusation[] {
  const found = new Map<string, Accusation & { events: Event[] }>();
  for (const event of events) {
    const { kind, name = '', uid, apiVersion = 'v1' } = event.involvedObject;
    if (!uid || !isAccused(kind) || parseApiVersion(apiVersion).group !== courts[kind].resource.group || !namePattern.test(name)) continue;
    const namespace = event.metadata.namespace ?? '';
    // An event of one namespace says nothing of another's objects, whatever uid it names.
    const key = `${namespace}/${kind}/${name}/${uid}`;
    const known = found.get(key);
    if (known) known.events.push(event);
    else found.set(key, { key, kind, namespace, name, uid, events: [event] });
  }
  const deployed = new Set(deployments.map(({ metadata }) => `${metadata?.namespace}/${metadata?.name}`));
  return [...found.values()]
    .filter(({ kind, namespace, name }) => kind !== 'ReplicaSet' || !deployed.has(`${namespace}/${hashPattern.exec(name)?.[1]}`))
    .filter(({ kind, events: said }) => courts[kind].accuses(said, now))
    .sort((a, b) => byLastSeen(latest(a.events), latest(b.events)))
    .slice(0, most)
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}

const latest = (events: readonly Event[]): Event => events.reduce((last, event) => (byLastSeen(event, last) < 0 ? event : last));
