import type { NodeSelector } from '../../api/index.ts';
import type { Plugin } from '../framework.ts';
import { matchesRequiredNodeAffinity, matchesTerm } from '../../api/nodeSelector.ts';
import { unresolvable } from '../status.ts';
import { normalizeToBest } from './normalize.ts';

const name = 'NodeAffinity';
const rejected = unresolvable(name, "node(s) didn't match Pod's node affinity/selector");

/** Keeps a pod to the nodes that it selects, and near those that it prefers. */
export const nodeAffinity: Plugin = {
  name,
  weight: 2,
  preFilter(_, { pod }) {
    const { nodeSelector, affinity } = pod.spec!;
    const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
    if (!nodeSelector && !required) return { skip: true };
    const named = required && namedNodes(required);
    if (!named) return undefined;
    return named.size > 0 ? { nodes: named } : { status: unresolvable(name, 'pod affinity terms conflict') };
  },
  filter(_, { pod }, { node }) {
    return matchesRequiredNodeAffinity(pod, node) ? undefined : rejected;
  },
  preScore(_, { pod }) {
    return pod.spec!.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution?.length
      ? undefined
      : 'skip';
  },
  score(_, { pod }, { node }) {
    const preferred = pod.spec!.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    return preferred.reduce((sum, { weight, preference }) => sum + (matchesTerm(preference, node) ? weight : 0), 0);
  },
  normalize(_, __, scores) {
    normalizeToBest(scores, 'highest');
  },
  isHelpful(event, { pod }) {
    if (event.kind === 'NodeAdd') return matchesRequiredNodeAffinity(pod, event.node);
    if (event.kind === 'NodeUpdate') {
      return matchesRequiredNodeAffinity(pod, event.node) && !matchesRequiredNodeAffinity(pod, event.old);
    }
    return event.kind === 'PodUpdate';
  },
};

/** The only nodes that can match, where every term names its nodes; undefined: any node may. */
function namedNodes(selector: NodeSelector): Set<string> | undefined {
  const union = new Set<string>();
  for (const term of selector.nodeSelectorTerms) {
    let named: Set<string> | undefined;
    for (const { key, operator, values } of term.matchFields ?? []) {
      if (key !== 'metadata.name' || operator !== 'In') continue;
      const before = named;
      named = new Set(before ? values?.filter((value) => before.has(value)) : values);
    }
    if (!named) return undefined;
    for (const node of named) union.add(node);
  }
  return union;
}
