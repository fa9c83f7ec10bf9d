import type { Node, Pod, Taint } from '../api/index.ts';
import { doNotSchedule } from '../api/tolerations.ts';
import { parseQuantity } from '../api/quantity.ts';
import type { HostPort } from '../api/hostPorts.ts';
import type { PodInfo } from './podInfo.ts';
import { addResources, noResources, resourcesOf, type Resources } from '../api/podResources.ts';

/** A question about pods that is asked again and again. */
export interface PodQuery {
  /** Equal for equal questions. */
  readonly key: string;
  matches(pod: Pod): boolean;
}

/** The pods of a node that say the same of others. */
export interface AlikePods {
  /** One that is or was among them. */
  readonly example: PodInfo;
  count: number;
}

/** Answers that a node keeps up to date; a cluster in which more is asked counts some anew. */
const maxCounts = 32;

/** A node and the pods on it, those included that are only on their way there. */
export class NodeInfo {
  readonly pods = new Map<string, PodInfo>();
  /** Pods with affinity or anti-affinity, by their affinityKey. */
  readonly podsWithAffinity = new Map<string, AlikePods>();
  /** Those of them with required anti-affinity. */
  readonly podsWithRequiredAntiAffinity = new Map<string, AlikePods>();
  readonly requested: Resources = noResources();
  readonly nonZeroRequested: Resources = noResources();
  allocatable: Resources = noResources();
  allowedPods = 0;
  /** Bytes by image name. */
  images: ReadonlyMap<string, number> = new Map();
  /** `protocol/port` → the addresses that it is taken on. */
  readonly #ports = new Map<string, string[]>();
  /** By the key of the question. */
  readonly #counts = new Map<string, { query: PodQuery; count: number }>();
  // What is asked of every node for every pod is at hand.
  name = '';
  labels: Readonly<Record<string, string>> = {};
  isUnschedulable = false;
  /** Those that keep pods away. */
  taints: readonly Taint[] = [];
  #node!: Node;

  constructor(node: Node) {
    this.setNode(node);
  }

  get node(): Node {
    return this.#node;
  }

  setNode(node: Node): void {
    this.#node = node;
    this.name = node.metadata!.name!;
    this.labels = node.metadata!.labels ?? {};
    this.isUnschedulable = node.spec?.unschedulable ?? false;
    this.taints = (node.spec?.taints ?? []).filter(({ effect }) => (doNotSchedule as readonly string[]).includes(effect));
    this.allocatable = resourcesOf(node.status?.allocatable);
    const pods = node.status?.allocatable?.pods;
    this.allowedPods = pods === undefined ? 0 : parseQuantity(pods).value();
    const sizes = (node.status?.images ?? []).flatMap(({ names, sizeBytes }) =>
      (names ?? []).map((name) => [name, sizeBytes ?? 0] as const),
    );
    this.images = new Map(sizes);
  }

  /** How many pods the question is about; counted once, then kept. */
  count(query: PodQuery): number {
    const known = this.#counts.get(query.key);
    if (known) return known.count;
    let count = 0;
    for (const { pod } of this.pods.values()) if (query.matches(pod)) count++;
    if (this.#counts.size >= maxCounts) this.#counts.clear();
    this.#counts.set(query.key, { query, count });
    return count;
  }

  #recount({ pod }: PodInfo, sign: 1 | -1): void {
    for (const counted of this.#counts.values()) if (counted.query.matches(pod)) counted.count += sign;
  }

  #countAlike(pod: PodInfo, sign: 1 | -1): void {
    const key = pod.affinityKey;
    const alike = this.podsWithAffinity.get(key) ?? { example: pod, count: 0 };
    alike.count += sign;
    if (alike.count > 0) {
      this.podsWithAffinity.set(key, alike);
      if (pod.requiredAntiAffinity.length > 0) this.podsWithRequiredAntiAffinity.set(key, alike);
    } else {
      this.podsWithAffinity.delete(key);
      this.podsWithRequiredAntiAffinity.delete(key);
    }
  }

  addPod(pod: PodInfo): void {
    this.removePod(pod.uid);
    this.pods.set(pod.uid, pod);
    this.#recount(pod, 1);
    if (pod.affinityKey) this.#countAlike(pod, 1);
    addResources(this.requested, pod.requests);
    addResources(this.nonZeroRequested, pod.nonZeroRequests);
    for (const { ip, protocol, port } of pod.hostPorts) {
      const key = `${protocol}/${port}`;
      this.#ports.set(key, [...(this.#ports.get(key) ?? []), ip]);
    }
  }

  removePod(uid: string): PodInfo | undefined {
    const pod = this.pods.get(uid);
    if (!pod) return undefined;
    this.pods.delete(uid);
    this.#recount(pod, -1);
    if (pod.affinityKey) this.#countAlike(pod, -1);
    addResources(this.requested, pod.requests, -1);
    addResources(this.nonZeroRequested, pod.nonZeroRequests, -1);
    for (const { ip, protocol, port } of pod.hostPorts) {
      const key = `${protocol}/${port}`;
      const taken = this.#ports.get(key) ?? [];
      const rest = taken.toSpliced(taken.indexOf(ip), 1);
      if (rest.length > 0) this.#ports.set(key, rest);
      else this.#ports.delete(key);
    }
    return pod;
  }

  /** Whether somebody has the port already; `0.0.0.0` is every address. */
  portTaken({ ip, protocol, port }: HostPort): boolean {
    const taken = this.#ports.get(`${protocol}/${port}`);
    return taken !== undefined && (ip === '0.0.0.0' || taken.includes('0.0.0.0') || taken.includes(ip));
  }
}
