import type { KindDetails } from '../types.ts';
import { editAction } from '../edit.ts';
import { restartAction } from '../workload/actions.ts';
import { historyTab, useSetHistory } from '../workload/history.ts';
import DaemonSetSummary from './DaemonSetSummary.vue';

export const details: KindDetails = {
  summary: DaemonSetSummary,
  tabs: [historyTab(useSetHistory)],
  actions: [editAction('DaemonSet'), restartAction()],
};
