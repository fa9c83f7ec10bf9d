import type { KindDetails } from '../types.ts';
import { editAction } from '../edit.ts';
import { restartAction } from '../workload/actions.ts';
import { historyTab, useSetHistory } from '../workload/history.ts';
import StatefulSetSummary from './StatefulSetSummary.vue';

export const details: KindDetails = {
  summary: StatefulSetSummary,
  tabs: [historyTab(useSetHistory)],
  actions: [editAction('StatefulSet'), restartAction()],
};
