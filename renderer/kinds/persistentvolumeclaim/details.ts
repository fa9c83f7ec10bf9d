import type { KindDetails } from '../types.ts';
import PersistentVolumeClaimSummary from './PersistentVolumeClaimSummary.vue';

export const details: KindDetails = { summary: PersistentVolumeClaimSummary };
