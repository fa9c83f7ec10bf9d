import { editAction } from '../edit.ts';
import type { KindDetails } from '../types.ts';
import PersistentVolumeSummary from './PersistentVolumeSummary.vue';

export const details: KindDetails = { summary: PersistentVolumeSummary, actions: [editAction('PersistentVolume')] };
