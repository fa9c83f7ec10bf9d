import type { CronJob, DaemonSet, Deployment, Event, Job, Namespace, Node, PersistentVolumeClaim, Pod, PodDisruptionBudget, ReplicaSet, ReplicationController, StatefulSet, StorageClass, V2HorizontalPodAutoscaler } from '../../../main/api/index.ts';
import type { KubeObject } from '../../../main/api/meta.ts';

/** What is looked at for troubles. */
export interface Seen {
  nodes: readonly Node[];
  pods: readonly Pod[];
  deployments: readonly Deployment[];
  /** Those that no Deployment manages, for all that is known. */
  replicaSets: readonly ReplicaSet[];
  /** Metadata of those that a Deployment has made. */
  setsOfDeployments: readonly KubeObject[];
  replicationControllers: readonly ReplicationController[];
  statefulSets: readonly StatefulSet[];
  daemonSets: readonly DaemonSet[];
  jobs: readonly Job[];
  cronJobs: readonly CronJob[];
  autoscalers: readonly V2HorizontalPodAutoscaler[];
  claims: readonly PersistentVolumeClaim[];
  /** Undefined as long as they are not known. */
  storageClasses: readonly StorageClass[] | undefined;
  /** Undefined as long as they are not known, or nothing asks for them. */
  budgets: readonly PodDisruptionBudget[] | undefined;
  namespaces: readonly Namespace[];
  /** Warnings, and whatever is said of claims that wait. */
  events: readonly Event[];
}

/** The events about one object. */
export type EventsOf = (object: KubeObject) => readonly Event[];

/** Events by what they speak of. One of one namespace says nothing of another's objects, whatever uid it names. */
export function indexEvents(events: readonly Event[]): EventsOf {
  const known = new Map<string, Event[]>();
  for (const event of events) {
    const { name, uid } = event.involvedObject;
    if (!uid) continue;
    const key = `${event.metadata.namespace ?? ''}/${name ?? ''}/${uid}`;
    const others = known.get(key);
    if (others) others.push(event);
    else known.set(key, [event]);
  }
  return ({ metadata }) => known.get(`${metadata?.namespace ?? ''}/${metadata?.name ?? ''}/${metadata?.uid ?? ''}`) ?? [];
}
