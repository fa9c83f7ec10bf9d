import type { KindDetails } from '../types.ts';
import { editAction } from '../edit.ts';
import { restartAction } from '../workload/actions.ts';
import StatefulSetSummary from './StatefulSetSummary.vue';

export const details: KindDetails = { summary: StatefulSetSummary, actions: [editAction('StatefulSet'), restartAction()] };
