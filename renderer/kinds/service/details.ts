import type { KindDetails } from '../types.ts';
import { editAction } from '../edit.ts';
import ServiceSummary from './ServiceSummary.vue';

export const details: KindDetails = { summary: ServiceSummary, actions: [editAction('Service')] };
