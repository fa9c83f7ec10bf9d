import type { NodeSelectorTerm } from '../../api/index.ts';
import { isLabelValue } from '../../api/names.ts';

/* Mirrors pkg/api/node/util.go. */

/** Labels of nodes that have newer names. */
export const stableLabels: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/arch': 'kubernetes.io/arch',
  'beta.kubernetes.io/os': 'kubernetes.io/os',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'beta.kubernetes.io/instance-type': 'node.kubernetes.io/instance-type',
};

const since = (label: string) => (label === 'beta.kubernetes.io/arch' || label === 'beta.kubernetes.io/os' ? 'v1.14' : 'v1.17');

/** What is said of those, and of labels that mean nothing any more. */
export const deprecatedNodeLabels: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(stableLabels).map(([label, stable]) => [label, `deprecated since ${since(label)}; use "${stable}" instead`])),
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
