import type { Pod } from '../../api/index.ts';
import { as, is } from './attributes.ts';
import type { AdmissionPlugin } from './types.ts';

const taints = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

/** Pods stay on a node that is gone for five minutes, unless they say otherwise. Mirrors plugin/pkg/admission/defaulttolerationseconds. */
export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  handles: (operation, resource, subresource) => (operation === 'CREATE' || operation === 'UPDATE') && is(resource, '', 'pods') && !subresource,
  admit({ object }) {
    const spec = as<Pod>(object).spec!;
    for (const key of taints) {
      const tolerated = spec.tolerations?.some((t) => (!t.key || t.key === key) && (!t.effect || t.effect === 'NoExecute'));
      if (!tolerated) (spec.tolerations ??= []).push({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 });
    }
  },
};
