/** kube-proxy's place: turns Services and EndpointSlices into what each node's rules are made of. */
import type { EndpointSlice, Node, Pod } from '../api/index.ts';
import { resources, type InformerFactory } from '../client/index.ts';
import type { Clock } from '../util/clock.ts';
import { FanOut } from '../util/fanOut.ts';
import type { Logger } from '../util/log.ts';
import { buildModel, hasHostPorts, internalIP, isEligible, podCIDROf } from './buildModel.ts';
import type { ProxyModel } from './model.ts';

export type { EndpointAddress, FamilyRules, ProxyModel, ServicePort } from './model.ts';
export { buildModel, type ClusterView } from './buildModel.ts';

export interface ProxyOptions {
  informers: InformerFactory;
  /** The nodes that have rules; default: all. */
  nodes?(): string[];
  /** Brings a model to a node; rejects when the node cannot be reached now. */
  sink(node: string, model: ProxyModel): Promise<void>;
  /** Ports that every node serves by itself, as `10.96.0.1:443/TCP`. */
  servedByNodes: string[];
  clock: Clock;
  log: Logger;
}

export interface Proxy {
  /** A node's agent is there anew and may know nothing. */
  refresh(node: string): void;
  stop(): void;
}

const serviceName = 'kubernetes.io/service-name';
const headless = 'service.kubernetes.io/headless';

/** The Service that a slice belongs to, as a key. */
function ownerKey(slice: EndpointSlice): string[] {
  const labels = slice.metadata?.labels;
  const name = labels?.[serviceName];
  return name && labels?.[headless] === undefined ? [`${slice.metadata!.namespace}/${name}`] : [];
}

/** What the rules of all nodes depend on. */
function placeOf(node: Node): string {
  const families = (['IPv4', 'IPv6'] as const).map((family) => `${internalIP(node, family)} ${podCIDROf(node, family)}`);
  return [...families, node.metadata?.labels?.['topology.kubernetes.io/zone'], isEligible(node)].join(' ');
}

/** Keeps every node's model up to date, from the informers' first lists on. */
export function startProxy(options: ProxyOptions): Proxy {
  const { informers, log } = options;
  const services = informers.informer(resources.services);
  const slices = informers.informer(resources.endpointSlices);
  const nodes = informers.informer(resources.nodes);
  const serviceCIDRs = informers.informer(resources.serviceCIDRs);
  const pods = informers.informer(resources.pods);
  slices.addIndex('proxy/service', ownerKey);
  pods.addIndex('proxy/hostPorts', (pod) => (pod.spec?.nodeName && hasHostPorts(pod) ? [pod.spec.nodeName] : []));
  const servedByNodes = new Set(options.servedByNodes);

  const fanOut = new FanOut<ProxyModel>({
    clock: options.clock,
    log: log.child('proxy'),
    targets: options.nodes ?? (() => nodes.list().map((node) => node.metadata!.name!)),
    compute: (node) =>
      // Rules from half of the picture would cut connections that are alive.
      services.hasSynced && slices.hasSynced && nodes.hasSynced && pods.hasSynced && serviceCIDRs.hasSynced
        ? buildModel(
            {
              services: services.list(),
              slicesOf: (key) => slices.byIndex('proxy/service', key),
              nodes: nodes.list(),
              serviceCIDRs: serviceCIDRs.list(),
              podsOf: (name) => pods.byIndex('proxy/hostPorts', name),
              servedByNodes,
            },
            node,
          )
        : undefined,
    sink: options.sink,
  });
  const changed = () => fanOut.changed();
  const handlers = { add: changed, update: changed, delete: changed };
  // Nodes report all the time that they are well; rules do not depend on that.
  const nodeHandlers = {
    add: changed,
    update: (old: Node, node: Node) => void (placeOf(old) !== placeOf(node) && changed()),
    delete: changed,
  };
  const podChanged = (pod: Pod) => void (hasHostPorts(pod) && changed());
  const podHandlers = {
    add: podChanged,
    update: (old: Pod, pod: Pod) =>
      void (old.status?.podIP === pod.status?.podIP && old.status?.podIPs?.length === pod.status?.podIPs?.length && old.status?.phase === pod.status?.phase ? undefined : podChanged(pod)),
    delete: podChanged,
  };
  const ends = [services.on(handlers), slices.on(handlers), nodes.on(nodeHandlers), pods.on(podHandlers), serviceCIDRs.on(handlers)];
  // The last list may have been empty: then no event tells that it is in.
  void informers.synced().then(changed);
  return {
    refresh: (node) => fanOut.refresh(node),
    stop() {
      for (const end of ends) end();
      fanOut.stop();
    },
  };
}
