import type { KindDetails } from '../types.ts';
import ServiceSummary from './ServiceSummary.vue';

export const details: KindDetails = { summary: ServiceSummary };
