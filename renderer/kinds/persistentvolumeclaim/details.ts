import type { KindDetails } from '../types.ts';
import { editAction } from '../edit.ts';
import PersistentVolumeClaimSummary from './PersistentVolumeClaimSummary.vue';

export const details: KindDetails = { summary: PersistentVolumeClaimSummary, actions: [editAction('PersistentVolumeClaim')] };
