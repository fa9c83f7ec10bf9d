import { computed, type ComputedRef } from 'vue';
import type { CronJob, DaemonSet, Deployment, Event, Job, Namespace, Node, PersistentVolumeClaim, Pod, PodDisruptionBudget, ReplicaSet, ReplicationController, StatefulSet, StorageClass, V2HorizontalPodAutoscaler } from '../../../main/api/index.ts';
import type { KubeObject } from '../../../main/api/meta.ts';
import { core, type ListFilter, type LivePhase } from '../../client/index.ts';
import { useLiveList } from '../../composables/useLiveList.ts';
import { useSettled } from '../../composables/useSettled.ts';
import { isPending } from '../../kinds/persistentvolumeclaim/status.ts';
import { leftBehind } from './complaints/replicaSets.ts';
import { isUnready } from './complaints/standby.ts';
import type { Seen } from './seen.ts';

/** ReplicaSets that a Deployment has made have this label. There may be ten of them for each: of those the metadata is enough, as long as they have their Deployment. */
const templateHash = 'pod-template-hash';
/** So many of those that have none are asked for by their hashes; where there are more, all are asked for. */
const mostNamed = 200;

/** What the overview looks at, for as long as the calling component lives: a namespace's, or all. `now`: milliseconds, a minute fine. */
export function useSeen(namespace: () => string, now: () => number): { seen: ComputedRef<Seen>; phases: ComputedRef<Record<'pods' | 'deployments', LivePhase>>; loading: ComputedRef<boolean> } {
  const filter = (more: ListFilter = {}) => () => ({ ...(namespace() ? { namespace: namespace() } : {}), ...more });
  const lists = {
    nodes: useLiveList<Node>(core.nodes),
    pods: useLiveList<Pod>(core.pods, filter()),
    deployments: useLiveList<Deployment>(core.deployments, filter()),
    replicaSets: useLiveList<ReplicaSet>(core.replicaSets, filter({ labelSelector: `!${templateHash}` })),
    replicationControllers: useLiveList<ReplicationController>(core.replicationControllers, filter()),
    statefulSets: useLiveList<StatefulSet>(core.statefulSets, filter()),
    daemonSets: useLiveList<DaemonSet>(core.daemonSets, filter()),
    jobs: useLiveList<Job>(core.jobs, filter()),
    cronJobs: useLiveList<CronJob>(core.cronJobs, filter()),
    autoscalers: useLiveList<V2HorizontalPodAutoscaler>(core.horizontalPodAutoscalers, filter()),
    claims: useLiveList<PersistentVolumeClaim>(core.persistentVolumeClaims, filter()),
    namespaces: useLiveList<Namespace>(core.namespaces),
    // Of ten events nine say that all goes well.
    warnings: useLiveList<Event>(core.events, filter({ fieldSelector: 'type=Warning' })),
  };
  const made = useLiveList<KubeObject>(core.replicaSets, filter({ labelSelector: templateHash, metadataOnly: true }));
  const left = computed(() => new Set(made.items.value.filter(leftBehind(lists.deployments.items.value, now())).map(({ metadata }) => metadata?.uid)));
  const hashes = computed(() => [...new Set(made.items.value.filter(({ metadata }) => left.value.has(metadata?.uid)).map(({ metadata }) => metadata?.labels?.[templateHash] ?? ''))].sort());
  const orphans = useLiveList<ReplicaSet>(
    () => (hashes.value.length && lists.deployments.phase.value === 'live' ? core.replicaSets : undefined),
    () => filter({ labelSelector: hashes.value.length > mostNamed ? templateHash : `${templateHash} in (${hashes.value.join(',')})` })(),
  );
  const budgets = useLiveList<PodDisruptionBudget>(() => (lists.pods.items.value.some(isUnready) ? core.podDisruptionBudgets : undefined), filter());
  const waits = computed(() => lists.claims.items.value.some(isPending));
  const classes = useLiveList<StorageClass>(() => (waits.value ? core.storageClasses : undefined));
  const ofClaims = useLiveList<Event>(() => (waits.value ? core.events : undefined), filter({ fieldSelector: 'type=Normal,involvedObject.kind=PersistentVolumeClaim' }));
  const current = computed(() => ({
    seen: {
      nodes: lists.nodes.items.value,
      pods: lists.pods.items.value,
      deployments: lists.deployments.items.value,
      replicaSets: [...lists.replicaSets.items.value, ...orphans.items.value.filter(({ metadata }) => left.value.has(metadata?.uid))],
      setsOfDeployments: made.items.value,
      replicationControllers: lists.replicationControllers.items.value,
      statefulSets: lists.statefulSets.items.value,
      daemonSets: lists.daemonSets.items.value,
      jobs: lists.jobs.items.value,
      cronJobs: lists.cronJobs.items.value,
      autoscalers: lists.autoscalers.items.value,
      claims: lists.claims.items.value,
      storageClasses: classes.phase.value === 'loading' ? undefined : classes.items.value,
      budgets: budgets.phase.value === 'loading' ? undefined : budgets.items.value,
      namespaces: lists.namespaces.items.value,
      events: [...lists.warnings.items.value, ...ofClaims.items.value],
    },
    phases: { pods: lists.pods.phase.value, deployments: lists.deployments.phase.value },
    loading: Object.values(lists).some(({ phase }) => phase.value === 'loading'),
  }));
  const settled = useSettled(current, () => pauseFor(lists.pods.items.value.length));
  return { seen: computed(() => settled.value.seen), phases: computed(() => settled.value.phases), loading: computed(() => settled.value.loading) };
}

/** All that is seen is judged anew when any of it changes: milliseconds between one time and the next, by the number of pods. */
const pauseFor = (pods: number): number => (pods < 500 ? 0 : pods < 5_000 ? 250 : 1_000);
