import type { Node, NodeCondition } from '../api/index.ts';
import { timestamp } from '../api/meta.ts';
import { isNotFound } from '../api/status.ts';
import { resources, WorkQueue, type Client, type Informer } from '../client/index.ts';
import type { Clock } from '../util/clock.ts';
import type { Logger } from '../util/log.ts';

const uninitialized = 'node.cloudprovider.kubernetes.io/uninitialized';

/** What is known of the machine behind a Node. */
export interface CloudMachine {
  ip: string;
  podCIDR: string;
  /** The same two of IPv6, where the cluster has two families of addresses. */
  ipv6?: string;
  podCIDRv6?: string;
}

export interface NodeCloudOptions {
  client: Client;
  nodes: Informer<Node>;
  /** Undefined for a node that has no machine here. */
  machine(node: string): CloudMachine | undefined;
  /** Names this cluster among those of the computer: `skiff://<cluster>/<node>`. */
  cluster: string;
  clock: Clock;
  log: Logger;
}

/**
 * What a cloud tells of its machines: the provider's id, the range of pods' addresses that the machine routes, and that
 * the way to it exists. Mirrors staging/src/k8s.io/cloud-provider/controllers/{node,route}.
 */
export class NodeCloud {
  readonly #queue: WorkQueue;
  #end: () => void = () => {};

  constructor(private readonly options: NodeCloudOptions) {
    this.#queue = new WorkQueue(options.clock, { log: options.log });
  }

  start(): void {
    const add = (node: Node) => this.#queue.add(node.metadata!.name!);
    this.#end = this.options.nodes.on({ add, update: (_, node) => add(node) });
    void this.#queue.run(2, (name) => this.#sync(name));
  }

  async stop(): Promise<void> {
    this.#end();
    await this.#queue.stop();
  }

  async #sync(name: string): Promise<void> {
    const node = this.options.nodes.get(name);
    const machine = this.options.machine(name);
    if (!node || !machine) return;
    const nodes = this.options.client.because(node.metadata!.resourceVersion).of(resources.nodes);
    const spec: Record<string, unknown> = {};
    if (!node.spec?.providerID) spec.providerID = `skiff://${this.options.cluster}/${name}`;
    // A range cannot be changed once it is set.
    if (!node.spec?.podCIDR) Object.assign(spec, { podCIDR: machine.podCIDR, podCIDRs: [machine.podCIDR, ...(machine.podCIDRv6 ? [machine.podCIDRv6] : [])] });
    const taints = node.spec?.taints ?? [];
    if (taints.some(({ key }) => key === uninitialized))
      spec.taints = taints.filter(({ key }) => key !== uninitialized);
    try {
      if (Object.keys(spec).length > 0)
        await nodes.patch('', name, 'merge', { metadata: { resourceVersion: node.metadata!.resourceVersion }, spec });
      const condition = routeCondition(node, timestamp(this.options.clock.now()));
      if (condition)
        await nodes.patch('', name, 'strategic', { status: { conditions: [condition] } }, { subresource: 'status' });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

/** Undefined when the node says it already. */
function routeCondition(node: Node, now: string): NodeCondition | undefined {
  const known = node.status?.conditions?.find(({ type }) => type === 'NetworkUnavailable');
  if (known?.status === 'False') return undefined;
  return {
    type: 'NetworkUnavailable',
    status: 'False',
    reason: 'RouteCreated',
    message: 'RouteController created a route',
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  };
}
