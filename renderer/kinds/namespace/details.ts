import type { KindDetails } from '../types.ts';
import { editAction } from '../edit.ts';
import NamespaceSummary from './NamespaceSummary.vue';

export const details: KindDetails = { summary: NamespaceSummary, actions: [editAction('Namespace')] };
