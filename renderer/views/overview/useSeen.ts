import { computed, type ComputedRef } from 'vue';
import type { CronJob, DaemonSet, Deployment, Event, Job, Namespace, Node, PersistentVolumeClaim, Pod, ReplicaSet, ReplicationController, StatefulSet, StorageClass, V2HorizontalPodAutoscaler } from '../../../main/api/index.ts';
import { core, type ListFilter, type LivePhase } from '../../client/index.ts';
import { useLiveList } from '../../composables/useLiveList.ts';
import { isPending } from './complaints/claims.ts';
import type { Seen } from './seen.ts';

/** A Deployment's ReplicaSets have this label; there may be ten of them for each Deployment. */
const byNoDeployment = '!pod-template-hash';

/** What the overview looks at, for as long as the calling component lives: a namespace's, or all. */
export function useSeen(namespace: () => string): { seen: ComputedRef<Seen>; phases: ComputedRef<Record<'pods' | 'deployments', LivePhase>>; loading: ComputedRef<boolean> } {
  const filter = (more: ListFilter = {}) => () => ({ ...(namespace() ? { namespace: namespace() } : {}), ...more });
  const lists = {
    nodes: useLiveList<Node>(core.nodes),
    pods: useLiveList<Pod>(core.pods, filter()),
    deployments: useLiveList<Deployment>(core.deployments, filter()),
    replicaSets: useLiveList<ReplicaSet>(core.replicaSets, filter({ labelSelector: byNoDeployment })),
    replicationControllers: useLiveList<ReplicationController>(core.replicationControllers, filter()),
    statefulSets: useLiveList<StatefulSet>(core.statefulSets, filter()),
    daemonSets: useLiveList<DaemonSet>(core.daemonSets, filter()),
    jobs: useLiveList<Job>(core.jobs, filter()),
    cronJobs: useLiveList<CronJob>(core.cronJobs, filter()),
    autoscalers: useLiveList<V2HorizontalPodAutoscaler>(core.horizontalPodAutoscalers, filter()),
    claims: useLiveList<PersistentVolumeClaim>(core.persistentVolumeClaims, filter()),
    namespaces: useLiveList<Namespace>(core.namespaces),
    events: useLiveList<Event>(core.events, filter()),
  };
  const classes = useLiveList<StorageClass>(() => (lists.claims.items.value.some(isPending) ? core.storageClasses : undefined));
  return {
    seen: computed(() => ({
      nodes: lists.nodes.items.value,
      pods: lists.pods.items.value,
      deployments: lists.deployments.items.value,
      replicaSets: lists.replicaSets.items.value,
      replicationControllers: lists.replicationControllers.items.value,
      statefulSets: lists.statefulSets.items.value,
      daemonSets: lists.daemonSets.items.value,
      jobs: lists.jobs.items.value,
      cronJobs: lists.cronJobs.items.value,
      autoscalers: lists.autoscalers.items.value,
      claims: lists.claims.items.value,
      storageClasses: classes.phase.value === 'loading' ? undefined : classes.items.value,
      namespaces: lists.namespaces.items.value,
      events: lists.events.items.value,
    })),
    phases: computed(() => ({ pods: lists.pods.phase.value, deployments: lists.deployments.phase.value })),
    loading: computed(() => Object.values(lists).some(({ phase }) => phase.value === 'loading')),
  };
}
