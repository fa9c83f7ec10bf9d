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
  return selector.nodeSelectorTerms.some((term) => matchesTerm(term, node));
}

export function matchesTerm(term: NodeSelectorTerm, node: Node): boolean {
  const { matchExpressions = [], matchFields = [] } = term;
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  return (
    matchExpressions.every((r) => satisfies(r, node.metadata!.labels?.[r.key])) &&
    matchFields.every((r) => r.key === 'metadata.name' && satisfies(r, node.metadata!.name))
  );
}

function satisfies({ operator, values = [] }: NodeSelectorRequirement, value: string | undefined): boolean {
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
