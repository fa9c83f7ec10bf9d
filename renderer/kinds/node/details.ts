import { mdiCancel, mdiCheckCircleOutline } from '@mdi/js';
import type { Node } from '../../../main/api/index.ts';
import { client, core, objectPath } from '../../client/index.ts';
import type { KindDetails } from '../types.ts';
import NodeSummary from './NodeSummary.vue';

const setUnschedulable = (node: Node, unschedulable: boolean) =>
  client().api.patch(objectPath(core.nodes, node), 'strategic', { spec: { unschedulable: unschedulable || null } });

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
  ],
};
