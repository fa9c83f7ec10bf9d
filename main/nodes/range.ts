import type { Node } from '../api/index.ts';
import { isNotFound } from '../api/status.ts';
import { resources, type Client } from '../client/index.ts';
import type { Logger } from '../util/log.ts';
import type { NodePlace } from './clusterNode.ts';

/**
 * Where a node's machine has another range of pod addresses than the Node of the store (the engine's network was removed, and
 * the new one lies elsewhere), the Node is made anew with all that users gave it: a range cannot be changed once it is set, and
 * with the old one nobody's packets would find the pods. To Kubernetes that is another machine of the same name. `seen`: the Node
 * as it was last heard of; undefined where there is none yet.
 */
export async function keepRangeTrue(client: Client, seen: Node | undefined, { name, podCIDR, podCIDRv6 }: NodePlace, log: Logger): Promise<void> {
  const podCIDRs = [podCIDR, ...(podCIDRv6 ? [podCIDRv6] : [])];
  const known = seen?.spec?.podCIDRs ?? (seen?.spec?.podCIDR ? [seen.spec.podCIDR] : []);
  if (known.length === 0 || known.join() === podCIDRs.join()) return;
  const nodes = client.of(resources.nodes);
  try {
    const { metadata, spec, status } = await nodes.get('', name);
    log.warn('the network of the nodes has changed, and a node is made anew with its new range of pod addresses', { node: name, before: known.join(), now: podCIDRs.join() });
    await nodes.delete('', name, { preconditions: { uid: metadata!.uid } });
    const { labels, annotations } = metadata!;
    await nodes.create({ apiVersion: 'v1', kind: 'Node', metadata: { name, labels, annotations }, spec: { ...spec, podCIDR, podCIDRs }, status });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
