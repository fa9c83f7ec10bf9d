import type { Node, Pod, Taint } from '../api/index.ts';
import { conditionPatch } from '../api/conditionPatch.ts';
import { equalJson } from '../api/json.ts';
import { keyOf, timestamp } from '../api/meta.ts';
import { isNotFound } from '../api/status.ts';
import { tolerates } from '../api/tolerations.ts';
import { resources, type Client, type Informer } from '../client/index.ts';
import { QueueController, type ControllerContext } from './controller.ts';

const noExecute = (node: Node | undefined): Taint[] =>
  node?.spec?.taints?.filter((taint) => taint.effect === 'NoExecute') ?? [];

/** Deletes pods from nodes with NoExecute taints, after the time that they tolerate them. Mirrors pkg/controller/tainteviction. */
export class TaintEvictionController extends QueueController {
  readonly #nodes: Informer<Node>;
  readonly #pods: Informer<Pod>;
  /** Pod uid → when it is to go. What it tolerates later neither hastens that nor puts it off. */
  readonly #due = new Map<string, number>();

  constructor(context: ControllerContext) {
    super(context, 'taint-eviction-controller', 8);
    this.#nodes = context.informers.informer(resources.nodes);
    this.#pods = context.informers.informer(resources.pods);
    this.#pods.addIndex('nodeName', (pod) => (pod.spec?.nodeName ? [pod.spec.nodeName] : []));
    const nodeChanged = (node: Node) => {
      for (const pod of this.#pods.byIndex('nodeName', node.metadata!.name!)) this.enqueue(keyOf(pod), node);
    };
    this.#nodes.on({
      add: (node) => noExecute(node).length > 0 && nodeChanged(node),
      update: (old, node) => !equalJson(noExecute(old), noExecute(node)) && nodeChanged(node),
    });
    this.#pods.on({
      add: (pod) => this.#podChanged(pod),
      update: (old, pod) => {
        const moved = old.spec!.nodeName !== pod.spec!.nodeName;
        if (moved || !equalJson(old.spec!.tolerations, pod.spec!.tolerations)) this.#podChanged(pod);
      },
      delete: (pod) => this.#cancel(pod),
    });
  }

  #podChanged(pod: Pod): void {
    if (noExecute(this.#nodes.get(pod.spec!.nodeName ?? '')).length > 0) this.enqueueObject(pod);
  }

  protected async sync(key: string, client: Client): Promise<void> {
    const pod = this.#pods.get(key);
    if (!pod || pod.metadata!.deletionTimestamp) return;
    const uid = pod.metadata!.uid!;
    const tolerated = toleratedFor(pod, noExecute(this.#nodes.get(pod.spec!.nodeName ?? '')));
    if (tolerated === Infinity) return this.#cancel(pod);
    const due = tolerated === 0 ? this.clock.now() : (this.#due.get(uid) ?? this.clock.now() + tolerated);
    const wait = due - this.clock.now();
    if (wait > 0) {
      this.#due.set(uid, due);
      this.queue.addAfter(key, wait);
      return;
    }
    this.#due.delete(uid);
    this.#say(pod, `Marking for deletion Pod ${key}`);
    await this.#evict(client, pod);
  }

  #cancel(pod: Pod): void {
    if (this.#due.delete(pod.metadata!.uid!)) this.#say(pod, `Cancelling deletion of Pod ${keyOf(pod)}`);
  }

  async #evict(client: Client, pod: Pod): Promise<void> {
    const { namespace, name, uid, generation } = pod.metadata!;
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'DeletionByTaintManager',
      message: 'Taint manager: deleting due to NoExecute taint',
      observedGeneration: generation,
      lastTransitionTime: timestamp(this.clock.now()),
    };
    const pods = client.of(resources.pods);
    try {
      const patch = { metadata: { uid }, status: conditionPatch(pod, condition) };
      await pods.patch(namespace!, name!, 'strategic', patch, { subresource: 'status' });
      await pods.delete(namespace!, name!, { preconditions: { uid } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #say(pod: Pod, message: string): void {
    this.recorder.event({ apiVersion: 'v1', kind: 'Pod', ...pod }, 'Normal', 'TaintManagerEviction', message);
  }
}

/** How long the pod may stay with these taints, in milliseconds; 0 when it does not tolerate one of them. */
export function toleratedFor(pod: Pod, taints: Taint[]): number {
  let shortest = Infinity;
  for (const taint of taints) {
    // Of several that do, the first one says for how long.
    const used = pod.spec!.tolerations?.find((toleration) => tolerates(toleration, taint));
    if (!used) return 0;
    if (used.tolerationSeconds !== undefined) shortest = Math.min(shortest, Math.max(0, used.tolerationSeconds) * 1000);
  }
  return shortest;
}
