import type { KindDetails } from '../types.ts';
import { editAction } from '../edit.ts';
import AutoscalerSummary from './AutoscalerSummary.vue';

export const details: KindDetails = { summary: AutoscalerSummary, actions: [editAction('HorizontalPodAutoscaler')] };
