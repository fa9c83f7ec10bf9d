import type { Node, Pod, Taint } from '../api/index.ts';
import { equalJson } from '../api/json.ts';
import { keyOf } from '../api/meta.ts';
import { isNotFound } from '../api/status.ts';
import { tolerates } from '../api/tolerations.ts';
import { disruptPod, resources, type Client, type Informer } from '../client/index.ts';
import { QueueController, type ControllerContext } from './controller.ts';

const noExecute = (node: Node | undefined): Taint[] =>
  node?.spec?.taints?.filter((taint) => taint.effect === 'NoExecute') ?? [];

/**
 * Deletes pods from nodes with NoExecute taints, after the time that they tolerate them; one that is being deleted already
 * is deleted once more, so that it says why it had to go. Mirrors pkg/controller/tainteviction.
 */
export class TaintEvictionController extends QueueController {
  readonly #nodes: Informer<Node>;
  readonly #pods: Informer<Pod>;
  /** Pod uid → when it is to go, and whether that has been said. What it tolerates later neither hastens that nor puts it off. */
  readonly #due = new Map<string, { at: number; said: boolean }>();

  constructor(context: ControllerContext) {
    super(context, 'taint-eviction-controller', 8);
    this.#nodes = context.informers.informer(resources.nodes);
    this.#pods = context.informers.informer(resources.pods);
    this.#pods.addIndex('nodeName', (pod) => (pod.spec?.nodeName ? [pod.spec.nodeName] : []));
    const nodeChanged = (node: Node) => {
      for (const pod of this.#pods.byIndex('nodeName', node.metadata!.name!)) this.enqueue(keyOf(pod), node);
    };
    this.#nodes.on({
      // One without taints may be in the place of one that had some.
      add: (node) => (noExecute(node).length > 0 || this.#due.size > 0) && nodeChanged(node),
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
    if (!pod?.spec!.nodeName) return;
    const at = this.#dueOf(pod, this.#nodes.get(pod.spec!.nodeName));
    if (at === undefined) return;
    const wait = at - this.clock.now();
    if (wait > 0) this.queue.addAfter(key, wait);
    else await this.#evict(client, pod);
  }

  /** When the pod is to go; undefined: it may stay. */
  #dueOf(pod: Pod, node: Node | undefined): number | undefined {
    const uid = pod.metadata!.uid!;
    const known = this.#due.get(uid)?.at;
    // A node that is gone takes nothing back.
    if (!node) return known;
    const tolerated = toleratedFor(pod, noExecute(node));
    if (tolerated === Infinity) {
      this.#cancel(pod);
      return undefined;
    }
    if (tolerated !== undefined && known !== undefined) return known;
    // What was to come later is called off, and comes now.
    if (tolerated === undefined && !this.#due.get(uid)?.said) this.#cancel(pod);
    const at = this.clock.now() + (tolerated ?? 0);
    this.#due.set(uid, { at, said: this.#due.get(uid)?.said ?? false });
    return at;
  }

  #cancel(pod: Pod): void {
    const uid = pod.metadata!.uid!;
    const due = this.#due.get(uid);
    this.#due.delete(uid);
    if (due && !due.said) this.#say(pod, `Cancelling deletion of Pod ${keyOf(pod)}`);
  }

  async #evict(client: Client, pod: Pod): Promise<void> {
    const { namespace, name, uid } = pod.metadata!;
    const due = this.#due.get(uid!)!;
    if (!due.said) this.#say(pod, `Marking for deletion Pod ${keyOf(pod)}`);
    due.said = true;
    try {
      const now = await client.of(resources.pods).get(namespace!, name!);
      const why = { reason: 'DeletionByTaintManager', message: 'Taint manager: deleting due to NoExecute taint', observedGeneration: now.metadata!.generation };
      if (now.metadata!.uid === uid) {
        await disruptPod(client, now, why, this.clock.now());
        this.measures?.taintEvicted(this.clock.now() - due.at);
      }
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    this.#due.delete(uid!);
  }

  /** Upstream's events of this name the pod without its uid. */
  #say({ metadata }: Pod, message: string): void {
    const { namespace, name } = metadata!;
    this.recorder.event({ apiVersion: 'v1', kind: 'Pod', metadata: { namespace, name } }, 'Normal', 'TaintManagerEviction', message);
  }
}

/** How long the pod may stay with these taints, in milliseconds; undefined when it does not tolerate one of them. */
export function toleratedFor(pod: Pod, taints: Taint[]): number | undefined {
  let shortest = Infinity;
  for (const taint of taints) {
    // Of several that do, the first one says for how long.
    const used = pod.spec!.tolerations?.find((toleration) => tolerates(toleration, taint));
    if (!used) return undefined;
    if (used.tolerationSeconds !== undefined) shortest = Math.min(shortest, Math.max(0, used.tolerationSeconds) * 1000);
  }
  return shortest;
}
