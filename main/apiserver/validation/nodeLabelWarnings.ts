import type { NodeSelectorTerm } from '../../api/index.ts';
import { isLabelValue } from '../../api/names.ts';

/* Mirrors pkg/api/node/util.go. */

/** Labels of nodes that have newer names, or mean nothing any more. */
export const deprecatedNodeLabels: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region': 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone': 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type': 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
  'app.kubernetes.io/created-by': 'deprecated since v1.9',
  'scheduler.alpha.kubernetes.io/preferAvoidPods': 'deprecated since v1.22; use Taints and Tolerations instead',
  'node-role.kubernetes.io/master': 'use "node-role.kubernetes.io/control-plane" instead',
};

/** `checkValues`: values that no label can have are told as well, since such a term is not refused but never matches. */
export function nodeSelectorTermWarnings(field: string, term: NodeSelectorTerm | undefined, checkValues: boolean): string[] {
  return (term?.matchExpressions ?? []).flatMap(({ key, values }, i) => {
    const path = `${field}.matchExpressions[${i}]`;
    const deprecated = deprecatedNodeLabels[key];
    const warnings = deprecated ? [`${path}.key: ${key} is ${deprecated}`] : [];
    if (checkValues)
      values?.forEach((value, j) => warnings.push(...isLabelValue(value).map((problem) => `${path}.values[${j}]: ${value} is invalid, ${problem}`)));
    return warnings;
  });
}
