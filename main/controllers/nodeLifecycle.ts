import type { Lease, Node, NodeCondition, Pod } from '../api/index.ts';
import { conditionPatch } from '../api/conditionPatch.ts';
import { equalJson } from '../api/json.ts';
import { keyOf, timestamp } from '../api/meta.ts';
import { isConflict, isNotFound } from '../api/status.ts';
import { zoneOf } from '../api/topology.ts';
import { resources, TokenBucket, type Client, type Informer } from '../client/index.ts';
import type { Timer } from '../util/clock.ts';
import { findCondition } from './conditions.ts';
import { QueueController, type ControllerContext } from './controller.ts';
import { calculateTaints, notReadyKey, readyCondition } from './nodeTaints.ts';

const monitorPeriod = 5_000;
const gracePeriod = 50_000;
const startupGracePeriod = 60_000;
/** Nodes a second, by zone, that may lose their pods. */
const evictionsPerSecond = 0.1;
const evictionsPerSecondInLargeBrokenZone = 0.01;
const largeZone = 50;
const brokenShare = 0.55;
/** Stable label → what older clients still look for: always the same. */
const oldLabels: [stable: string, old: string][] = [
  ['kubernetes.io/os', 'beta.kubernetes.io/os'],
  ['kubernetes.io/arch', 'beta.kubernetes.io/arch'],
];
/** Before the keys of pods in the queue. */
const podPrefix = 'pod:';
const watchedConditions = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];

interface Health {
  /** When this controller last saw a sign of life: by its own clock, as the node's may be off. */
  probe: number;
  heartbeat: string | undefined;
  renewTime: string | undefined;
}

/**
 * Notices nodes that have fallen silent, says so in their conditions, and taints them; other controllers act on the
 * taints. When no node at all is heard, the fault is on this side and nothing is evicted.
 * Mirrors pkg/controller/nodelifecycle.
 */
export class NodeLifecycleController extends QueueController {
  readonly #nodes: Informer<Node>;
  readonly #pods: Informer<Pod>;
  readonly #leases: Informer<Lease>;
  readonly #health = new Map<string, Health>();
  readonly #limits = new Map<string, { perSecond: number; bucket: TokenBucket | undefined }>();
  /** Nodes that may lose their pods. */
  readonly #evicting = new Set<string>();
  /** Nodes that have fallen silent and whose pods have not all been told yet. */
  readonly #untold = new Set<string>();
  #deaf = false;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(context: ControllerContext) {
    super(context, 'node-controller');
    this.#nodes = context.informers.informer(resources.nodes);
    this.#pods = context.informers.informer(resources.pods);
    this.#pods.addIndex('nodeName', (pod) => (pod.spec?.nodeName ? [pod.spec.nodeName] : []));
    this.#leases = context.informers.informer(resources.leases, { namespace: 'kube-node-lease' });
    this.#nodes.on({ add: (node) => this.enqueueObject(node), update: (_, node) => this.enqueueObject(node) });
    this.#pods.on({
      add: (pod) => this.#placed(pod),
      update: (old, pod) => old.spec!.nodeName !== pod.spec!.nodeName && this.#placed(pod),
    });
  }

  override start(): void {
    super.start();
    void this.#monitor();
  }

  override async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await super.stop();
  }

  /** Taints follow conditions and cordoning at once. */
  protected async sync(key: string, client: Client): Promise<void> {
    if (key.startsWith(podPrefix)) return this.#syncPod(key.slice(podPrefix.length));
    const name = key;
    const node = this.#nodes.get(name);
    if (!node) return;
    await this.#copyLabels(client, node);
    const taints = calculateTaints(node, this.#deaf ? 'end' : this.#evicting.has(name) ? 'begin' : 'keep', timestamp(this.clock.now()));
    if (equalJson(taints, node.spec?.taints ?? [])) return;
    const { resourceVersion } = node.metadata!;
    const patch = { metadata: { resourceVersion }, spec: { taints: taints.length > 0 ? taints : null } };
    await client.of(resources.nodes).patch('', name, 'merge', patch);
  }

  /** A pod that comes to a node which is silent already, or that nobody has told yet when this controller begins. */
  #placed(pod: Pod): void {
    const { nodeName } = pod.spec!;
    const node = nodeName ? this.#nodes.get(nodeName) : undefined;
    if (nodeName && (!node || notReadyKey(node))) this.enqueue(podPrefix + keyOf(pod), pod);
  }

  async #syncPod(key: string): Promise<void> {
    const pod = this.#pods.get(key);
    const node = pod && this.#nodes.get(pod.spec!.nodeName ?? '');
    if (node && notReadyKey(node)) await this.#markNotReady(pod);
  }

  async #copyLabels(client: Client, node: Node): Promise<void> {
    const labels = node.metadata!.labels ?? {};
    const wrong = oldLabels.filter(([stable, old]) => labels[stable] !== undefined && labels[old] !== labels[stable]);
    if (wrong.length === 0) return;
    const right = Object.fromEntries(wrong.map(([stable, old]) => [old, labels[stable]]));
    await client.of(resources.nodes).patch('', node.metadata!.name!, 'strategic', { metadata: { labels: right } });
  }

  async #monitor(): Promise<void> {
    try {
      const nodes = this.#nodes.list();
      this.#register(nodes);
      await Promise.all(nodes.map((node) => this.#check(node)));
      this.#planEvictions(this.#nodes.list());
    } catch (error) {
      this.log.error('nodes could not be checked', { error: String(error) });
    }
    if (!this.#stopped) this.#timer = this.clock.setTimer(monitorPeriod, () => void this.#monitor());
  }

  #register(nodes: Node[]): void {
    const names = new Set(nodes.map((node) => node.metadata!.name!));
    for (const name of this.#health.keys()) {
      if (names.has(name)) continue;
      this.#health.delete(name);
      this.#evicting.delete(name);
      this.#untold.delete(name);
      this.#say({ metadata: { name } }, 'RemovingNode', `Removing Node ${name} from Controller`);
    }
    for (const node of nodes) {
      const { name } = node.metadata!;
      if (this.#health.has(name!)) continue;
      // A node that has never said anything had its time since it was made, whenever this controller began.
      const made = readyCondition(node) ? undefined : node.metadata!.creationTimestamp;
      this.#health.set(name!, { probe: made ? Date.parse(made) : this.clock.now(), heartbeat: made, renewTime: undefined });
      this.#say(node, 'RegisteredNode', `Registered Node ${name} in Controller`);
    }
  }

  #say(node: Node, reason: string, message: string): void {
    const { name, uid } = node.metadata!;
    this.recorder.event({ apiVersion: 'v1', kind: 'Node', metadata: { name, uid } }, 'Normal', reason, message);
  }

  async #check(node: Node): Promise<void> {
    const { name } = node.metadata!;
    const ready = readyCondition(node);
    const health = this.#health.get(name!)!;
    const renewTime = this.#leases.get(`kube-node-lease/${name}`)?.spec?.renewTime;
    const heartbeat = ready?.lastHeartbeatTime ?? node.metadata!.creationTimestamp;
    if (renewTime !== health.renewTime || (heartbeat !== health.heartbeat && ready?.status !== 'Unknown')) {
      Object.assign(health, { probe: this.clock.now(), heartbeat, renewTime });
      this.#untold.delete(name!);
    }
    const now = this.clock.now();
    if (now <= health.probe + (ready ? gracePeriod : startupGracePeriod)) return;
    // As upstream: what else is not known of it is only said together with this.
    if (ready?.status === 'Unknown') return this.#tellPods(name!);
    const conditions = silentConditions(node, now);
    try {
      await this.client
        .because(node.metadata!.resourceVersion)
        .of(resources.nodes)
        .updateStatus({ ...node, status: { ...node.status, conditions } });
      if (ready?.status !== 'True') return;
      this.#untold.add(name!);
      this.#say(node, 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
      await this.#tellPods(name!);
    } catch (error) {
      // It has been heard of after all, or is gone: the next round will see.
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
  }

  /** What fails is tried again with the next look at the node. */
  async #tellPods(name: string): Promise<void> {
    if (!this.#untold.has(name)) return;
    await Promise.all(this.#pods.byIndex('nodeName', name).map((pod) => this.#markNotReady(pod)));
    this.#untold.delete(name);
  }

  /** Nobody answers for this pod any more: services should not send anybody there. */
  async #markNotReady(pod: Pod): Promise<void> {
    const ready = findCondition(pod.status?.conditions, 'Ready');
    if (ready?.status !== 'True') return;
    const condition = { ...ready, status: 'False', lastTransitionTime: timestamp(this.clock.now()) };
    const { namespace, name, uid, resourceVersion } = pod.metadata!;
    try {
      const patch = { metadata: { uid }, status: conditionPatch(pod, condition) };
      const pods = this.client.because(resourceVersion).of(resources.pods);
      await pods.patch(namespace!, name!, 'strategic', patch, { subresource: 'status' });
      this.recorder.event({ apiVersion: 'v1', kind: 'Pod', ...pod }, 'Warning', 'NodeNotReady', 'Node is not ready');
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** Which nodes may lose their pods now: not too many at once, and none when all are silent. */
  #planEvictions(nodes: Node[]): void {
    const counted = nodes.filter((node) => !('node.kubernetes.io/exclude-disruption' in (node.metadata!.labels ?? {})));
    const deaf = counted.length > 0 && counted.every((node) => readyCondition(node)?.status !== 'True');
    if (deaf !== this.#deaf) {
      this.#deaf = deaf;
      this.#evicting.clear();
      for (const node of nodes) this.enqueueObject(node);
      // Heard again: everybody gets a fresh chance to report before anybody is judged.
      if (!deaf) for (const health of this.#health.values()) health.probe = this.clock.now();
    }
    for (const node of nodes) {
      const name = node.metadata!.name!;
      this.measures?.nodesEvicted(zoneOf(node), 0);
      if (!notReadyKey(node)) this.#evicting.delete(name);
      else if (!deaf && !this.#evicting.has(name) && this.#mayEvict(node, counted)) {
        this.#evicting.add(name);
        this.measures?.nodesEvicted(zoneOf(node), 1);
        this.enqueue(name, node);
      }
    }
  }

  /** `counted`: the nodes whose silence says something of their zone. */
  #mayEvict(node: Node, counted: Node[]): boolean {
    const zone = zoneOf(node);
    const members = counted.filter((other) => zoneOf(other) === zone);
    const perSecond = evictionRate(members);
    let limit = this.#limits.get(zone);
    if (limit?.perSecond !== perSecond) {
      limit = { perSecond, bucket: perSecond > 0 ? new TokenBucket(perSecond, 1, this.clock) : undefined };
      this.#limits.set(zone, limit);
    }
    return limit.bucket?.tryTake() ?? false;
  }
}

/** Nodes a second that may lose their pods in a zone with these nodes. */
function evictionRate(members: Node[]): number {
  const silent = members.filter((node) => readyCondition(node)?.status !== 'True').length;
  const partly = silent > 2 && silent < members.length && silent / members.length >= brokenShare;
  if (!partly) return evictionsPerSecond;
  return members.length > largeZone ? evictionsPerSecondInLargeBrokenZone : 0;
}

/** The conditions of a node that has not been heard of for too long. */
export function silentConditions(node: Node, now: number): NodeCondition[] {
  const conditions = [...(node.status?.conditions ?? [])];
  for (const type of watchedConditions) {
    const at = conditions.findIndex((condition) => condition.type === type);
    const current = conditions[at];
    if (!current) {
      conditions.push({
        type,
        status: 'Unknown',
        reason: 'NodeStatusNeverUpdated',
        message: 'Kubelet never posted node status.',
        lastHeartbeatTime: node.metadata!.creationTimestamp,
        lastTransitionTime: timestamp(now),
      });
    } else if (current.status !== 'Unknown') {
      conditions[at] = {
        ...current,
        status: 'Unknown',
        reason: 'NodeStatusUnknown',
        message: 'Kubelet stopped posting node status.',
        lastTransitionTime: timestamp(now),
      };
    }
  }
  return conditions;
}
