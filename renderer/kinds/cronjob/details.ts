import { mdiPlayOutline } from '@mdi/js';
import type { CronJob } from '../../../main/api/index.ts';
import type { KindDetails } from '../types.ts';
import { editAction } from '../edit.ts';
import { runNow, suspendActions } from '../workload/actions.ts';
import CronJobSummary from './CronJobSummary.vue';

export const details: KindDetails<CronJob> = {
  summary: CronJobSummary,
  actions: [
    editAction('CronJob'),
    {
      id: 'run',
      title: 'action.runNow',
      icon: mdiPlayOutline,
      async run(cronJob) {
        await runNow(cronJob);
        return 'action.ranNow';
      },
    },
    ...suspendActions<CronJob>(),
  ],
};
