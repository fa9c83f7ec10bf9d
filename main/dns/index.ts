/** Cluster DNS: the zone of Services and endpoints, brought to every node; questions about the rest of the world. */
import type { ConfigMap, EndpointSlice } from '../api/index.ts';
import { resources, type InformerFactory } from '../client/index.ts';
import type { Clock } from '../util/clock.ts';
import { FanOut } from '../util/fanOut.ts';
import type { Logger } from '../util/log.ts';
import { buildZone } from './buildZone.ts';
import type { DnsResolvers, DnsZone } from './records.ts';
import { configName, configNamespace, resolversOf } from './resolverConfig.ts';

export type { DnsResolvers, DnsService, DnsZone } from './records.ts';
export { buildZone, type NamesView } from './buildZone.ts';
export { createForwarder, type ForwarderOptions } from './forward.ts';

export interface DnsOptions {
  informers: InformerFactory;
  /** The nodes that answer questions; default: all. */
  nodes?(): string[];
  /** Brings the zone to a node; rejects when the node cannot be reached now. */
  sink(node: string, zone: DnsZone): Promise<void>;
  /** `cluster.local` */
  domain: string;
  clock: Clock;
  log: Logger;
}

export interface Dns {
  /** A node's agent is there anew and may know nothing. */
  refresh(node: string): void;
  stop(): void;
}

const serviceName = 'kubernetes.io/service-name';

function ownerKey(slice: EndpointSlice): string[] {
  const name = slice.metadata?.labels?.[serviceName];
  return name ? [`${slice.metadata!.namespace}/${name}`] : [];
}

/** Keeps every node's zone up to date. */
export function startDns(options: DnsOptions): Dns {
  const { informers } = options;
  const services = informers.informer(resources.services);
  const slices = informers.informer(resources.endpointSlices);
  const namespaces = informers.informer(resources.namespaces);
  const nodes = informers.informer(resources.nodes);
  const configMaps = informers.informer(resources.configMaps);
  const log = options.log.child('dns');
  slices.addIndex('dns/service', ownerKey);

  // What was right last stays while what is said now is not.
  let resolvers: DnsResolvers | undefined;
  const readConfig = (config: ConfigMap | undefined) => {
    try {
      resolvers = config && resolversOf(config);
      changed();
    } catch (error) {
      log.warn(`the ConfigMap ${configNamespace}/${configName} is not taken`, { error: (error as Error).message });
    }
  };
  const isConfig = ({ metadata }: ConfigMap) => metadata!.namespace === configNamespace && metadata!.name === configName;
  const configHandlers = {
    add: (config: ConfigMap) => void (isConfig(config) && readConfig(config)),
    update: (_: ConfigMap, config: ConfigMap) => void (isConfig(config) && readConfig(config)),
    delete: (config: ConfigMap) => void (isConfig(config) && readConfig(undefined)),
  };

  // One zone for all nodes: built once a change.
  let zone: DnsZone | undefined;
  const current = () =>
    (zone ??=
      services.hasSynced && slices.hasSynced && namespaces.hasSynced && configMaps.hasSynced
        ? buildZone({
            domain: options.domain,
            services: services.list(),
            slicesOf: (key) => slices.byIndex('dns/service', key),
            namespaces: namespaces.list(),
            resolvers,
          })
        : undefined);
  const fanOut = new FanOut<DnsZone>({
    clock: options.clock,
    log,
    targets: options.nodes ?? (() => nodes.list().map((node) => node.metadata!.name!)),
    compute: current,
    sink: options.sink,
  });
  function changed(): void {
    zone = undefined;
    fanOut.changed();
  }
  const handlers = { add: changed, update: changed, delete: changed };
  const nodeHandlers = { add: () => fanOut.changed(), delete: () => fanOut.changed() };
  const ends = [services.on(handlers), slices.on(handlers), namespaces.on(handlers), nodes.on(nodeHandlers), configMaps.on(configHandlers)];
  void informers.synced().then(changed);
  return {
    refresh: (node) => fanOut.refresh(node),
    stop() {
      for (const end of ends) end();
      fanOut.stop();
    },
  };
}
