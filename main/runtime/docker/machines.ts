import Docker from 'dockerode';
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { pack } from 'tar-stream';
import type { Clock } from '../../util/clock.ts';
import type { Logger } from '../../util/log.ts';
import { RuntimeError, type Machine, type MachineConfig, type Machines } from '../index.ts';
import { engineCall, runtimeError, tolerate } from './errors.ts';
import { Helpers } from './helpers.ts';
import { ensureNodeImage } from './image.ts';
import { label, type Labels } from './labels.ts';
import { openExecStream } from './machinesStream.ts';
import { addressOf, createNetwork, findNetwork, maxMachines, placeIPv6, podCIDROf, type MachineNetwork } from './machinesNetwork.ts';
import { removeCgroups } from './podCgroups.ts';

const indexLabel = 'dev.skiff.index';

/** Where the agent lies in a machine, and what tells one version from another. */
const agentLink = '/skiff/agent.mjs';

/**
 * The machine's first process: keeps the agent running, so that a new one or one that failed starts in the same
 * network; stops with it when the machine is stopped. The agent's heap is kept small: it holds text, not objects.
 */
const machineScript = [
  'trap "kill -TERM $agent 2>/dev/null; exit 0" TERM INT',
  'while :; do',
  `  node --max-old-space-size=128 --max-semi-space-size=1 --v8-pool-size=1 --disable-warning=ExperimentalWarning ${agentLink} & agent=$!`,
  '  wait $agent',
  '  wait',
  '  sleep 0.2',
  'done',
].join('\n');

/** See main/node/agent/links.ts for the other end. `$$` differs in every shell; the name adds what this connection is. */
const connectScript = [
  'cd /run/skiff || exit 1',
  'until [ -p accept ]; do sleep 0.05; done',
  'mkfifo "$1.in" "$1.out" || exit 1',
  'echo "$1" > accept',
  // A shell gives what runs in the background no input but what it is handed explicitly.
  'exec 3<&0',
  'cat <&3 > "$1.in" & in=$!',
  // Ends when the agent closes it, or is gone: then the stream ends, whatever the other direction waits for.
  'cat < "$1.out"',
  'kill $in 2>/dev/null',
  'exit 0',
].join('\n');

export interface MachinesOptions {
  /** How to reach the engine, as dockerode takes it. */
  connection: Docker.DockerOptions;
  /** Part of every name: `skiff-<cluster>-<node>`. */
  cluster: string;
  /** Tells this cluster from others of the same name, such as one of another data directory. */
  owner?: ClusterOwner;
  /** A /16 to use when it is free; else the next one that is. */
  podCIDR?: string;
  /** A network that is made gives nodes and pods IPv6 addresses too. */
  dualStack?: boolean;
  /** Addresses that pods must not have, such as those of the host's own networks: CIDRs. */
  takenCIDRs?: string[];
  /** The bundled agent (out/node/agent.mjs). */
  agentFile: string;
  /** Folder of the packaged app with node image tarballs. */
  tarballs?: string;
  /** Folder with the node image's Dockerfile. */
  dockerfile?: string;
  clock: Clock;
  log: Logger;
  env: NodeJS.ProcessEnv;
  platform: NodeJS.Platform;
}

/** Whose a cluster's name in the engine is. */
export interface ClusterOwner {
  id: string;
  /** Where the cluster is kept on disk. */
  directory: string;
}

/** What else the runtime and the kubelets must know of the machines. */
export interface DockerMachines extends Machines {
  /** Name of the engine's network that nodes and pods share. */
  readonly network: string;
  /**
   * The first part of `prepare`: sees to it that the image is there and that the name is this cluster's. A network that is
   * missing is being made from then on; rejects where another has the name.
   */
  claim(onProgress: (step: string) => void): Promise<void>;
  /** How many there can be. */
  readonly capacity: number;
  /** Whether the network is there, and so the places in it are known. */
  readonly hasNetwork: boolean;
  /** Range of all pods' addresses; known once `prepare` has resolved. */
  readonly clusterCIDR: string;
  /** The same of IPv6; undefined where the network has none. */
  readonly clusterCIDRv6: string | undefined;
  /** Reference of the node image, which is the sandbox image as well; known once `claim` has resolved. */
  readonly image: string;
  /** Where the machine of an index is, or will be; known once `prepare` has resolved. */
  place(index: number): MachinePlace;
  containerName(node: string): string;
  /** The engine's volume of a node. */
  volumeName(node: string): string;
  /** Whose everything of this name in the engine is, as far as it says. */
  owner(): Promise<ClusterOwner | undefined>;
}

/** Where a machine is, and its share of the pods' addresses. */
export interface MachinePlace {
  ip: string;
  podCIDR: string;
  /** The same of IPv6, where the network has it. */
  ipv6?: string;
  podCIDRv6?: string;
}

export function createMachines(options: MachinesOptions): DockerMachines {
  return new EngineMachines(options);
}

function ownerOf(network: MachineNetwork | undefined): ClusterOwner | undefined {
  const { [label.owner]: id, [label.directory]: directory } = network?.labels ?? {};
  return id !== undefined && directory !== undefined ? { id, directory } : undefined;
}

class EngineMachines implements DockerMachines {
  readonly network: string;
  readonly capacity = maxMachines;
  readonly #docker: Docker;
  #claimed: Promise<void> | undefined;
  #prepared: Promise<void> | undefined;
  #making: Promise<MachineNetwork> | undefined;
  #network: MachineNetwork | undefined;
  #image: string | undefined;
  #agent: { hash: string; content: Buffer } | undefined;
  #connections = 0;
  /** One thing at a time happens to a machine. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(private readonly options: MachinesOptions) {
    this.network = `skiff-${options.cluster}`;
    this.#docker = new Docker(options.connection);
  }

  get hasNetwork(): boolean {
    return this.#network !== undefined;
  }

  get clusterCIDR(): string {
    if (!this.#network) throw new RuntimeError('other', 'the machines are not prepared');
    return this.#network.subnet;
  }

  get clusterCIDRv6(): string | undefined {
    return this.#network?.subnetIPv6;
  }

  get image(): string {
    if (this.#image === undefined) throw new RuntimeError('other', 'the machines are not prepared');
    return this.#image;
  }

  place(index: number): MachinePlace {
    if (!this.#network) throw new RuntimeError('other', 'the machines are not prepared');
    return { ip: addressOf(this.#network, index), podCIDR: podCIDROf(this.#network, index), ...placeIPv6(this.#network, index) };
  }

  containerName(node: string): string {
    return `skiff-${this.options.cluster}-${node}`;
  }

  volumeName(node: string): string {
    return `skiff-${this.options.cluster}-${node}`;
  }

  prepare(onProgress: (step: string) => void): Promise<void> {
    this.#prepared ??= this.#prepare(onProgress).catch((error: unknown) => {
      this.#prepared = this.#claimed = undefined;
      throw error;
    });
    return this.#prepared;
  }

  async #prepare(onProgress: (step: string) => void): Promise<void> {
    await this.claim(onProgress);
    this.#network ??= await this.#making!;
  }

  claim(onProgress: (step: string) => void): Promise<void> {
    this.#claimed ??= this.#claim(onProgress).catch((error: unknown) => {
      this.#claimed = undefined;
      throw error;
    });
    return this.#claimed;
  }

  async #claim(onProgress: (step: string) => void): Promise<void> {
    const { agentFile } = this.options;
    const docker = this.#docker;
    const content = await fs.readFile(agentFile);
    this.#agent = { content, hash: createHash('sha256').update(content).digest('hex').slice(0, 12) };
    const [image] = await Promise.all([ensureNodeImage({ ...this.options, docker, onProgress }), this.#claimNetwork()]);
    this.#image = image;
  }

  get #networkLabels(): Labels {
    const { cluster, owner } = this.options;
    return { [label.cluster]: cluster, [label.kind]: 'network', ...(owner ? { [label.owner]: owner.id, [label.directory]: owner.directory } : {}) };
  }

  async owner(): Promise<ClusterOwner | undefined> {
    return ownerOf((await this.#findNetwork()).network);
  }

  #findNetwork(): ReturnType<typeof findNetwork> {
    return findNetwork(this.#docker, this.network, this.#networkLabels);
  }

  /** Finds the network by which the name is this cluster's, or begins to make it; rejects where another has the name. */
  async #claimNetwork(): Promise<void> {
    const { cluster, owner: mine, podCIDR: preferred, takenCIDRs = [], dualStack } = this.options;
    const { network: there, used } = await this.#findNetwork();
    const owner = ownerOf(there);
    if (there && (!mine || !owner || owner.id === mine.id)) {
      if (dualStack && !there.subnetIPv6) throw new RuntimeError('conflict', `the container engine's network ${this.network} has no IPv6 addresses, which this cluster was made with`);
      this.#network = there;
      return;
    }
    if (mine && owner) {
      if (owner.directory !== mine.directory)
        throw new RuntimeError(
          'conflict',
          `this Docker engine has a cluster ${cluster} already, which is kept in ${owner.directory}: choose another --name, or take this one with --reset, which removes what that cluster has in Docker`,
        );
      // What was kept here is gone, and nobody else can want what is left of it in the engine.
      this.options.log.warn('removing what an earlier cluster of this name and directory has left', { cluster });
      await this.#removeEverything();
    }
    this.#making = createNetwork({ docker: this.#docker, name: this.network, labels: this.#networkLabels, preferred, taken: [...used.filter((range) => range !== there?.subnet), ...takenCIDRs], dualStack });
    this.#making.catch(() => {});
  }

  ensure(config: MachineConfig): Promise<Machine> {
    return this.#inTurn(config.name, async () => {
      await this.prepare(() => {});
      const container = this.#docker.getContainer(this.containerName(config.name));
      const there = await tolerate([404], () => container.inspect());
      const adopted = there && this.#fits(there, config);
      if (there && !adopted) await tolerate([404], () => container.remove({ force: true }));
      if (!adopted) await this.#create(config);
      await this.#putAgent(container, adopted === true && there!.State.Running);
      await tolerate([304], () => container.start());
      return { name: config.name, index: config.index, ...this.place(config.index), running: true };
    });
  }

  /** Whether a container that is there can go on as this machine. */
  #fits(there: Docker.ContainerInspectInfo, config: MachineConfig): boolean {
    const labels = there.Config.Labels ?? {};
    const network = there.NetworkSettings.Networks[this.network];
    return (
      labels[label.cluster] === this.options.cluster &&
      labels[indexLabel] === String(config.index) &&
      labels[label.image] === this.image &&
      network !== undefined &&
      network.NetworkID === this.#network!.id
    );
  }

  async #create(config: MachineConfig): Promise<void> {
    const { cluster } = this.options;
    const docker = this.#docker;
    const { ip, ipv6 } = this.place(config.index);
    const labels: Labels = {
      ...config.labels,
      [label.cluster]: cluster,
      [label.kind]: 'node',
      [label.node]: config.name,
    };
    const volume = this.volumeName(config.name);
    await engineCall(() => docker.createVolume({ Name: volume, Labels: labels }));
    const create: Docker.ContainerCreateOptions = {
      name: this.containerName(config.name),
      Image: this.image,
      Hostname: config.name,
      Entrypoint: ['sh', '-c', machineScript],
      User: '0',
      WorkingDir: '/',
      Env: ['UV_THREADPOOL_SIZE=4', 'MALLOC_ARENA_MAX=2'],
      Labels: { ...labels, [indexLabel]: String(config.index), [label.image]: this.image },
      Healthcheck: { Test: ['NONE'] },
      HostConfig: {
        NetworkMode: this.network,
        CapDrop: ['ALL'],
        // Besides the network: addresses of well-known ports, and files that belong to the pods' users.
        CapAdd: ['NET_ADMIN', 'NET_BIND_SERVICE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL'],
        SecurityOpt: ['no-new-privileges'],
        // The second lets a node's own programs reach host ports at its loopback address.
        Sysctls: {
          'net.ipv4.ip_forward': '1',
          'net.ipv4.conf.all.route_localnet': '1',
          ...(ipv6 ? { 'net.ipv6.conf.all.disable_ipv6': '0', 'net.ipv6.conf.all.forwarding': '1' } : {}),
        },
        RestartPolicy: { Name: 'unless-stopped' },
        LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '1' } },
        Mounts: [{ Type: 'volume', Source: volume, Target: '/var/lib/skiff' } as Docker.MountSettings],
      },
      NetworkingConfig: {
        EndpointsConfig: { [this.network]: { IPAMConfig: { IPv4Address: ip, ...(ipv6 ? { IPv6Address: ipv6 } : {}) } } },
      } as Docker.ContainerCreateOptions['NetworkingConfig'],
    };
    await engineCall(() => docker.createContainer(create));
  }

  /** Brings this app's agent into the machine; a running older one is replaced in its place, the network stays. */
  async #putAgent(container: Docker.Container, running: boolean): Promise<void> {
    const { hash, content } = this.#agent!;
    const name = `agent-${hash}.mjs`;
    const there = await tolerate([404], () => container.infoArchive({ path: `/skiff/${name}` }));
    if (there) return;
    const archive = pack();
    archive.entry({ name, mode: 0o644 }, content);
    archive.entry({ name: 'agent.mjs', type: 'symlink', linkname: name });
    archive.finalize();
    await engineCall(() => container.putArchive(archive as unknown as NodeJS.ReadableStream, { path: '/skiff' }));
    if (running) await this.#execute(container, ['sh', '-c', 'kill $(cat /run/skiff/agent.pid)']);
  }

  async #execute(container: Docker.Container, command: string[]): Promise<void> {
    const exec = await engineCall(() => container.exec({ Cmd: command }));
    await engineCall(() => exec.start({ Detach: true }));
  }

  async connect(name: string): Promise<Duplex> {
    const container = this.#docker.getContainer(this.containerName(name));
    const link = `${this.options.clock.now().toString(36)}-${process.pid}-${++this.#connections}`;
    try {
      return await openExecStream(container, ['sh', '-c', connectScript, 'connect', link]);
    } catch (error) {
      throw runtimeError(error);
    }
  }

  async list(): Promise<Machine[]> {
    const found = await engineCall(() =>
      this.#docker.listContainers({
        all: true,
        filters: { label: [`${label.cluster}=${this.options.cluster}`, `${label.kind}=node`] },
      }),
    );
    const network = this.#network;
    return found
      .map((info) => {
        const index = Number(info.Labels[indexLabel]);
        const ip =
          info.NetworkSettings?.Networks[this.network]?.IPAMConfig?.IPv4Address ??
          (network ? addressOf(network, index) : '');
        return {
          index,
          machine: {
            name: info.Labels[label.node] ?? '',
            index,
            ip,
            podCIDR: podCIDROf(ip, index),
            running: info.State === 'running',
          },
        };
      })
      .sort((a, b) => a.index - b.index)
      .map(({ machine }) => machine);
  }

  stop(name: string): Promise<void> {
    return this.#inTurn(name, async () => {
      await tolerate([304, 404], () => this.#docker.getContainer(this.containerName(name)).stop({ t: 2 }));
    });
  }

  remove(name: string): Promise<void> {
    return this.#inTurn(name, async () => {
      const docker = this.#docker;
      await tolerate([404], () => docker.getContainer(this.containerName(name)).remove({ force: true, v: true }));
      await tolerate([404], () => docker.getVolume(this.volumeName(name)).remove({ force: true }));
    });
  }

  async removeAll(): Promise<void> {
    await Promise.allSettled(this.#turns.values());
    await this.#removeEverything();
    this.#prepared = this.#claimed = undefined;
    this.#network = undefined;
  }

  async #removeEverything(): Promise<void> {
    const docker = this.#docker;
    const filters = { label: [`${label.cluster}=${this.options.cluster}`] };
    const containers = await engineCall(() => docker.listContainers({ all: true, filters }));
    // Pods before their nodes: some live in a node's network.
    const rank = (info: Docker.ContainerInfo) =>
      info.Labels[label.kind] === 'node' ? 2 : info.Labels[label.kind] === 'sandbox' ? 1 : 0;
    for (const wanted of [0, 1, 2])
      await Promise.all(
        containers
          .filter((info) => rank(info) === wanted)
          .map((info) => tolerate([404, 409], () => docker.getContainer(info.Id).remove({ force: true, v: true }))),
      );
    await this.#removeCgroups(containers);
    const { Volumes: volumes } = await engineCall(() => docker.listVolumes({ filters }));
    await Promise.all(
      (volumes ?? []).map(({ Name }) => tolerate([404], () => docker.getVolume(Name).remove({ force: true }))),
    );
    for (const { Id } of await engineCall(() => docker.listNetworks({ filters }))) await this.#removeNetwork(Id);
  }

  async #removeCgroups(containers: Docker.ContainerInfo[]): Promise<void> {
    const sandboxes = containers.filter(({ Labels }) => Labels[label.cgroup]);
    if (sandboxes.length === 0) return;
    const docker = this.#docker;
    const helpers = new Helpers({
      docker,
      cluster: this.options.cluster,
      image: sandboxes[0]!.ImageID,
      create: async (options) => (await engineCall(() => docker.createContainer(options))).id,
      remove: (id) => tolerate([404, 409], () => docker.getContainer(id).remove({ force: true, v: true })),
    });
    await removeCgroups(helpers, sandboxes.map(({ Labels }) => Labels));
  }

  /**
   * An engine lets go of a container's place in its network a moment after the container, and some never do if it was
   * removed while it started: those forget it when they are started again.
   */
  async #removeNetwork(id: string): Promise<void> {
    for (let left = 5; ; left--) {
      try {
        return await tolerate([404], () => this.#docker.getNetwork(id).remove());
      } catch (error) {
        const { message } = runtimeError(error);
        if (!message.includes('has active endpoints')) throw error;
        if (left === 0) throw new RuntimeError('other', `${message}, though none of its containers is left: restart the container engine, then try again`);
        await this.options.clock.sleep(300);
      }
    }
  }

  #inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(name) ?? Promise.resolve()).catch(() => {}).then(work);
    this.#turns.set(name, turn);
    void turn.catch(() => {}).then(() => this.#turns.get(name) === turn && this.#turns.delete(name));
    return turn;
  }
}
