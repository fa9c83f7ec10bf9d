import { mdiPause, mdiPlay } from '@mdi/js';
import type { Deployment } from '../../../main/api/index.ts';
import type { KindDetails } from '../types.ts';
import { editAction } from '../edit.ts';
import { restartAction } from '../workload/actions.ts';
import { historyTab } from '../workload/history.ts';
import { setPaused } from './actions.ts';
import { exposeAction } from './expose.ts';
import DeploymentSummary from './DeploymentSummary.vue';
import { useDeploymentHistory } from './history.ts';

export const details: KindDetails<Deployment> = {
  summary: DeploymentSummary,
  tabs: [historyTab(useDeploymentHistory)],
  actions: [
    editAction('Deployment'),
    restartAction(({ spec }: Deployment) => !spec?.paused),
    exposeAction,
    {
      id: 'pause',
      title: 'action.pause',
      icon: mdiPause,
      shown: ({ spec }) => !spec?.paused,
      async run(deployment) {
        await setPaused(deployment, true);
        return 'action.paused';
      },
    },
    {
      id: 'resume',
      title: 'action.resume',
      icon: mdiPlay,
      shown: ({ spec }) => spec?.paused === true,
      async run(deployment) {
        await setPaused(deployment, false);
        return 'action.resumed';
      },
    },
  ],
};
