import { editAction } from '../edit.ts';
import type { KindDetails } from '../types.ts';
import ConfigMapSummary from './ConfigMapSummary.vue';

export const details: KindDetails = { summary: ConfigMapSummary, actions: [editAction('ConfigMap')] };
