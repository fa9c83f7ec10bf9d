import type { Kubelet } from '../kubelet/index.ts';
import type { NodeAgent } from '../node/index.ts';
import type { DockerMachines, Runtime } from '../runtime/index.ts';
import { Backoff } from '../util/backoff.ts';
import type { Clock } from '../util/clock.ts';
import type { Logger } from '../util/log.ts';

/** Which node of the cluster, and where: fixed for its life. */
export interface NodePlace {
  name: string;
  /** 1 for the first; no two nodes have the same. */
  index: number;
  ip: string;
  podCIDR: string;
  /** The same two of IPv6, where the cluster has two families of addresses. */
  ipv6?: string;
  podCIDRv6?: string;
}

export interface ClusterNodeOptions {
  place: NodePlace;
  runtime: Runtime;
  /** Undefined for a simulated node. */
  machines?: DockerMachines;
  connect(name: string): Promise<NodeAgent>;
  createKubelet(node: NodePlace, agent: NodeAgent | undefined): Kubelet;
  /** An agent has been reached that may know nothing yet. */
  onAgent(node: string): void;
  clock: Clock;
  log: Logger;
}

/** One node: its machine, the stream to its agent, its kubelet. */
export class ClusterNode {
  readonly place: NodePlace;
  #agent: NodeAgent | undefined;
  #kubelet: Kubelet | undefined;
  /** Ends what keeps the machine running. */
  #keeping: { ended: boolean } | undefined;
  /** One thing at a time happens to a node. */
  #turn: Promise<void> = Promise.resolve();
  #wanted = true;

  constructor(private readonly options: ClusterNodeOptions) {
    this.place = options.place;
  }

  get agent(): NodeAgent | undefined {
    return this.#agent;
  }

  get kubelet(): Kubelet | undefined {
    return this.#kubelet;
  }

  /** Starts the machine, or adopts the one that runs, and keeps it running. Resolves after the first try, however it went. */
  prepare(): Promise<void> {
    const { machines } = this.options;
    return machines && !this.#keeping ? this.#keep(machines) : Promise.resolve();
  }

  /** Starts the kubelet; resolves when the node is registered. */
  async join(): Promise<void> {
    if (!this.#wanted || this.#kubelet) return;
    this.#kubelet = this.options.createKubelet(this.place, this.#agent);
    await this.#kubelet.start();
  }

  /** The engine ends; the machine and its pods go on. */
  async leave(): Promise<void> {
    if (this.#keeping) this.#keeping.ended = true;
    this.#keeping = undefined;
    const kubelet = this.#kubelet;
    this.#kubelet = undefined;
    await kubelet?.stop();
    this.#agent?.close();
    this.#agent = undefined;
  }

  /** Switches the machine on or off, as its power button would: what ran on it ends. */
  setPower(on: boolean): Promise<void> {
    if (this.#wanted === on) return Promise.resolve();
    this.#wanted = on;
    return this.#inTurn(async () => {
      if (on !== this.#wanted) return;
      if (on) {
        await this.prepare();
        await this.join();
      } else {
        this.options.log.info('a node is switched off', { node: this.place.name });
        await this.leave();
        await this.#endPods(false);
        await this.options.machines?.stop(this.place.name);
      }
    });
  }

  /** Takes the node out of the cluster for good, with its pods and its machine. */
  remove(): Promise<void> {
    this.#wanted = false;
    return this.#inTurn(async () => {
      this.options.log.info('a node is removed', { node: this.place.name });
      await this.leave();
      await this.#endPods(true);
      await this.options.machines?.remove(this.place.name);
    });
  }

  async #endPods(remove: boolean): Promise<void> {
    const { runtime, place } = this.options;
    const [containers, sandboxes] = await Promise.all([runtime.listContainers({ node: place.name }), runtime.listSandboxes({ node: place.name })]);
    await Promise.all(containers.filter(({ state }) => state === 'running').map(({ id }) => runtime.stopContainer(id, 0)));
    await Promise.all(sandboxes.map(({ id }) => (remove ? runtime.removeSandbox(id) : runtime.stopSandbox(id))));
    if (remove) await Promise.all(containers.map(({ id }) => runtime.removeContainer(id)));
  }

  /** Again whenever the agent is lost because its container was restarted, or the engine was. */
  #keep(machines: DockerMachines): Promise<void> {
    const { clock, log } = this.options;
    const { name, index } = this.place;
    const keeping = { ended: false };
    this.#keeping = keeping;
    const backoff = new Backoff({ initial: 200, max: 5000, factor: 2, resetAfter: 30_000 }, clock);
    const reach = async (): Promise<NodeAgent | undefined> => {
      try {
        await machines.ensure({ name, index });
        const agent = await this.options.connect(name);
        // Ended meanwhile: nobody else would end this connection.
        if (keeping.ended) agent.close();
        else this.#setAgent(agent);
        log.info('the agent of a node is connected', { node: name });
        return agent;
      } catch (error) {
        log.warn('a node cannot be reached', { node: name, error: error instanceof Error ? error.message : String(error) });
        return undefined;
      }
    };
    const first = reach();
    const run = async () => {
      for (let agent = await first; !keeping.ended; agent = await reach()) {
        await agent?.closed;
        if (keeping.ended) return;
        if (agent) log.warn('the agent of a node is lost', { node: name });
        this.#setAgent(undefined);
        await clock.sleep(backoff.next(name));
        if (keeping.ended) return;
      }
    };
    void run();
    return first.then(() => {});
  }

  #setAgent(agent: NodeAgent | undefined): void {
    this.#agent = agent;
    this.#kubelet?.setAgent(agent);
    if (agent) this.options.onAgent(this.place.name);
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {});
    return turn;
  }
}
