/**
 * The cloud-controller-manager of a cloud that is this computer: what its machines are to the cluster, and how the
 * user's own programs reach Services of type LoadBalancer and NodePort.
 */
import type { Duplex } from 'node:stream';
import { EventRecorder, resources, type Client, type InformerFactory } from '../client/index.ts';
import type { Clock } from '../util/clock.ts';
import type { Logger } from '../util/log.ts';
import type { Random } from '../util/random.ts';
import { listenOnHost, type HostListen } from './hostPorts.ts';
import { NodeCloud, type CloudMachine } from './nodes.ts';
import { ServiceCloud } from './services.ts';

export { listenOnHost, portProblem, type HostListen, type HostListener } from './hostPorts.ts';
export type { CloudMachine } from './nodes.ts';

/** The part of a node's agent that the cloud needs. */
export interface Dialer {
  dial(host: string, port: number): Promise<Duplex>;
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
  /** Opens ports of this computer. */
  hostListen?: HostListen;
}

export interface Cloud {
  /** Closes every port of this computer. */
  stop(): Promise<void>;
}

export function startCloud(options: CloudOptions): Cloud {
  const { client, informers, clock, agents, machine } = options;
  const log = options.log.child('cloud');
  const nodes = informers.informer(resources.nodes);
  const services = informers.informer(resources.services);
  const recorder = new EventRecorder(client, 'service-controller', clock, options.random, { log });

  // Any node will do: each knows the way to every Service. Taken in turn.
  let turn = 0;
  const dial = (host: string, port: number): Promise<Duplex> | undefined => {
    const usable = nodes.list().flatMap((node) => {
      const name = node.metadata!.name!;
      const agent = agents(name);
      const ip = machine(name)?.ip;
      return agent && ip !== undefined ? [{ agent, ip }] : [];
    });
    const chosen = usable[turn++ % usable.length];
    return chosen?.agent.dial(host === 'node' ? chosen.ip : host, port);
  };

  const nodeCloud = new NodeCloud({ client, nodes, machine, cluster: options.cluster, clock, log });
  const serviceCloud = new ServiceCloud({
    client,
    services,
    recorder,
    dial,
    listen: options.hostListen ?? listenOnHost,
    clock,
    log,
  });
  nodeCloud.start();
  serviceCloud.start();
  return {
    async stop() {
      await Promise.all([nodeCloud.stop(), serviceCloud.stop()]);
      recorder.stop();
    },
  };
}
