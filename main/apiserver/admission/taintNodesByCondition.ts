import type { Node } from '../../api/index.ts';
import { as, is } from './attributes.ts';
import type { AdmissionPlugin } from './types.ts';

const key = 'node.kubernetes.io/not-ready';

/** A new node takes no pods until it is known to be ready. Mirrors plugin/pkg/admission/nodetaint. */
export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  handles: (operation, resource, subresource) => operation === 'CREATE' && is(resource, '', 'nodes') && !subresource,
  admit({ object }) {
    const spec = (as<Node>(object).spec ??= {});
    if (!spec.taints?.some((taint) => taint.key === key && taint.effect === 'NoSchedule')) (spec.taints ??= []).push({ key, effect: 'NoSchedule' });
  },
};
