import type { KindDetails } from '../types.ts';
import PersistentVolumeSummary from './PersistentVolumeSummary.vue';

export const details: KindDetails = { summary: PersistentVolumeSummary };
