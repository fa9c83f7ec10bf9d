import type { KindDetails } from '../types.ts';
import { editAction } from '../edit.ts';
import QuotaSummary from './QuotaSummary.vue';

export const details: KindDetails = { summary: QuotaSummary, actions: [editAction('ResourceQuota')] };
