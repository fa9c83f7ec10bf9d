import type { Lease, Node, NodeStatus } from '../../api/index.ts';
import { equalJson } from '../../api/json.ts';
import { microTimestamp, timestamp } from '../../api/meta.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../../api/status.ts';
import { HeldLease, resources, type Client, type EventRecorder } from '../../client/index.ts';
import type { Runtime, RuntimeInfo } from '../../runtime/index.ts';
import type { Clock, Timer } from '../../util/clock.ts';
import type { Logger } from '../../util/log.ts';
import type { Pressure } from '../eviction/evictionManager.ts';
import { newNode, nodeAnnotations, nodeLabels, nodeStatus, type NodeFacts } from './nodeStatus.ts';

const leaseNamespace = 'kube-node-lease';
const leaseSeconds = 40;
const renewMs = 10_000;
const reportMs = 300_000;
const retryMs = 1000;

export interface NodeKeeperOptions {
  client: Client;
  recorder: EventRecorder;
  runtime: Runtime;
  clock: Clock;
  log: Logger;
  facts: Pick<NodeFacts, 'name' | 'ips' | 'labels' | 'zone' | 'podCIDRs' | 'version'>;
  storageBytes(): Promise<number>;
  /** Why the node cannot run pods now. */
  problem(): string | undefined;
  /** The conditions of running out of something that hold. */
  pressures(): Pressure[];
  /** The node as the API has it now. */
  observed(): Node | undefined;
}

/** The Node object of this kubelet and its heartbeats. Mirrors pkg/kubelet/kubelet_node_status.go. */
export class NodeKeeper {
  #info: RuntimeInfo;
  #node: Node | undefined;
  readonly #lease: HeldLease;
  readonly #timers = new Map<string, Timer>();
  #stopped = false;
  #reporting = false;
  #again = false;
  /** What was said last of each of the node's conditions, by type. */
  readonly #said = new Map<string, string>();

  constructor(
    private readonly options: NodeKeeperOptions,
    info: RuntimeInfo,
  ) {
    this.#info = info;
    this.#lease = new HeldLease({ client: options.client, namespace: leaseNamespace, name: options.facts.name, renewed: (held) => this.#renewed(held) });
  }

  /** The Node object as it was last written. */
  get node(): Node | undefined {
    return this.#node;
  }

  /** Resolves when the Node object is there. */
  async start(): Promise<void> {
    await this.#insist('register', () => this.#register());
    void this.#renewForEver();
    this.#reportLater(reportMs);
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers.values()) timer.cancel();
  }

  /** Something about the node has changed: its status is written now. */
  changed(): void {
    if (!this.#node || this.#stopped) return;
    if (this.#reporting) {
      this.#again = true;
      return;
    }
    void this.#report();
  }

  async #facts(): Promise<NodeFacts> {
    const { facts, runtime, clock } = this.options;
    const problem = this.options.problem();
    const [images, storageBytes] = await Promise.all([problem ? [] : runtime.listImages().catch(() => []), this.options.storageBytes()]);
    if (!problem) this.#info = await runtime.info().catch(() => this.#info);
    return { ...facts, info: this.#info, images, storageBytes, problem, pressures: this.options.pressures(), now: timestamp(clock.now()) };
  }

  async #register(): Promise<void> {
    const { client, facts } = this.options;
    const nodes = client.of(resources.nodes);
    const now = await this.#facts();
    this.#tell('Starting', 'Starting kubelet.');
    try {
      this.#node = await nodes.create(newNode(now));
      // A new node comes with its status: that it is not ready yet is no news.
      if (now.problem !== undefined) this.#said.set('Ready', 'NodeNotReady');
      this.#tellConditions(now);
      return;
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      const found = await nodes.get('', facts.name);
      const labels = { ...found.metadata?.labels, ...nodeLabels(now) };
      const same = equalJson(labels, found.metadata?.labels) && found.spec?.podCIDR;
      this.#node = same
        ? found
        : await nodes.update({
            ...found,
            metadata: { ...found.metadata, labels, annotations: { ...found.metadata?.annotations, ...nodeAnnotations } },
            spec: { ...found.spec, ...(found.spec?.podCIDR ? {} : { podCIDR: facts.podCIDRs[0], podCIDRs: facts.podCIDRs }) },
          });
    }
    await this.#write();
  }

  async #report(): Promise<void> {
    this.#reporting = true;
    do {
      this.#again = false;
      await this.#insist('report', () => this.#write());
    } while (this.#again && !this.#stopped);
    this.#reporting = false;
    this.#reportLater(reportMs);
  }

  #reportLater(ms: number): void {
    this.#timer('report', ms, () => this.changed());
  }

  async #write(): Promise<void> {
    const { client, facts: own } = this.options;
    const nodes = client.of(resources.nodes);
    const facts = await this.#facts();
    for (let tries = 0; ; tries++) {
      try {
        const observed = this.options.observed();
        if (tries > 0) this.#node = await nodes.get('', own.name);
        else if (observed?.metadata?.uid === this.#node!.metadata!.uid) this.#node = observed;
        this.#node = await nodes.updateStatus({ ...this.#node!, status: nodeStatus(facts, this.#node!.status as NodeStatus | undefined) });
        break;
      } catch (error) {
        if (isNotFound(error)) {
          // Somebody has deleted the node while its kubelet runs: it registers again.
          this.#node = await nodes.create(newNode(facts));
          break;
        }
        if (!isConflict(error) || tries >= 5) throw error;
      }
    }
    this.#tellConditions(facts);
  }

  /** Mirrors pkg/kubelet/nodestatus/setters.go. */
  #tellConditions({ name, pressures, problem }: NodeFacts): void {
    const now = {
      MemoryPressure: pressures.includes('MemoryPressure') ? 'NodeHasInsufficientMemory' : 'NodeHasSufficientMemory',
      DiskPressure: pressures.includes('DiskPressure') ? 'NodeHasDiskPressure' : 'NodeHasNoDiskPressure',
      PIDPressure: 'NodeHasSufficientPID',
      Ready: problem === undefined ? 'NodeReady' : 'NodeNotReady',
    };
    for (const [type, reason] of Object.entries(now)) {
      if (this.#said.get(type) === reason) continue;
      this.#said.set(type, reason);
      this.#tell(reason, `Node ${name} status is now: ${reason}`);
    }
  }

  #tell(reason: string, message: string): void {
    const { recorder, facts } = this.options;
    recorder.event({ apiVersion: 'v1', kind: 'Node', metadata: { name: facts.name, uid: facts.name } }, 'Normal', reason, message);
  }

  async #renewForEver(): Promise<void> {
    await this.#insist('renew', () => this.#lease.renew());
    this.#answerOthers();
    this.#timer('renew', renewMs, () => void this.#renewForEver());
  }

  /**
   * Others have written into the node's status: that it has more than the kubelet knows of, which can be had from now on,
   * or another state than the kubelet's own, as where it was not heard of for a while.
   */
  #answerOthers(): void {
    const { capacity, allocatable, conditions } = this.options.observed()?.status ?? {};
    const hasMore = Object.keys(capacity ?? {}).some((name) => capacity![name] !== allocatable?.[name] && name.includes('/'));
    const own = this.#node?.status?.conditions ?? [];
    const isContradicted = (conditions ?? []).some(({ type, status }) => this.#said.has(type) && own.some((each) => each.type === type && each.status !== status));
    if (hasMore || isContradicted) this.changed();
  }

  #renewed({ metadata, spec }: Lease): Lease {
    const { clock, facts } = this.options;
    return {
      // One that is there belongs to the node already.
      metadata: metadata?.uid ? metadata : { ...metadata, ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: facts.name, uid: this.#node!.metadata!.uid! }] },
      spec: { ...spec, holderIdentity: facts.name, leaseDurationSeconds: leaseSeconds, renewTime: microTimestamp(clock.now()) },
    };
  }

  /** Tries until it works or the kubelet stops. */
  async #insist(what: string, act: () => Promise<void>): Promise<void> {
    for (let failures = 0; !this.#stopped; failures++) {
      try {
        return await act();
      } catch (error) {
        if (this.#stopped) return;
        this.options.log.warn('keeping the node up to date failed, will try again', { what, error: String(error) });
        await new Promise<void>((resolve) => this.#timer(what, retryMs * Math.min(2 ** failures, 8), resolve));
      }
    }
  }

  #timer(name: string, ms: number, fn: () => void): void {
    this.#timers.get(name)?.cancel();
    if (!this.#stopped) this.#timers.set(name, this.options.clock.setTimer(ms, fn));
  }
}
