import type { KindDetails } from '../types.ts';
import { editAction } from '../edit.ts';
import BudgetSummary from './BudgetSummary.vue';

export const details: KindDetails = { summary: BudgetSummary, actions: [editAction('PodDisruptionBudget')] };
