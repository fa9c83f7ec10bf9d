import type { PodInfo } from './podInfo.ts';

/** Pods that have been promised a node on which others are being made to leave. */
export class Nominator {
  readonly #nodes = new Map<string, string>();
  readonly #pods = new Map<string, Map<string, PodInfo>>();

  add(pod: PodInfo, node: string): void {
    this.delete(pod.uid);
    this.#nodes.set(pod.uid, node);
    const pods = this.#pods.get(node);
    if (pods) pods.set(pod.uid, pod);
    else this.#pods.set(node, new Map([[pod.uid, pod]]));
  }

  delete(uid: string): void {
    const node = this.#nodes.get(uid);
    if (node === undefined) return;
    this.#nodes.delete(uid);
    const pods = this.#pods.get(node)!;
    pods.delete(uid);
    if (pods.size === 0) this.#pods.delete(node);
  }

  /** Whether nobody has been promised any node. */
  get isEmpty(): boolean {
    return this.#pods.size === 0;
  }

  nodeOf(uid: string): string | undefined {
    return this.#nodes.get(uid);
  }

  /** Whether anybody has been promised the node. */
  isPromised(node: string): boolean {
    return this.#pods.has(node);
  }

  on(node: string): Iterable<PodInfo> {
    return this.#pods.get(node)?.values() ?? [];
  }
}
