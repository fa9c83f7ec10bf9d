import { editAction } from '../edit.ts';
import type { KindDetails } from '../types.ts';
import SecretSummary from './SecretSummary.vue';

export const details: KindDetails = { summary: SecretSummary, actions: [editAction('Secret')] };
