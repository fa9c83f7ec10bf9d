import type { Node, NodeSelector, Pod } from '../../api/index.ts';
import type { PluginArgs } from '../configuration.ts';
import type { Plugin } from '../framework.ts';
import { matchesNodeSelector, matchesRequiredNodeAffinity, matchesTerm } from '../../api/nodeSelector.ts';
import { unresolvable } from '../status.ts';
import { normalizeToBest } from './normalize.ts';

const name = 'NodeAffinity';
const rejected = unresolvable(name, "node(s) didn't match Pod's node affinity/selector");

const enforced = unresolvable(name, "node(s) didn't match scheduler-enforced node affinity");

/** Keeps a pod to the nodes that it selects, and near those that it prefers; `addedAffinity` holds for all pods. */
export function nodeAffinity({ addedAffinity }: PluginArgs['NodeAffinity']): Plugin {
  const added = addedAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const addedTerms = addedAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return {
    name,
    preFilter(_, { pod }) {
      const { nodeSelector, affinity } = pod.spec!;
      const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
      if (!nodeSelector && !required && !added) return { skip: true };
      const named = required && namedNodes(required);
      if (!named) return undefined;
      return named.size > 0 ? { nodes: named } : { status: unresolvable(name, 'pod affinity terms conflict') };
    },
    filter(_, { pod }, { node }) {
      if (added && !matchesNodeSelector(added, node)) return enforced;
      return matchesRequiredNodeAffinity(pod, node) ? undefined : rejected;
    },
    preScore(_, { pod }) {
      return preferredBy(pod).length + addedTerms.length > 0 ? undefined : 'skip';
    },
    score(_, { pod }, { node }) {
      let score = 0;
      for (const { weight, preference } of addedTerms) if (matchesTerm(preference, node)) score += weight;
      for (const { weight, preference } of preferredBy(pod)) if (matchesTerm(preference, node)) score += weight;
      return score;
    },
    normalize(_, __, scores) {
      normalizeToBest(scores, 'highest');
    },
    isHelpful(event, { pod }) {
      const fits = (node: Node) => (!added || matchesNodeSelector(added, node)) && matchesRequiredNodeAffinity(pod, node);
      if (event.kind === 'NodeAdd') return fits(event.node);
      if (event.kind === 'NodeUpdate') return fits(event.node) && !fits(event.old);
      return false;
    },
  };
}

const preferredBy = (pod: Pod) => pod.spec!.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];

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
