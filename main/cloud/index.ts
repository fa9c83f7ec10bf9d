/**
 * The cloud-controller-manager of a cloud that is this computer: what its machines are to the cluster, and how the
 * user's own programs reach Services of type LoadBalancer and NodePort.
 */
import type { Duplex } from 'node:stream';
import type { EndpointSlice } from '../api/index.ts';
import { EventRecorder, resources, type Client, type InformerFactory } from '../client/index.ts';
import type { Clock } from '../util/clock.ts';
import type { Logger } from '../util/log.ts';
import type { Random } from '../util/random.ts';
import { listenOnHost, udpOnHost, type HostListen } from './hostPorts.ts';
import type { CloudMetrics } from './metrics.ts';
import { NodeCloud, type CloudMachine } from './nodes.ts';
import { ServiceCloud, type Dial } from './services.ts';

export { listenOnHost, portProblem, udpOnHost, type HostListen, type HostListener } from './hostPorts.ts';
export { CloudMetrics } from './metrics.ts';
export type { CloudMachine } from './nodes.ts';

/** The part of a node's agent that the cloud needs. */
export interface Dialer {
  dial(host: string, port: number): Promise<Duplex>;
  /** A stream of datagrams, in object mode. */
  dialUdp(host: string, port: number): Promise<Duplex>;
}

export interface CloudOptions {
  client: Client;
  informers: InformerFactory;
  /** Part of the nodes' provider ids. */
  cluster: string;
  /** The agent of a node, while it is connected. */
  agents(node: string): Dialer | undefined;
  machine(node: string): CloudMachine | undefined;
  clock: Clock;
  random: Random;
  log: Logger;
  /** Told what runs. */
  metrics?: CloudMetrics;
  /** Open ports of this computer. */
  hostListen?: HostListen;
  hostListenUdp?: HostListen;
}

export interface Cloud {
  /** Closes every port of this computer. */
  stop(): Promise<void>;
}

const byService = 'cloud/service';
const serviceOfSlice = ({ metadata }: EndpointSlice): string[] => {
  const name = metadata?.labels?.['kubernetes.io/service-name'];
  return name ? [`${metadata!.namespace}/${name}`] : [];
};

export function startCloud(options: CloudOptions): Cloud {
  const { client, informers, clock, agents, machine } = options;
  const log = options.log.child('cloud');
  const nodes = informers.informer(resources.nodes);
  const services = informers.informer(resources.services);
  const recorder = new EventRecorder(client, 'service-controller', clock, options.random, { log });

  const slices = informers.informer<EndpointSlice>(resources.endpointSlices);
  slices.addIndex(byService, serviceOfSlice);

  // Where any node will do (each knows the way to every Service) they are taken in turn.
  let turn = 0;
  const dial: Dial = ({ protocol, host, family, port, nodes: allowed, sticky }) => {
    const usable = nodes.list().flatMap((node) => {
      const name = node.metadata!.name!;
      const agent = agents(name);
      const ip = machine(name)?.[family === 'IPv6' ? 'ipv6' : 'ip'];
      return agent && ip !== undefined && (allowed?.has(name) ?? true) ? [{ agent, ip }] : [];
    });
    const chosen = usable[sticky ? 0 : turn++ % usable.length];
    const address = host === 'node' ? (chosen?.ip ?? '') : host;
    return protocol === 'UDP' ? chosen?.agent.dialUdp(address, port) : chosen?.agent.dial(address, port);
  };

  const nodeCloud = new NodeCloud({ client, nodes, machine, cluster: options.cluster, clock, log });
  const serviceCloud = new ServiceCloud({
    client,
    services,
    recorder,
    dial,
    slicesOf: (key) => slices.byIndex(byService, key),
    listen: { TCP: options.hostListen ?? listenOnHost, UDP: options.hostListenUdp ?? udpOnHost(clock) },
    clock,
    log,
  });
  nodeCloud.start();
  serviceCloud.start();
  const stopped = options.metrics?.started('cloud-node', 'route', 'service');
  return {
    async stop() {
      stopped?.();
      await Promise.all([nodeCloud.stop(), serviceCloud.stop()]);
      recorder.stop();
    },
  };
}
