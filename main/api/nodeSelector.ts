import type { Node, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Pod } from './index.ts';

// Mirrors k8s.io/component-helpers/scheduling/corev1/nodeaffinity.

/** Whether the pod's nodeSelector and required node affinity allow the node. */
export function matchesRequiredNodeAffinity(pod: Pod, node: Node): boolean {
  const { nodeSelector, affinity } = pod.spec!;
  if (nodeSelector) {
    const labels = node.metadata!.labels;
    for (const name in nodeSelector) if (labels?.[name] !== nodeSelector[name]) return false;
  }
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return !required || matchesNodeSelector(required, node);
}

/** Terms are alternatives; no term, or an empty one, matches nothing. */
export function matchesNodeSelector(selector: NodeSelector, node: Node): boolean {
  for (const term of selector.nodeSelectorTerms) if (matchesTerm(term, node)) return true;
  return false;
}

/** Every pod asks it of every node: nothing is made on the way. */
export function matchesTerm({ matchExpressions, matchFields }: NodeSelectorTerm, node: Node): boolean {
  if (!matchExpressions?.length && !matchFields?.length) return false;
  const { labels, name } = node.metadata!;
  if (matchExpressions) for (const requirement of matchExpressions) if (!satisfies(requirement, labels?.[requirement.key])) return false;
  if (matchFields) for (const requirement of matchFields) if (requirement.key !== 'metadata.name' || !satisfies(requirement, name)) return false;
  return true;
}

const none: string[] = [];

function satisfies({ operator, values = none }: NodeSelectorRequirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return isInteger(value) && isInteger(values[0]) && BigInt(value) > BigInt(values[0]);
    case 'Lt':
      return isInteger(value) && isInteger(values[0]) && BigInt(value) < BigInt(values[0]);
    default:
      return false;
  }
}

const isInteger = (text: string | undefined): text is string => text !== undefined && /^-?\d+$/.test(text);
