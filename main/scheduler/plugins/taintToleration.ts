import type { Node } from '../../api/index.ts';
import { tolerationsChanged } from '../events.ts';
import type { Plugin } from '../framework.ts';
import { unresolvable } from '../status.ts';
import { doNotSchedule, tolerates, untoleratedTaint } from '../../api/tolerations.ts';
import { normalizeToBest } from './normalize.ts';

const rejected = unresolvable('TaintToleration', 'node(s) had untolerated taint(s)');

/** Keeps pods from nodes with taints that they do not tolerate; PreferNoSchedule only makes a node worse. */
export const taintToleration: Plugin = {
  name: 'TaintToleration',
  filter(_, { pod }, { taints }) {
    if (taints.length === 0) return undefined;
    return untoleratedTaint(taints, pod.spec!.tolerations, doNotSchedule) ? rejected : undefined;
  },
  score(_, { pod }, { node }) {
    const taints = node.spec?.taints;
    if (!taints) return 0;
    const tolerations = pod.spec!.tolerations?.filter((t) => !t.effect || t.effect === 'PreferNoSchedule') ?? [];
    const disliked = taints.filter((taint) => taint.effect === 'PreferNoSchedule');
    return disliked.filter((taint) => !tolerations.some((toleration) => tolerates(toleration, taint))).length;
  },
  normalize(_, __, scores) {
    normalizeToBest(scores, 'lowest');
  },
  isHelpful(event, { pod }) {
    const tolerated = (node: Node) => !untoleratedTaint(node.spec?.taints, pod.spec!.tolerations, doNotSchedule);
    if (event.kind === 'PodUpdate') return tolerationsChanged(event.old, event.pod);
    if (event.kind === 'NodeUpdate') return tolerated(event.node) && !tolerated(event.old);
    return event.kind === 'NodeAdd' && tolerated(event.node);
  },
};
