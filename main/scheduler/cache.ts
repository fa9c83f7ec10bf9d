import type { Node, Pod } from '../api/index.ts';
import { zoneOf } from '../api/topology.ts';
import { NodeInfo } from './nodeInfo.ts';
import { PodInfo } from './podInfo.ts';

/**
 * The cluster as the scheduler sees it: what the watch has shown, and its own decisions that the watch has not shown
 * yet (assumed pods). A scheduling cycle runs without a pause, so that this is also its snapshot: nothing is copied. Where extenders
 * are asked in between, what was found before is looked at again.
 * Mirrors pkg/scheduler/backend/cache.
 */
export class SchedulerCache {
  readonly #nodes = new Map<string, NodeInfo>();
  /** Pods on nodes that have not been seen yet. */
  readonly #homeless = new Map<string, Map<string, PodInfo>>();
  /** Pod uid → where it is counted. */
  readonly #places = new Map<string, { node: string; assumed: boolean }>();
  /** Image name → on how many nodes it is. */
  readonly #images = new Map<string, number>();
  #list: NodeInfo[] | undefined;

  /** All nodes, always in the same order: from each zone in turn, so that a search of some sees all zones. */
  get nodes(): readonly NodeInfo[] {
    return (this.#list ??= byZoneInTurn(this.#nodes.values()));
  }

  /** For metrics. */
  get sizes(): { nodes: number; pods: number; assumed_pods: number } {
    let assumed = 0;
    for (const place of this.#places.values()) if (place.assumed) assumed++;
    return { nodes: this.#nodes.size, pods: this.#places.size, assumed_pods: assumed };
  }

  node(name: string): NodeInfo | undefined {
    return this.#nodes.get(name);
  }

  /** On how many nodes an image is. */
  nodesWithImage(name: string): number {
    return this.#images.get(name) ?? 0;
  }

  setNode(node: Node): void {
    const name = node.metadata!.name!;
    const info = this.#nodes.get(name);
    if (info) {
      this.#countImages(info, -1);
      if (zoneOf(info.node) !== zoneOf(node)) this.#list = undefined;
      info.setNode(node);
      this.#countImages(info, 1);
      return;
    }
    const created = new NodeInfo(node);
    this.#nodes.set(name, created);
    this.#countImages(created, 1);
    for (const pod of this.#homeless.get(name)?.values() ?? []) created.addPod(pod);
    this.#homeless.delete(name);
    this.#list = undefined;
  }

  removeNode(name: string): void {
    const info = this.#nodes.get(name);
    if (!info) return;
    this.#countImages(info, -1);
    this.#nodes.delete(name);
    if (info.pods.size > 0) this.#homeless.set(name, new Map(info.pods));
    this.#list = undefined;
  }

  /** Counts the pod on its node before the server has heard of it. */
  assume(pod: PodInfo, node: string): void {
    this.#put(pod, node, true);
  }

  /** Takes an assumed pod back: it was not bound after all. */
  forget(uid: string): void {
    if (this.#places.get(uid)?.assumed) this.#take(uid);
  }

  isAssumed(uid: string): boolean {
    return this.#places.get(uid)?.assumed ?? false;
  }

  /** A pod that the server shows on a node; confirms an assumed one. */
  setPod(pod: Pod): void {
    this.#take(pod.metadata!.uid!);
    this.#put(new PodInfo(pod), pod.spec!.nodeName!, false);
  }

  removePod(uid: string): void {
    this.#take(uid);
  }

  #put(pod: PodInfo, node: string, assumed: boolean): void {
    this.#places.set(pod.uid, { node, assumed });
    const info = this.#nodes.get(node);
    if (info) return info.addPod(pod);
    const homeless = this.#homeless.get(node);
    if (homeless) homeless.set(pod.uid, pod);
    else this.#homeless.set(node, new Map([[pod.uid, pod]]));
  }

  #take(uid: string): void {
    const place = this.#places.get(uid);
    if (!place) return;
    this.#places.delete(uid);
    this.#nodes.get(place.node)?.removePod(uid);
    const homeless = this.#homeless.get(place.node);
    homeless?.delete(uid);
    if (homeless?.size === 0) this.#homeless.delete(place.node);
  }

  #countImages(info: NodeInfo, sign: 1 | -1): void {
    for (const name of info.images.keys()) {
      const count = (this.#images.get(name) ?? 0) + sign;
      if (count > 0) this.#images.set(name, count);
      else this.#images.delete(name);
    }
  }
}

/** Mirrors pkg/scheduler/backend/cache/node_tree.go. */
function byZoneInTurn(nodes: Iterable<NodeInfo>): NodeInfo[] {
  const zones = new Map<string, NodeInfo[]>();
  let count = 0;
  for (const node of nodes) {
    const zone = zoneOf(node.node);
    const members = zones.get(zone);
    if (members) members.push(node);
    else zones.set(zone, [node]);
    count++;
  }
  const list: NodeInfo[] = [];
  for (let turn = 0; list.length < count; turn++)
    for (const members of zones.values()) if (turn < members.length) list.push(members[turn]!);
  return list;
}
