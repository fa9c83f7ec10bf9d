import type { Binding, Node, Pod } from '../../api/index.ts';
import { as, is } from './attributes.ts';
import type { AdmissionPlugin } from './types.ts';

const labels = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'];

/** Pods carry where their node is, for the downward API. Mirrors plugin/pkg/admission/podtopologylabels. */
export const podTopologyLabels: AdmissionPlugin = {
  name: 'PodTopologyLabels',
  handles: (operation, resource, subresource) =>
    operation === 'CREATE' && ((is(resource, '', 'pods') && (subresource === '' || subresource === 'binding')) || (is(resource, '', 'bindings') && subresource === '')),
  async admit({ object, objects, resource, subresource }) {
    const isBinding = subresource === 'binding' || is(resource, '', 'bindings');
    const node = isBinding ? as<Binding>(object).target?.name : as<Pod>(object).spec?.nodeName;
    if (!node) return;
    const found = await objects.get<Node>({ group: '', version: 'v1', resource: 'nodes' }, '', node);
    for (const label of labels) {
      const value = found?.metadata?.labels?.[label];
      if (value !== undefined) ((object!.metadata ??= {}).labels ??= {})[label] = value;
    }
  },
};
