import { defineAsyncComponent } from 'vue';
import { lazy } from '../../lazy.ts';
import type { KindDetails } from '../types.ts';
import PodSummary from './PodSummary.vue';

export const details: KindDetails = {
  summary: PodSummary,
  tabs: [
    { id: 'logs', title: 'object.logs', component: defineAsyncComponent(lazy(() => import('./LogsTab.vue'))), keep: true },
    { id: 'terminal', title: 'object.terminal', component: defineAsyncComponent(lazy(() => import('./TerminalTab.vue'))), keep: true },
  ],
};
