import { expect, it } from 'vitest';
import type { Pod, PodAffinityTerm } from '../../../../main/api/index.ts';
import { cloneJson } from '../../../../main/api/json.ts';
import { pod } from '../../../../main/apiserver/registry/core/pod.ts';

const term: PodAffinityTerm = { topologyKey: 'zone', labelSelector: { matchLabels: { app: 'x' } }, matchLabelKeys: ['hash', 'absent'], mismatchLabelKeys: ['tenant'] };

it("makes a new pod's own labels a part of the selectors that name their keys", () => {
  const object: Pod = {
    metadata: { name: 'p', labels: { app: 'x', hash: '1', tenant: 't' } },
    spec: {
      containers: [{ name: 'c', image: 'i' }],
      affinity: {
        podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [cloneJson(term)] },
        podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: cloneJson(term) }, { weight: 1, podAffinityTerm: { topologyKey: 'zone', matchLabelKeys: ['hash'] } }] },
      },
      topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector: {}, matchLabelKeys: ['hash'] }],
    },
  };
  pod.prepareForCreate!({ now: 0, warnings: [] } as never, object);
  const merged = [{ key: 'hash', operator: 'In', values: ['1'] }, { key: 'tenant', operator: 'NotIn', values: ['t'] }];
  const { affinity, topologySpreadConstraints } = object.spec!;
  expect(affinity!.podAffinity!.requiredDuringSchedulingIgnoredDuringExecution![0]!.labelSelector).toEqual({ matchLabels: { app: 'x' }, matchExpressions: merged });
  const preferred = affinity!.podAntiAffinity!.preferredDuringSchedulingIgnoredDuringExecution!;
  expect(preferred[0]!.podAffinityTerm.labelSelector!.matchExpressions).toEqual(merged);
  // Nothing matches what has no selector.
  expect(preferred[1]!.podAffinityTerm.labelSelector).toBeUndefined();
  expect(topologySpreadConstraints![0]!.labelSelector).toEqual({ matchExpressions: merged.slice(0, 1) });
});
