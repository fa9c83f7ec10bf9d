import type { Namespace, Node, Pod } from '../../api/index.ts';
import type { Informer } from '../../client/index.ts';
import type { SchedulerCache } from '../cache.ts';
import type { PluginArgs } from '../configuration.ts';
import { labelsChanged } from '../events.ts';
import { maxNodeScore, StateKey, type Plugin } from '../framework.ts';
import type { NodeInfo, PodQuery } from '../nodeInfo.ts';
import { PodInfo, type AffinityTerm, type WeightedAffinityTerm } from '../podInfo.ts';
import { unresolvable, unschedulable } from '../status.ts';

const name = 'InterPodAffinity';
const affinityRejected = unresolvable(name, "node(s) didn't match pod affinity rules");
const antiAffinityRejected = unschedulable(name, "node(s) didn't match pod anti-affinity rules");
const existingRejected = unschedulable(name, "node(s) didn't satisfy existing pods anti-affinity rules");
/** Topology key → its value → how many pods with matching terms are there. */
class TopologyCounts {
  readonly #counts = new Map<string, Map<string, number>>();

  get empty(): boolean {
    return this.#counts.size === 0;
  }

  add(node: NodeInfo, topologyKey: string, by: number): void {
    const value = node.labels[topologyKey];
    if (value === undefined) return;
    let values = this.#counts.get(topologyKey);
    if (!values) this.#counts.set(topologyKey, (values = new Map()));
    const count = (values.get(value) ?? 0) + by;
    if (count !== 0) values.set(value, count);
    else values.delete(value);
    if (values.size === 0) this.#counts.delete(topologyKey);
  }

  get(node: NodeInfo, topologyKey: string): number {
    const value = node.labels[topologyKey];
    return value === undefined ? 0 : (this.#counts.get(topologyKey)?.get(value) ?? 0);
  }

  /** Of all keys together. */
  sum(node: NodeInfo): number {
    let sum = 0;
    for (const key of this.#counts.keys()) sum += this.get(node, key);
    return sum;
  }

  anyAt(node: NodeInfo): boolean {
    for (const key of this.#counts.keys()) if (this.get(node, key) > 0) return true;
    return false;
  }
}

interface Counts {
  /** Anti-affinity of pods that run already, towards this one. */
  existing: TopologyCounts;
  affinity: TopologyCounts;
  antiAffinity: TopologyCounts;
}

const counted = new StateKey<Counts>();
const scored = new StateKey<TopologyCounts>();

const labelOf = (node: Node, key: string) => node.metadata!.labels?.[key];

/** What is worked out of a pod's terms, once for all pods that say the same. */
function onceEach<T>(workOut: (example: PodInfo) => T): (example: PodInfo) => T {
  const known = new Map<string, T>();
  return (example) => {
    let result = known.get(example.affinityKey);
    if (result === undefined) known.set(example.affinityKey, (result = workOut(example)));
    return result;
  };
}

/** Whether a node that is labelled anew comes to where others are, or leaves where they are. */
function opensTopology(old: Node, now: Node, { requiredAffinity, requiredAntiAffinity }: PodInfo): boolean {
  const changed = ({ topologyKey }: AffinityTerm) => labelOf(old, topologyKey) !== labelOf(now, topologyKey);
  const joins = requiredAffinity.some((term) => changed(term) && labelOf(now, term.topologyKey) !== undefined);
  return joins || requiredAntiAffinity.some((term) => changed(term) && labelOf(old, term.topologyKey) !== undefined);
}

/** Keeps pods near or away from one another, by what they say of each other's labels. */
export function interPodAffinity(
  cache: SchedulerCache,
  namespaces: Informer<Namespace>,
  { hardPodAffinityWeight, ignorePreferredTermsOfExistingPods }: PluginArgs['InterPodAffinity'],
): Plugin {
  function matches(term: AffinityTerm, pod: Pod): boolean {
    const namespace = pod.metadata!.namespace!;
    const here =
      term.namespaces.has(namespace) || term.namespaceSelector.matches(namespaces.get(namespace)?.metadata!.labels);
    return here && term.selector.matches(pod.metadata!.labels);
  }
  const matchesAll = (terms: readonly AffinityTerm[], pod: Pod) =>
    terms.length > 0 && terms.every((term) => matches(term, pod));

  const matchesAny = (terms: readonly AffinityTerm[], pod: Pod) => terms.some((term) => matches(term, pod));

  /** How many pods of the node match; counted one by one where nobody keeps that number. */
  function countOn(node: NodeInfo, query: PodQuery | undefined, match: (other: Pod) => boolean): number {
    if (query) return node.count(query);
    let count = 0;
    for (const { pod } of node.pods.values()) if (match(pod)) count++;
    return count;
  }

  /** All pairs of the pod with those of the node at once. `repels`: where those that say the same as this one keep the pod away. */
  function countAll(counts: Counts, pod: PodInfo, node: NodeInfo, repels: (example: PodInfo) => readonly string[]): void {
    for (const { example, count } of node.podsWithRequiredAntiAffinity.values()) {
      for (const topologyKey of repels(example)) counts.existing.add(node, topologyKey, count);
    }
    if (pod.requiredAffinity.length > 0) {
      const near = countOn(node, pod.requiredAffinityQuery, (other) => matchesAll(pod.requiredAffinity, other));
      for (const term of near > 0 ? pod.requiredAffinity : []) counts.affinity.add(node, term.topologyKey, near);
    }
    for (const term of pod.requiredAntiAffinity) {
      const near = countOn(node, term.query, (other) => matches(term, other));
      if (near > 0) counts.antiAffinity.add(node, term.topologyKey, near);
    }
  }

  function count(counts: Counts, pod: PodInfo, other: PodInfo, node: NodeInfo, sign: 1 | -1): void {
    for (const term of other.requiredAntiAffinity) {
      if (matches(term, pod.pod)) counts.existing.add(node, term.topologyKey, sign);
    }
    if (matchesAll(pod.requiredAffinity, other.pod)) {
      for (const term of pod.requiredAffinity) counts.affinity.add(node, term.topologyKey, sign);
    }
    for (const term of pod.requiredAntiAffinity) {
      if (matches(term, other.pod)) counts.antiAffinity.add(node, term.topologyKey, sign);
    }
  }

  function affinitySatisfied(counts: Counts, pod: PodInfo, node: NodeInfo): boolean {
    let found = true;
    for (const term of pod.requiredAffinity) {
      if (node.labels[term.topologyKey] === undefined) return false;
      if (counts.affinity.get(node, term.topologyKey) <= 0) found = false;
    }
    // The first of a group that wants to be together has nobody to join: it may be anywhere.
    return found || (counts.affinity.empty && matchesAll(pod.requiredAffinity, pod.pod));
  }

  /** What pods that say the same as this one add to where they are, by topology key. */
  function weightsOf(example: PodInfo, pod: Pod): readonly (readonly [topologyKey: string, weight: number])[] {
    const weights: [string, number][] = [];
    // How much another pod's required affinity to this one counts is a setting.
    for (const term of hardPodAffinityWeight > 0 ? example.requiredAffinity : []) {
      if (matches(term, pod)) weights.push([term.topologyKey, hardPodAffinityWeight]);
    }
    if (ignorePreferredTermsOfExistingPods) return weights;
    for (const term of example.preferredAffinity) if (matches(term, pod)) weights.push([term.topologyKey, term.weight]);
    for (const term of example.preferredAntiAffinity) if (matches(term, pod)) weights.push([term.topologyKey, -term.weight]);
    return weights;
  }

  function scoreOwn(scores: TopologyCounts, terms: readonly WeightedAffinityTerm[], node: NodeInfo, sign: 1 | -1): void {
    for (const term of terms) {
      const near = countOn(node, term.query, (other) => matches(term, other));
      if (near > 0) scores.add(node, term.topologyKey, sign * term.weight * near);
    }
  }

  return {
    name,
    preFilter(state, pod, nodes) {
      const counts: Counts = {
        existing: new TopologyCounts(),
        affinity: new TopologyCounts(),
        antiAffinity: new TopologyCounts(),
      };
      const own = pod.requiredAffinity.length > 0 || pod.requiredAntiAffinity.length > 0;
      const repels = onceEach((example) => example.requiredAntiAffinity.flatMap((term) => (matches(term, pod.pod) ? term.topologyKey : [])));
      for (const node of nodes) if (own || node.podsWithRequiredAntiAffinity.size > 0) countAll(counts, pod, node, repels);
      state.set(counted, counts);
      return !own && counts.existing.empty ? { skip: true } : undefined;
    },
    filter(state, pod, node) {
      const counts = state.get(counted)!;
      if (!affinitySatisfied(counts, pod, node)) return affinityRejected;
      for (const term of pod.requiredAntiAffinity) {
        if (counts.antiAffinity.get(node, term.topologyKey) > 0) return antiAffinityRejected;
      }
      return counts.existing.anyAt(node) ? existingRejected : undefined;
    },
    tryPod(state, pod, tried, node, sign) {
      const counts = state.get(counted);
      if (counts) count(counts, pod, tried, node, sign);
    },
    preScore(state, pod) {
      const scores = new TopologyCounts();
      const weights = onceEach((example) => weightsOf(example, pod.pod));
      for (const node of cache.nodes) {
        scoreOwn(scores, pod.preferredAffinity, node, 1);
        scoreOwn(scores, pod.preferredAntiAffinity, node, -1);
        if (node.podsWithAffinity.size === 0) continue;
        for (const { example, count } of node.podsWithAffinity.values()) {
          for (const [topologyKey, weight] of weights(example)) scores.add(node, topologyKey, weight * count);
        }
      }
      state.set(scored, scores);
      return scores.empty ? 'skip' : undefined;
    },
    score: (state, _, node) => state.get(scored)!.sum(node),
    normalize(_, __, scores) {
      const min = scores.reduce((a, b) => Math.min(a, b), Infinity);
      const max = scores.reduce((a, b) => Math.max(a, b), -Infinity);
      for (let i = 0; i < scores.length; i++) {
        scores[i] = max > min ? Math.trunc((maxNodeScore * (scores[i]! - min)) / (max - min)) : 0;
      }
    },
    isHelpful(event, pod) {
      switch (event.kind) {
        case 'NodeAdd':
          // Where there is no such topology there is nobody to keep away from.
          return pod.requiredAntiAffinity.length > 0 || pod.requiredAffinity.some(({ topologyKey }) => labelOf(event.node, topologyKey) !== undefined);
        case 'NodeUpdate':
          return opensTopology(event.old, event.node, pod);
        case 'PodUpdate':
          return labelsChanged(event.old, event.pod);
        case 'AssignedPodAdd':
          return matchesAll(pod.requiredAffinity, event.pod);
        case 'AssignedPodUpdate': {
          const joins = !matchesAll(pod.requiredAffinity, event.old) && matchesAll(pod.requiredAffinity, event.pod);
          return joins || (matchesAny(pod.requiredAntiAffinity, event.old) && !matchesAny(pod.requiredAntiAffinity, event.pod));
        }
        case 'AssignedPodDelete':
          return matchesAny(pod.requiredAntiAffinity, event.pod) || matchesAny(new PodInfo(event.pod).requiredAntiAffinity, pod.pod);
        default:
          return false;
      }
    },
  };
}
