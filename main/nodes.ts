/**
 * The nodes of a cluster: for each a kubelet, and on Docker its machine and the stream to its agent. The part of the
 * engine that joins runtime, node, kubelet, proxy, dns and cloud.
 */
import type { Duplex } from 'node:stream';
import type { KubeletApi } from './api/kubelet.ts';
import type { Client, InformerFactory } from './client/index.ts';
import { startCloud, type Cloud } from './cloud/index.ts';
import { createForwarder, startDns, type Dns } from './dns/index.ts';
import { createKubelet, type Kubelet } from './kubelet/index.ts';
import { connectAgent, type NodeAgent } from './node/index.ts';
import { startProxy, type Proxy } from './proxy/index.ts';
import type { ClusterOwner, DockerMachines, EngineDiscovery, Machine, Runtime } from './runtime/index.ts';
import { Backoff } from './util/backoff.ts';
import type { Clock } from './util/clock.ts';
import type { Logger } from './util/log.ts';
import type { Random } from './util/random.ts';

export interface NodesOptions {
  cluster: string;
  /** Tells this cluster from another of the same name. */
  owner: ClusterOwner;
  count: number;
  /** A client of the given user. */
  client(user: string, userAgent: string): Client;
  informers: InformerFactory;
  /** Serves a pod's connection to the API. */
  onApiConnection(connection: Duplex): void;
  clusterDNS: string;
  clusterDomain: string;
  /** The Service address and port of the API. */
  api: { address: string; port: number };
  clock: Clock;
  random: Random;
  log: Logger;
  onProgress(step: string): void;
}

/** Files that the machines are made of. */
export interface MachineFiles {
  agent: string;
  dockerfile?: string;
  tarballs?: string;
}

/** The names of a cluster's first nodes. */
const nodeName = (index: number) => `node-${index}`;

interface RunningNode {
  kubelet: Kubelet;
  machine?: Machine;
  agent?: NodeAgent;
}

/** All nodes of a running cluster. */
export class Nodes {
  readonly #nodes = new Map<string, RunningNode>();
  readonly #stops: (() => Promise<void> | void)[] = [];
  #proxy: Proxy | undefined;
  #dns: Dns | undefined;
  #stopped = false;

  constructor(private readonly options: NodesOptions) {}

  kubelet(name: string): KubeletApi | undefined {
    return this.#nodes.get(name)?.kubelet.api;
  }

  /** Nodes with no machine behind them. Resolves when all are registered. */
  async startSimulated(runtime: Runtime): Promise<void> {
    const { count } = this.options;
    await Promise.all(
      Array.from({ length: count }, (_, i) => i + 1).map((index) =>
        this.#startKubelet(nodeName(index), runtime, {
          // Addresses that look like a node's and its pods', no more: nothing is ever sent to them.
          nodeIP: `172.${16 + Math.floor(index / 65536)}.${Math.floor(index / 256) % 256}.${index % 256}`,
          podCIDR: `10.${Math.floor(index / 256)}.${index % 256}.0/24`,
        }),
      ),
    );
  }

  /** Nodes as containers of the engine. Resolves when all are registered. */
  async startOnDocker(engine: NonNullable<EngineDiscovery['found']>, files: MachineFiles): Promise<void> {
    const { options } = this;
    // Loaded here and not at the top: the control plane is ready before the Docker client is read.
    const [{ createMachines }, { createDockerRuntime }] = await Promise.all([import('./runtime/docker/machines.ts'), import('./runtime/docker/index.ts')]);
    const machines = createMachines({
      connection: engine.connection,
      cluster: options.cluster,
      owner: options.owner,
      agentFile: files.agent,
      dockerfile: files.dockerfile,
      tarballs: files.tarballs,
      clock: options.clock,
      log: options.log.child('machines'),
      env: process.env,
      platform: process.platform,
    });
    await machines.prepare(options.onProgress);
    const runtime = createDockerRuntime({
      connection: engine.connection,
      cluster: options.cluster,
      sandboxImage: machines.image,
      network: machines.network,
      nodeContainer: (node) => machines.containerName(node),
      clock: options.clock,
      log: options.log.child('docker'),
    });
    await Promise.all(Array.from({ length: options.count }, (_, i) => this.#startMachine(machines, runtime, i + 1)));
    this.#startNetwork(machines);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (let stop = this.#stops.pop(); stop; stop = this.#stops.pop()) await stop();
    await Promise.all([...this.#nodes.values()].map(({ kubelet }) => kubelet.stop()));
    for (const { agent } of this.#nodes.values()) agent?.close();
  }

  async #startMachine(machines: DockerMachines, runtime: Runtime, index: number): Promise<void> {
    const name = nodeName(index);
    const machine = await machines.ensure({ name, index });
    const agent = await this.#connect(machines, name);
    await this.#startKubelet(name, runtime, { nodeIP: machine.ip, podCIDR: machine.podCIDR, agent }, machine);
    this.#keep(machines, name, index, agent);
  }

  async #startKubelet(name: string, runtime: Runtime, place: { nodeIP: string; podCIDR: string; agent?: NodeAgent }, machine?: Machine): Promise<void> {
    const { options } = this;
    const kubelet = createKubelet({
      nodeName: name,
      client: options.client(`system:node:${name}`, 'kubelet'),
      informers: options.informers,
      runtime,
      ...place,
      clock: options.clock,
      random: options.random,
      log: options.log.child(`kubelet/${name}`),
      clusterDNS: [options.clusterDNS],
      clusterDomain: options.clusterDomain,
    });
    this.#nodes.set(name, { kubelet, machine, agent: place.agent });
    await kubelet.start();
  }

  async #connect(machines: DockerMachines, name: string): Promise<NodeAgent> {
    const { options } = this;
    const forward = createForwarder({ clock: options.clock });
    return connectAgent(
      await machines.connect(name),
      { onApiConnection: (connection) => options.onApiConnection(connection), onForeignQuestion: forward },
      { api: options.api, dns: { address: options.clusterDNS, port: 53 } },
    );
  }

  /** Reaches the agent again whenever it is lost: its container was restarted, or the engine was. */
  #keep(machines: DockerMachines, name: string, index: number, first: NodeAgent): void {
    const { clock, log } = this.options;
    const backoff = new Backoff({ initial: 200, max: 5000, factor: 2, resetAfter: 30_000 }, clock);
    const run = async () => {
      let agent: NodeAgent | undefined = first;
      while (!this.#stopped) {
        await agent?.closed;
        if (this.#stopped) return;
        if (agent) log.warn('the agent of a node is lost', { node: name });
        this.#setAgent(name, undefined);
        agent = undefined;
        await clock.sleep(backoff.next(name));
        try {
          await machines.ensure({ name, index });
          agent = await this.#connect(machines, name);
          this.#setAgent(name, agent);
          log.info('the agent of a node is back', { node: name });
        } catch (error) {
          log.warn('a node cannot be reached', { node: name, error: error instanceof Error ? error.message : String(error) });
        }
      }
    };
    void run();
  }

  #setAgent(name: string, agent: NodeAgent | undefined): void {
    const node = this.#nodes.get(name);
    if (!node) return;
    node.agent = agent;
    node.kubelet.setAgent(agent);
    if (agent) {
      this.#proxy?.refresh(name);
      this.#dns?.refresh(name);
    }
  }

  #startNetwork(machines: DockerMachines): void {
    const { options } = this;
    const { informers, clock, random } = options;
    const agent = (name: string): NodeAgent => {
      const found = this.#nodes.get(name)?.agent;
      if (!found) throw new Error(`the agent of ${name} is not connected`);
      return found;
    };
    const ours = () => [...this.#nodes.keys()];
    this.#proxy = startProxy({
      informers,
      nodes: ours,
      sink: async (node, model) => agent(node).syncProxy(model),
      clusterCIDR: machines.clusterCIDR,
      servedByNodes: [`${options.api.address}:${options.api.port}/TCP`, `${options.clusterDNS}:53/UDP`, `${options.clusterDNS}:53/TCP`],
      clock,
      log: options.log,
    });
    this.#dns = startDns({ informers, nodes: ours, sink: async (node, zone) => agent(node).syncDns(zone), domain: options.clusterDomain, clock, log: options.log });
    const cloud: Cloud = startCloud({
      client: options.client('system:cloud-controller-manager', 'cloud-controller-manager'),
      informers,
      cluster: options.cluster,
      agents: (node) => this.#nodes.get(node)?.agent,
      machine: (node) => this.#nodes.get(node)?.machine,
      clock,
      random,
      log: options.log,
    });
    this.#stops.push(
      () => this.#proxy?.stop(),
      () => this.#dns?.stop(),
      () => cloud.stop(),
    );
  }
}
