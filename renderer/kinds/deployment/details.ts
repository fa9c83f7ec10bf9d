import { mdiPause, mdiPlay } from '@mdi/js';
import type { Deployment } from '../../../main/api/index.ts';
import type { KindDetails } from '../types.ts';
import { editAction } from '../edit.ts';
import { restartAction } from '../workload/actions.ts';
import { setPaused } from './actions.ts';
import DeploymentSummary from './DeploymentSummary.vue';
import HistoryTab from './HistoryTab.vue';

export const details: KindDetails<Deployment> = {
  summary: DeploymentSummary,
  tabs: [{ id: 'history', title: 'object.history', component: HistoryTab }],
  actions: [
    editAction('Deployment'),
    restartAction(({ spec }: Deployment) => !spec?.paused),
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
