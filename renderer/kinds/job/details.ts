import type { Job } from '../../../main/api/index.ts';
import type { KindDetails } from '../types.ts';
import { editAction } from '../edit.ts';
import { suspendActions } from '../workload/actions.ts';
import JobSummary from './JobSummary.vue';
import { hasEnded } from './status.ts';

export const details: KindDetails<Job> = { summary: JobSummary, actions: [editAction('Job'), ...suspendActions<Job>(hasEnded)] };
