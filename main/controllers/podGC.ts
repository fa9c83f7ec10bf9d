import type { Node, Pod } from '../api/index.ts';
import { keyOf } from '../api/meta.ts';
import { isNotFound } from '../api/status.ts';
import { disruptionPatch, resources, type Client, type Informer } from '../client/index.ts';
import type { Timer } from '../util/clock.ts';
import { byAge } from './age.ts';
import { findCondition } from './conditions.ts';
import { QueueController, type ControllerContext } from './controller.ts';
import { isPodFinished } from './pods.ts';

const period = 20_000;
/** A node may only seem to be missing: its pods are looked at again after this long. */
const quarantine = 40_000;
const terminatedThreshold = 12_500;
const outOfServiceTaint = 'node.kubernetes.io/out-of-service';

/** Deletes pods that nobody else will: of nodes that are gone, and finished ones when there are too many. Mirrors pkg/controller/podgc. */
export class PodGCController extends QueueController {
  readonly #pods: Informer<Pod>;
  readonly #nodes: Informer<Node>;
  readonly #missingSince = new Map<string, number>();
  readonly #why = new Map<string, Why>();
  #timer: Timer | undefined;

  constructor(context: ControllerContext) {
    super(context, 'pod-garbage-collector');
    this.#pods = context.informers.informer(resources.pods);
    this.#nodes = context.informers.informer(resources.nodes);
  }

  override start(): void {
    super.start();
    this.#collect();
  }

  override async stop(): Promise<void> {
    this.#timer?.cancel();
    await super.stop();
  }

  #collect(): void {
    const pods = this.#pods.list();
    this.#collectFinished(pods);
    void this.#collectOrphaned(pods);
    for (const pod of pods) {
      const { deletionTimestamp } = pod.metadata!;
      if (deletionTimestamp && !pod.spec!.nodeName) this.#mark(pod, 'unscheduled');
      if (deletionTimestamp && this.#isOutOfService(pod)) this.#mark(pod, 'out-of-service');
    }
    this.#timer = this.clock.setTimer(period, () => this.#collect());
  }

  #collectFinished(pods: Pod[]): void {
    const finished = pods.filter((pod) => isPodFinished(pod));
    const surplus = finished.length - terminatedThreshold;
    if (surplus <= 0) return;
    // Evicted ones first: nobody has use for them any more.
    const stays = ({ status }: Pod) => Number(status?.reason !== 'Evicted');
    finished.sort((a, b) => stays(a) - stays(b) || byAge(a, b));
    for (const pod of finished.slice(0, surplus)) this.#mark(pod, 'terminated');
  }

  async #collectOrphaned(pods: Pod[]): Promise<void> {
    const now = this.clock.now();
    const missing = new Set(
      pods.map((pod) => pod.spec!.nodeName).filter((name): name is string => Boolean(name) && !this.#nodes.get(name!)),
    );
    for (const name of this.#missingSince.keys()) if (!missing.has(name)) this.#missingSince.delete(name);
    for (const name of missing) if (!this.#missingSince.has(name)) this.#missingSince.set(name, now);
    for (const [name, since] of this.#missingSince) {
      if (now - since < quarantine || (await this.#mayExist(name))) continue;
      for (const pod of pods) if (pod.spec!.nodeName === name) this.#mark(pod, 'orphaned', 'PodGC: node no longer exists');
    }
  }

  /** What the cache does not know the server may: the watch may be behind. */
  async #mayExist(node: string): Promise<boolean> {
    try {
      await this.client.of(resources.nodes).get('', node);
      return true;
    } catch (error) {
      return !isNotFound(error);
    }
  }

  /** The node is off, and somebody has made sure that it stays off. */
  #isOutOfService(pod: Pod): boolean {
    const node = this.#nodes.get(pod.spec!.nodeName ?? '');
    if (!node || findCondition(node.status?.conditions, 'Ready')?.status === 'True') return false;
    return node.spec?.taints?.some((taint) => taint.key === outOfServiceTaint) ?? false;
  }

  #mark(pod: Pod, reason: string, message = ''): void {
    this.#why.set(keyOf(pod), { reason, message });
    this.enqueueObject(pod);
  }

  protected async sync(key: string, client: Client): Promise<void> {
    const pod = this.#pods.get(key);
    const why = this.#why.get(key);
    if (!pod || why === undefined) return void this.#why.delete(key);
    const { namespace, name, uid, generation } = pod.metadata!;
    const pods = client.of(resources.pods);
    try {
      if (!isPodFinished(pod)) {
        const disruption = { reason: 'DeletionByPodGC', message: why.message, observedGeneration: generation };
        const status = { phase: 'Failed', observedGeneration: generation, ...(why.message ? disruptionPatch(pod, disruption, this.clock.now()) : {}) };
        await pods.patch(namespace!, name!, 'strategic', { metadata: { uid }, status }, { subresource: 'status' });
      }
      await pods.delete(namespace!, name!, { gracePeriodSeconds: 0, preconditions: { uid } });
      this.measures?.podCollected(namespace!, why.reason, false);
    } catch (error) {
      this.measures?.podCollected(namespace!, why.reason, true);
      if (!isNotFound(error)) throw error;
    }
    this.#why.delete(key);
  }
}

/** Why a pod goes: the reason under which it is counted, and what its status says of it, if anything. */
interface Why {
  reason: string;
  message: string;
}
