import type { LabelSelector, LabelSelectorRequirement, Pod } from '../../../api/index.ts';

/**
 * A new pod's own labels become part of the selectors that name their keys, so that whoever places pods needs to look at the
 * selectors only. Mirrors pkg/registry/core/pod/strategy.go (mutatePodAffinity, mutateTopologySpreadConstraints).
 */
export function mergeLabelKeys({ metadata, spec }: Pod): void {
  const labels = metadata?.labels;
  if (!labels) return;
  const merge = (selector: LabelSelector | undefined, keys: readonly string[] = [], operator: string) => {
    const added = keys.filter((key) => labels[key] !== undefined).map((key): LabelSelectorRequirement => ({ key, operator, values: [labels[key]!] }));
    // What has no selector matches nothing.
    if (selector && added.length) selector.matchExpressions = [...(selector.matchExpressions ?? []), ...added];
  };
  for (const kind of ['podAffinity', 'podAntiAffinity'] as const) {
    const affinity = spec?.affinity?.[kind];
    const preferred = affinity?.preferredDuringSchedulingIgnoredDuringExecution?.map(({ podAffinityTerm }) => podAffinityTerm) ?? [];
    for (const term of [...preferred, ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [])]) {
      merge(term?.labelSelector, term?.matchLabelKeys, 'In');
      merge(term?.labelSelector, term?.mismatchLabelKeys, 'NotIn');
    }
  }
  for (const { labelSelector, matchLabelKeys } of spec?.topologySpreadConstraints ?? []) merge(labelSelector, matchLabelKeys, 'In');
}
