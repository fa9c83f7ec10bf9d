import type { KindDetails } from '../types.ts';
import { editAction } from '../edit.ts';
import { restartAction } from '../workload/actions.ts';
import RevisionsTab from '../workload/RevisionsTab.vue';
import DaemonSetSummary from './DaemonSetSummary.vue';

export const details: KindDetails = {
  summary: DaemonSetSummary,
  tabs: [{ id: 'history', title: 'object.history', component: RevisionsTab }],
  actions: [editAction('DaemonSet'), restartAction()],
};
