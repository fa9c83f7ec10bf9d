import type { Pod, StatusCause } from '../../api/index.ts';
import { equalJson } from '../../api/json.ts';
import { podResources } from '../../api/podAmounts.ts';
import { parseQuantity } from '../../api/quantity.ts';
import { StatusError } from '../../api/status.ts';
import { as, is, nodeOfChangedPod, reject } from './attributes.ts';
import type { AdmissionAttributes, AdmissionPlugin } from './types.ts';

/** A pod cannot grow to more than its whole node has. Mirrors plugin/pkg/admission/podresize. */
export const podResize: AdmissionPlugin = {
  name: 'PodResizeValidator',
  handles: (operation, resource, subresource) => operation === 'UPDATE' && is(resource, '', 'pods') && subresource === 'resize',
  async validate(attributes) {
    const [pod, old] = [as<Pod>(attributes.object), as<Pod>(attributes.oldObject)];
    if (!pod.spec?.nodeName || equalJson(pod.spec, old.spec)) return;
    const node = await nodeOfChangedPod(attributes);
    const { name, labels } = node.metadata!;
    const os = labels?.['kubernetes.io/os'] ?? 'linux';
    if (os !== 'linux') throw rejectResize(attributes, `pod resize is only supported on linux nodes, node "${name}" is "${os}"`, 'UnsupportedPlatform');
    const requests = podResources(pod.spec, 'requests');
    const lacking = (['cpu', 'memory'] as const).flatMap((resource) => {
      const [requested, allocatable] = [requests[resource], parseQuantity(node.status?.allocatable?.[resource] ?? '0')];
      if (!requested || requested.cmp(allocatable) <= 0) return [];
      const [wanted, most] = resource === 'cpu' ? [requested.milliValue(), allocatable.milliValue()] : [requested.value(), allocatable.value()];
      return [`${resource}, requested: ${wanted}, allocatable: ${most}`];
    });
    if (lacking.length > 0) throw rejectResize(attributes, `node didn't have enough allocatable resources: ${lacking.join('; ')}`, 'NodeCapacity');
  },
};

function rejectResize(attributes: AdmissionAttributes, why: string, reason: string): StatusError {
  const { status } = reject(attributes, why);
  const causes: StatusCause[] = [...(status.details?.causes ?? []), { reason }];
  return new StatusError({ ...status, details: { ...status.details, causes } });
}
