import { computed, type ComputedRef } from 'vue';
import type { Deployment, Pod, ReplicaSet } from '../../../main/api/index.ts';
import { controllerOf } from '../../../main/api/meta.ts';
import { core, type LivePhase } from '../../client/index.ts';
import { useLiveList } from '../../composables/useLiveList.ts';
import type { Revision } from '../workload/revisions.ts';
import { revisionsOf } from './actions.ts';

/** A deployment's revisions, how far they have been listed, and the pods of all of them. */
export function useOwned(deployment: () => Deployment): { revisions: ComputedRef<Revision<ReplicaSet>[]>; phase: ComputedRef<LivePhase>; pods: ComputedRef<Pod[]> } {
  const filter = () => ({ namespace: deployment().metadata?.namespace ?? '' });
  const sets = useLiveList<ReplicaSet>(core.replicaSets, filter);
  const pods = useLiveList<Pod>(core.pods, filter);
  const revisions = computed(() => revisionsOf(deployment(), sets.items.value));
  return {
    revisions,
    phase: sets.phase,
    pods: computed(() => {
      const uids = new Set(revisions.value.map(({ kept }) => kept.metadata?.uid));
      return pods.items.value.filter((pod) => uids.has(controllerOf(pod)?.uid));
    }),
  };
}
