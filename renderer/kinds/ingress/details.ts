import type { KindDetails } from '../types.ts';
import { editAction } from '../edit.ts';
import IngressSummary from './IngressSummary.vue';

export const details: KindDetails = { summary: IngressSummary, actions: [editAction('Ingress')] };
