import { equalJson } from '../../api/json.ts';
import type { Plugin } from '../framework.ts';
import { unresolvable } from '../status.ts';
import { doNotSchedule, tolerates, untoleratedTaint } from '../../api/tolerations.ts';
import { normalizeToBest } from './normalize.ts';

const rejected = unresolvable('TaintToleration', 'node(s) had untolerated taint(s)');

/** Keeps pods from nodes with taints that they do not tolerate; PreferNoSchedule only makes a node worse. */
export const taintToleration: Plugin = {
  name: 'TaintToleration',
  filter(_, { pod }, { node }) {
    return untoleratedTaint(node.spec?.taints, pod.spec!.tolerations, doNotSchedule) ? rejected : undefined;
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
    if (event.kind === 'PodUpdate') return true;
    if (event.kind !== 'NodeAdd' && event.kind !== 'NodeUpdate') return false;
    if (event.kind === 'NodeUpdate' && equalJson(event.old.spec?.taints, event.node.spec?.taints)) return false;
    return !untoleratedTaint(event.node.spec?.taints, pod.spec!.tolerations, doNotSchedule);
  },
};
