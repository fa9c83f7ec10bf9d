import { computed } from 'vue';
import type { Deployment, ReplicaSet } from '../../../main/api/index.ts';
import { core } from '../../client/index.ts';
import type { UseHistory } from '../workload/history.ts';
import type { Revision } from '../workload/revisions.ts';
import { rollBack } from './actions.ts';
import { useOwned } from './useOwned.ts';

export const useDeploymentHistory: UseHistory = (object) => {
  const deployment = () => object() as Deployment;
  const { revisions, phase } = useOwned(deployment);
  return {
    keptAs: core.replicaSets,
    podsTitle: 'column.ready',
    revisions,
    phase,
    obstacle: computed(() => (deployment().spec?.paused ? 'rollout.pausedUndo' : undefined)),
    rollBack: (revision) => rollBack(deployment(), revision as Revision<ReplicaSet>),
  };
};
