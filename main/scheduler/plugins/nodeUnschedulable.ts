import type { Pod } from '../../api/index.ts';
import { tolerationsChanged } from '../events.ts';
import type { Plugin } from '../framework.ts';
import { unresolvable } from '../status.ts';
import { tolerates } from '../../api/tolerations.ts';

const rejected = unresolvable('NodeUnschedulable', 'node(s) were unschedulable');
const taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };
const toleratesIt = (pod: Pod) => pod.spec!.tolerations?.some((toleration) => tolerates(toleration, taint)) ?? false;

/** Keeps pods from cordoned nodes. */
export const nodeUnschedulable: Plugin = {
  name: 'NodeUnschedulable',
  filter(_, { pod }, { isUnschedulable }) {
    if (!isUnschedulable) return undefined;
    return toleratesIt(pod) ? undefined : rejected;
  },
  isHelpful(event) {
    if (event.kind === 'NodeAdd') return !event.node.spec?.unschedulable;
    if (event.kind === 'NodeUpdate') return Boolean(event.old.spec?.unschedulable) && !event.node.spec?.unschedulable;
    return event.kind === 'PodUpdate' && tolerationsChanged(event.old, event.pod) && toleratesIt(event.pod);
  },
};
