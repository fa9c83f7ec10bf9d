import { mdiCancel, mdiCheckCircleOutline, mdiTrayArrowUp } from '@mdi/js';
import type { Node } from '../../../main/api/index.ts';
import type { KindDetails, Said } from '../types.ts';
import { drain, lostBy, setUnschedulable } from './drain.ts';
import NodeSummary from './NodeSummary.vue';

export const details: KindDetails<Node> = {
  summary: NodeSummary,
  actions: [
    {
      id: 'cordon',
      title: 'action.cordon',
      icon: mdiCancel,
      shown: ({ spec }) => !spec?.unschedulable,
      confirm: 'action.cordonQuestion',
      async run(node) {
        await setUnschedulable(node, true);
        return 'action.cordoned';
      },
    },
    {
      id: 'uncordon',
      title: 'action.uncordon',
      icon: mdiCheckCircleOutline,
      shown: ({ spec }) => spec?.unschedulable === true,
      async run(node) {
        await setUnschedulable(node, false);
        return 'action.uncordoned';
      },
    },
    {
      id: 'drain',
      title: 'action.drain',
      icon: mdiTrayArrowUp,
      confirm: 'action.drainQuestion',
      atStake: { title: 'action.drainLost', of: lostBy },
      begun: 'action.draining',
      async run(node): Promise<Said> {
        const { evicted, held, ending } = await drain(node);
        if (!held.length && !ending.length) return { key: 'action.drained', values: { count: evicted } };
        if (!held.length) return { key: 'action.drainEnding', values: { count: ending.length, pods: ending.join(', ') }, tone: 'warn' };
        return { key: 'action.drainHeld', values: { count: held.length, pods: held.map(({ name }) => name).join(', '), message: held[0]!.message }, tone: 'warn' };
      },
    },
  ],
};
