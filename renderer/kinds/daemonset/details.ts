import type { KindDetails } from '../types.ts';
import { editAction } from '../edit.ts';
import { restartAction } from '../workload/actions.ts';
import DaemonSetSummary from './DaemonSetSummary.vue';

export const details: KindDetails = { summary: DaemonSetSummary, actions: [editAction('DaemonSet'), restartAction()] };
