import type { KindDetails } from '../types.ts';
import { editAction } from '../edit.ts';
import { restartAction } from '../workload/actions.ts';
import RevisionsTab from '../workload/RevisionsTab.vue';
import StatefulSetSummary from './StatefulSetSummary.vue';

export const details: KindDetails = {
  summary: StatefulSetSummary,
  tabs: [{ id: 'history', title: 'object.history', component: RevisionsTab }],
  actions: [editAction('StatefulSet'), restartAction()],
};
