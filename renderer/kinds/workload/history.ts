import { computed, h, type ComputedRef } from 'vue';
import type { ControllerRevision, Pod } from '../../../main/api/index.ts';
import type { KubeObject } from '../../../main/api/meta.ts';
import { core, type LivePhase, type Resource } from '../../client/index.ts';
import { useLiveList } from '../../composables/useLiveList.ts';
import type { KindTab } from '../types.ts';
import { rollBackSet, setRevisionsOf, type Revision } from './revisions.ts';
import RevisionsTab from './RevisionsTab.vue';

/** Where a workload's revisions are kept, and how it goes back to one. */
export interface History {
  /** The kind of the objects that keep them. */
  keptAs: Resource;
  /** Key of the title above the revisions' pods. */
  podsTitle: string;
  revisions: ComputedRef<readonly Revision[]>;
  phase: ComputedRef<LivePhase>;
  /** Key of why it cannot go back now. */
  obstacle?: ComputedRef<string | undefined>;
  /** Resolves to false where nothing had to be changed. */
  rollBack(revision: Revision): Promise<boolean>;
}

/** Called once in the setup of the tab. */
export type UseHistory = (object: () => KubeObject, resource: () => Resource) => History;

/** The tab of a workload's revisions, with a way back to each. */
export const historyTab = (use: UseHistory): KindTab => ({
  id: 'history',
  title: 'object.history',
  component: (given: { object: KubeObject; resource: Resource }) => h(RevisionsTab, { ...given, use }),
});

/** Of StatefulSets and DaemonSets. */
export const useSetHistory: UseHistory = (object, resource) => {
  const filter = () => ({ namespace: object().metadata?.namespace ?? '' });
  const kept = useLiveList<ControllerRevision & KubeObject>(core.controllerRevisions, filter);
  const pods = useLiveList<Pod>(core.pods, filter);
  return {
    keptAs: core.controllerRevisions,
    podsTitle: 'kind.pods',
    revisions: computed(() => setRevisionsOf(object(), kept.items.value, pods.items.value)),
    phase: kept.phase,
    rollBack: (revision) => rollBackSet(resource(), object(), revision as Revision<ControllerRevision & KubeObject>),
  };
};
