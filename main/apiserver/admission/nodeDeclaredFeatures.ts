import type { Node, Pod } from '../../api/index.ts';
import { featuresForUpdate } from '../../api/nodeFeatures.ts';
import { as, is, nodeOfChangedPod, reject } from './attributes.ts';
import type { AdmissionPlugin } from './types.ts';

/** A pod changes only into what its node can do. Mirrors plugin/pkg/admission/nodedeclaredfeatures. */
export const nodeDeclaredFeatures: AdmissionPlugin = {
  name: 'NodeDeclaredFeatureValidator',
  handles: (operation, resource, subresource) => operation === 'UPDATE' && is(resource, '', 'pods') && (!subresource || subresource === 'resize'),
  async validate(attributes) {
    const [pod, old] = [as<Pod>(attributes.object), as<Pod>(attributes.oldObject)];
    const needed = pod.spec?.nodeName ? featuresForUpdate(old.spec!, pod.spec) : [];
    if (needed.length === 0) return;
    const node: Node = await nodeOfChangedPod(attributes);
    const missing = needed.filter((feature) => !node.status?.declaredFeatures?.includes(feature));
    if (missing.length > 0) throw reject(attributes, `pod update requires features ${missing.join(', ')} which are not available on node "${node.metadata!.name}"`);
  },
};
