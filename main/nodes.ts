/**
 * The nodes of a cluster: for each a kubelet, and on Docker its machine and the stream to its agent. The part of the
 * engine that joins runtime, node, kubelet, proxy, dns and cloud.
 */
import { BlockList, isIPv6 } from 'node:net';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import type { Node as KubeNode, ServiceCIDR } from './api/index.ts';
import type { KubeletApi } from './api/kubelet.ts';
import { isAlreadyExists } from './api/status.ts';
import { EventRecorder, resources, type Client, type InformerFactory } from './client/index.ts';
import { listenOnHost, portProblem, startCloud, type Cloud, type CloudMetrics, type Dialer } from './cloud/index.ts';
import { createForwarder, startDns, type Dns } from './dns/index.ts';
import type { EngineVolumes } from './controllers/index.ts';
import { startGateway } from './gateway/index.ts';
import { createKubelet, type Kubelet } from './kubelet/index.ts';
import { startNetworkPolicy, type NetworkPolicyEnforcement } from './networkPolicy/index.ts';
import { connectAgent, type NodeAgent } from './node/index.ts';
import { startProxy, type Proxy } from './proxy/index.ts';
import { ClusterNode, type NodePlace } from './nodes/clusterNode.ts';
import { keepRangeTrue } from './nodes/range.ts';
import { isSwitchedOff, startNodeRequests } from './nodes/requests.ts';
import { ShortWay } from './nodes/shortWay.ts';
import type { DockerMachines, EngineDiscovery, Machine, Runtime } from './runtime/index.ts';
import type { Clock } from './util/clock.ts';
import type { Logger } from './util/log.ts';
import type { Random } from './util/random.ts';

export interface NodesOptions {
  cluster: string;
  /** Where the cluster is kept on disk. */
  directory: string;
  count: number;
  /** What the nodes are numbered behind, where other engines of the same cluster have nodes too. */
  after: number;
  /** Whether this engine makes a machine that somebody asks for; left out where there is no other. */
  claimMachine?(node: string): Promise<boolean>;
  /** A client of the given user. */
  client(user: string, userAgent: string): Client;
  /** Serves a pod's connection to the API. */
  onApiConnection(connection: Duplex): void;
  /** Serves a connection to the kubelet of a node: whoever asks at the node's address. */
  onKubeletConnection(node: Pick<NodePlace, 'name' | 'ip'>, connection: Duplex): void;
  clusterDNS: string;
  clusterDomain: string;
  /** Whether nodes and pods have IPv6 addresses too. */
  dualStack: boolean;
  /** Where Services have their addresses from. */
  serviceCIDR: string;
  /** The Service address and port of the API. */
  api: { address: string; port: number };
  /** Where the API answers behind that address: at one of the nodes. Called again when that node is another. */
  publishApi(endpoint: { ip: string; port: number }): Promise<void>;
  /** Shown to TLS clients that ask for a name without a certificate of its own. */
  certificate: { certificate: string; key: string };
  /** After the start: there will be no nodes, since the engine cannot make their network. */
  onFailure(error: Error): void;
  /** Told which controllers of the cloud run. */
  cloudMetrics?: CloudMetrics;
  clock: Clock;
  random: Random;
  log: Logger;
}

/**
 * The first free place behind `last`, then those before it: what was given back comes again as late as it can, since others may
 * still look for the pods of before at its addresses. Where all `capacity` are taken, one that there is not.
 * Mirrors pkg/controller/nodeipam/ipam/cidrset (AllocateNext).
 */
export function freeIndex(places: readonly Pick<NodePlace, 'index'>[], last = 0, capacity = Infinity): number {
  const taken = new Set(places.map(({ index }) => index));
  let index = last + 1;
  while (taken.has(index)) index++;
  return index > capacity && last > 0 ? freeIndex(places) : index;
}

/** Where the API server of a control plane node listens. */
const nodeApiPort = 6443;
/** Where a kubelet listens (pkg/cluster/ports). */
const kubeletPort = 10250;

/** As far as the ranges of simulated nodes do not meet that of Services. */
const simulatedCapacity = 96 * 256 - 1;

/** Addresses that look like a node's and its pods', no more: nothing is ever sent to them. */
const simulatedPlace = (index: number, dualStack: boolean) => ({
  ip: `172.${16 + Math.floor(index / 65536)}.${Math.floor(index / 256) % 256}.${index % 256}`,
  podCIDR: `10.${Math.floor(index / 256)}.${index % 256}.0/24`,
  ...(dualStack ? { ipv6: `fd00:172::${index.toString(16)}`, podCIDRv6: `fd00:10:0:${index.toString(16)}::/64` } : {}),
});

/**
 * All nodes of a cluster. They are made ready (machines, agents) beside the start of the control plane, and join it
 * when it is there.
 */
export class Nodes {
  readonly #nodes = new Map<string, ClusterNode>();
  readonly #stops: (() => Promise<void> | void)[] = [];
  #runtime: Runtime | undefined;
  #machines: DockerMachines | undefined;
  #proxy: Proxy | undefined;
  #policies: NetworkPolicyEnforcement | undefined;
  #dns: Dns | undefined;
  #informers: InformerFactory | undefined;
  #shortWay: ShortWay | undefined;
  /** While the engine makes the network that new nodes get their places in. */
  #placing: Promise<void> | undefined;
  #placingFailure: Error | undefined;
  #names: string[] = [];
  #ended = false;
  /** The addresses of pods, nodes and Services. */
  readonly #network = new BlockList();
  /** Of the place that was given to a new node last. */
  #lastIndex = 0;
  /** Whose turn it is to dial where any node will do. */
  #turn = 0;

  constructor(private readonly options: NodesOptions) {}

  kubelet(name: string): KubeletApi | undefined {
    return this.#nodes.get(name)?.kubelet?.api;
  }

  /** The named volumes of the engine that the nodes are on. */
  readonly volumes: EngineVolumes = {
    createVolume: async (...about) => this.#prepared().createVolume(...about),
    removeVolume: async (name) => this.#prepared().removeVolume(name),
    hasVolume: async (name) => this.#prepared().hasVolume(name),
    copyVolume: async (from, to) => this.#prepared().copyVolume(from, to),
  };

  #prepared(): Runtime {
    if (!this.#runtime) throw new Error('the nodes are not prepared');
    return this.#runtime;
  }

  /**
   * A TCP connection from inside the cluster's network, made from the node of that name if it can be reached, or else from
   * any. Rejects while there is none.
   */
  async dial(host: string, port: number, from?: string): Promise<Duplex> {
    const agents = [...this.#nodes.values()].flatMap(({ agent }) => agent ?? []);
    const agent = this.#nodes.get(from ?? '')?.agent ?? agents[this.#turn++ % agents.length];
    if (!agent) throw new Error(`dial tcp ${host}:${port}: connect: no route to host`);
    return agent.dial(host, port);
  }

  /** Whether an address belongs to that network: a pod's, a node's, a Service's. */
  covers(address: string): boolean {
    return this.#network.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  }

  /** The names of a cluster's first nodes. */
  #nodeName(index: number): string {
    return `node-${this.options.after + index}`;
  }

  #cover(cidr: string): void {
    const [address, length] = cidr.split('/') as [string, string];
    this.#network.addSubnet(address, Number(length), isIPv6(address) ? 'ipv6' : 'ipv4');
  }

  /** Nodes with no machine behind them. */
  prepareSimulated(runtime: Runtime): void {
    this.#runtime = runtime;
    for (let index = 1; index <= this.options.count; index++) this.#put(this.#nodeName(index), index);
  }

  /**
   * Nodes as containers of the engine. Resolves when those that run already are reached: a node must not seem lost because
   * the app was started again. New ones get ready while the cluster is up, as does the network of a new cluster.
   */
  async prepareOnDocker(engine: NonNullable<EngineDiscovery['found']>, machines: DockerMachines): Promise<void> {
    const { options } = this;
    const { createDockerRuntime } = await import('./runtime/docker/index.ts');
    this.#machines = machines;
    options.serviceCIDR.split(',').forEach((cidr) => this.#cover(cidr));
    this.#runtime = createDockerRuntime({
      connection: engine.connection,
      cluster: options.cluster,
      sandboxImage: machines.image,
      network: machines.network,
      nodeContainer: (node) => machines.containerName(node),
      clock: options.clock,
      log: options.log.child('docker'),
    });
    const found = await machines.list();
    if (machines.hasNetwork) return this.#place(machines, found);
    const wanted = this.#wanted(found);
    if (wanted.some(({ index }) => index > machines.capacity)) throw new Error(`a cluster has at most ${machines.capacity} nodes`);
    this.#names = wanted.map(({ name }) => name);
    this.#placing = machines.prepare(() => {}).then(() => (this.#ended ? undefined : this.#place(machines, found)));
    this.#placing.catch((error: Error) => (this.#placingFailure = error));
  }

  /** Nodes that were added stay, and those that were removed do not come back as long as there are enough. */
  #wanted(found: readonly Pick<NodePlace, 'name' | 'index'>[]): Pick<NodePlace, 'name' | 'index'>[] {
    const wanted = found.map(({ name, index }) => ({ name, index }));
    while (wanted.length < this.options.count) {
      const index = freeIndex(wanted);
      const own = this.#nodeName(index);
      const isTaken = wanted.some(({ name }) => name === own);
      wanted.push({ name: isTaken ? `${own}-${wanted.length}` : own, index });
    }
    return wanted;
  }

  /** Gives the nodes their places in the network and starts their machines; resolves when those that ran before are reached. */
  async #place(machines: DockerMachines, found: readonly Machine[]): Promise<void> {
    this.#shortWay = new ShortWay({ cidr: machines.clusterCIDR, clock: this.options.clock });
    this.#cover(machines.clusterCIDR);
    if (machines.clusterCIDRv6) this.#cover(machines.clusterCIDRv6);
    for (const { name, index } of this.#wanted(found)) this.#put(name, index);
    const running = new Set(found.filter((machine) => machine.running).map(({ name }) => name));
    const reached = [...this.#nodes.values()].map((node) => ({ node, prepared: node.prepare() }));
    await Promise.all(reached.filter(({ node }) => running.has(node.place.name)).map(({ prepared }) => prepared));
  }

  /** Resolves when all nodes are registered; those of a network that is still being made join when it is there. */
  async start(informers: InformerFactory): Promise<void> {
    this.#prepared();
    this.#informers = informers;
    const widen = ({ spec }: ServiceCIDR) => spec?.cidrs?.forEach((cidr) => this.#cover(cidr));
    this.#stops.push(informers.informer(resources.serviceCIDRs).on({ add: widen, update: (_, range) => widen(range) }));
    const placing = this.#placing;
    if (!placing) return this.#join(informers);
    await this.#announce();
    if (this.#placingFailure) throw this.#placingFailure;
    void placing
      .then(() => (this.#ended ? undefined : this.#join(informers)))
      .catch((error: Error) => (this.#ended ? undefined : this.options.onFailure(error)));
  }

  /** Nodes that have no place yet, as a kubelet registers itself where others give addresses out: whoever looks finds them, not ready. */
  async #announce(): Promise<void> {
    await Promise.all(
      this.#names.map((name) =>
        this.options
          .client(`system:node:${name}`, 'kubelet')
          .of(resources.nodes)
          .create({ apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { 'kubernetes.io/hostname': name } } })
          .catch((error: unknown) => {
            if (!isAlreadyExists(error)) throw error;
          }),
      ),
    );
  }

  async #join(informers: InformerFactory): Promise<void> {
    const known = informers.informer(resources.nodes);
    const nodes = [...this.#nodes.values()];
    await Promise.all(
      nodes.map(async (node) => {
        const object = known.get(node.place.name);
        await this.#keepRangeTrue(node, object);
        if (object && isSwitchedOff(object)) await node.setPower(false);
        else await node.join();
      }),
    );
    if (this.#ended) return;
    if (this.#machines) this.#startNetwork(this.#machines, informers);
    await this.#publishApi();
    if (!this.#ended) this.#takeRequests(informers);
  }

  #keepRangeTrue({ place }: ClusterNode, seen: KubeNode | undefined): Promise<void> {
    return keepRangeTrue(this.options.client('system:cloud-controller-manager', 'cloud-node-lifecycle-controller'), seen, place, this.options.log);
  }

  async stop(): Promise<void> {
    this.#ended = true;
    // A network that is being made cannot be called back.
    await this.#placing?.catch(() => {});
    for (let stop = this.#stops.pop(); stop; stop = this.#stops.pop()) await stop();
    await Promise.all([...this.#nodes.values()].map((node) => node.leave()));
  }

  /** How the load balancer reaches a node; undefined while it cannot. */
  #dialer(name: string): Dialer | undefined {
    const node = this.#nodes.get(name);
    const agent = node?.agent;
    const short = this.#shortWay;
    if (!agent) return undefined;
    const isNear = (host: string) => (host === node.place.ip || host === node.place.ipv6) && short?.isOpen === true;
    return {
      dial: async (host, port) => (isNear(host) ? await short!.dial(host, port) : undefined) ?? agent.dial(host, port),
      dialUdp: (host, port) => (isNear(host) ? short!.dialUdp(host, port) : agent.dialUdp(host, port)),
    };
  }

  #takeRequests(informers: InformerFactory): void {
    const { options } = this;
    const { clock, random, log } = options;
    const client = options.client('system:cloud-controller-manager', 'cloud-node-lifecycle-controller');
    const recorder = new EventRecorder(client, 'cloud-node-lifecycle-controller', clock, random, { log });
    const requests = startNodeRequests({
      client,
      informers,
      recorder,
      has: (name) => this.#nodes.has(name),
      claim: options.claimMachine ?? (() => Promise.resolve(true)),
      add: (name) => this.#add(name),
      remove: async (name) => {
        await this.#nodes.get(name)?.remove();
        this.#nodes.delete(name);
        await this.#publishApi();
      },
      setPower: async (name, on) => this.#nodes.get(name)?.setPower(on),
      clock,
      log: log.child('nodes'),
    });
    const stopped = options.cloudMetrics?.started('cloud-node-lifecycle');
    this.#stops.push(async () => {
      stopped?.();
      await requests.stop();
      recorder.stop();
    });
  }

  async #add(name: string): Promise<void> {
    const seen = () => this.#informers!.informer(resources.nodes).get(name);
    const node = this.#put(name, this.#placeFor(seen()));
    await node.prepare();
    await this.#keepRangeTrue(node, seen());
    await node.join();
    await this.#publishApi();
  }

  /** The index of a place for a new node: that of the range which its Node brings along, if nobody has it. */
  #placeFor(object: KubeNode | undefined): number {
    const places = [...this.#nodes.values()].map(({ place }) => place);
    const capacity = this.#machines?.capacity ?? simulatedCapacity;
    const range = object?.spec?.podCIDR;
    if (range && !places.some(({ podCIDR }) => podCIDR === range))
      for (let index = 1; index <= capacity; index++) if (this.#at(index).podCIDR === range) return index;
    this.#lastIndex = freeIndex(places, this.#lastIndex, capacity);
    return this.#lastIndex;
  }

  #at(index: number): Omit<NodePlace, 'name' | 'index'> {
    return this.#machines ? this.#machines.place(index) : simulatedPlace(this.options.after + index, this.options.dualStack);
  }

  async #publishApi(): Promise<void> {
    const [first] = [...this.#nodes.values()].sort((a, b) => a.place.index - b.place.index);
    if (first) await this.options.publishApi({ ip: first.place.ip, port: nodeApiPort });
  }

  /** Throws when the network has no room for that index. */
  #put(name: string, index: number): ClusterNode {
    const machines = this.#machines;
    const where: NodePlace = { name, index, ...this.#at(index) };
    const node = new ClusterNode({
      place: where,
      runtime: this.#runtime!,
      machines,
      connect: () => this.#connect(machines!, where),
      createKubelet: (place, agent) => this.#createKubelet(place, agent),
      onAgent: (of) => {
        this.#policies?.refresh(of);
        this.#proxy?.refresh(of);
        this.#dns?.refresh(of);
      },
      clock: this.options.clock,
      log: this.options.log,
    });
    this.#nodes.set(name, node);
    this.#lastIndex = Math.max(this.#lastIndex, index);
    return node;
  }

  #createKubelet({ name, ip, podCIDR, ipv6, podCIDRv6 }: NodePlace, agent: NodeAgent | undefined): Kubelet {
    const { options } = this;
    return createKubelet({
      nodeName: name,
      client: options.client(`system:node:${name}`, 'kubelet'),
      informers: this.#informers!,
      runtime: this.#runtime!,
      nodeIP: ip,
      podCIDR,
      nodeIPv6: ipv6,
      podCIDRv6,
      agent,
      clock: options.clock,
      random: options.random,
      log: options.log.child(`kubelet/${name}`),
      clusterDNS: [options.clusterDNS],
      clusterDomain: options.clusterDomain,
      directory: path.join(options.directory, 'nodes', name),
    });
  }

  async #connect(machines: DockerMachines, { name, ip }: NodePlace): Promise<NodeAgent> {
    const { options } = this;
    const forward = createForwarder({ clock: options.clock });
    return connectAgent(
      await machines.connect(name),
      {
        onApiConnection: (connection) => options.onApiConnection(connection),
        onKubeletConnection: (connection) => options.onKubeletConnection({ name, ip }, connection),
        onForeignQuestion: forward,
      },
      { api: options.api, dns: { address: options.clusterDNS, port: 53 }, node: { address: ip, port: nodeApiPort }, kubelet: { address: ip, port: kubeletPort } },
    );
  }

  #startNetwork(machines: DockerMachines, informers: InformerFactory): void {
    const { options } = this;
    const { clock, random } = options;
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
      servedByNodes: [`${options.api.address}:${options.api.port}/TCP`, `${options.clusterDNS}:53/UDP`, `${options.clusterDNS}:53/TCP`],
      clock,
      log: options.log,
    });
    this.#policies = startNetworkPolicy({
      informers,
      nodes: ours,
      sink: async (node, model) => agent(node).syncPolicies(model),
      // Cluster DNS runs in no pod, but policies name it by the labels that its pods have elsewhere.
      builtIn: [
        {
          namespace: 'kube-system',
          labels: { 'k8s-app': 'kube-dns' },
          ip: options.clusterDNS,
          ports: [
            { name: 'dns', protocol: 'UDP', port: 53 },
            { name: 'dns-tcp', protocol: 'TCP', port: 53 },
          ],
        },
      ],
      clock,
      log: options.log,
    });
    this.#dns = startDns({ informers, nodes: ours, sink: async (node, zone) => agent(node).syncDns(zone), domain: options.clusterDomain, clock, log: options.log });
    const cloud: Cloud = startCloud({
      client: options.client('system:cloud-controller-manager', 'cloud-controller-manager'),
      informers,
      cluster: options.cluster,
      agents: (node) => this.#dialer(node),
      machine: (node) => this.#nodes.get(node)?.place,
      metrics: options.cloudMetrics,
      clock,
      random,
      log: options.log,
    });
    const gateway = startGateway({
      client: options.client('system:cloud-controller-manager', 'ingress-controller'),
      informers,
      dial: (host, port, from) => this.dial(host, port, from),
      listen: listenOnHost,
      platform: process.platform,
      portProblem,
      fallback: options.certificate,
      clock,
      random,
      log: options.log,
    });
    this.#stops.push(
      () => gateway.stop(),
      () => this.#proxy?.stop(),
      () => this.#policies?.stop(),
      () => this.#dns?.stop(),
      () => cloud.stop(),
    );
  }
}
