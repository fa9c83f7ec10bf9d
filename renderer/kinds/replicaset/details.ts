import type { KindDetails } from '../types.ts';
import ReplicaSetSummary from './ReplicaSetSummary.vue';

export const details: KindDetails = { summary: ReplicaSetSummary };
