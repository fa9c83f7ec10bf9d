import { mdiTrayArrowUp } from '@mdi/js';
import { defineAsyncComponent } from 'vue';
import type { Pod } from '../../../main/api/index.ts';
import { controllerOf } from '../../../main/api/meta.ts';
import { lazy } from '../../lazy.ts';
import type { KindDetails } from '../types.ts';
import { evict, isMirror } from './evict.ts';
import PodSummary from './PodSummary.vue';

export const details: KindDetails<Pod> = {
  summary: PodSummary,
  tabs: [
    { id: 'logs', title: 'object.logs', component: defineAsyncComponent(lazy(() => import('./LogsTab.vue'))), keep: true },
    { id: 'terminal', title: 'object.terminal', component: defineAsyncComponent(lazy(() => import('./TerminalTab.vue'))), keep: true },
  ],
  actions: [
    {
      id: 'evict',
      title: 'action.evict',
      icon: mdiTrayArrowUp,
      shown: (pod) => !pod.metadata?.deletionTimestamp && !isMirror(pod),
      confirm: 'action.evictQuestion',
      atStake: { title: 'action.evictLost', of: async (pod) => (controllerOf(pod) ? [] : [pod.metadata?.name ?? '']) },
      async run(pod) {
        const words = await evict(pod);
        return words === undefined ? 'action.evicted' : { refused: 'action.evictRefused', words, instead: 'action.deleteInstead' };
      },
    },
  ],
};
