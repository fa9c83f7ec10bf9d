import { defineAsyncComponent } from 'vue';
import type { KindDetails } from '../types.ts';
import PodSummary from './PodSummary.vue';

export const details: KindDetails = {
  summary: PodSummary,
  tabs: [
    { id: 'logs', title: 'object.logs', component: defineAsyncComponent(() => import('./LogsTab.vue')), keep: true },
    { id: 'terminal', title: 'object.terminal', component: defineAsyncComponent(() => import('./TerminalTab.vue')), keep: true },
  ],
};
