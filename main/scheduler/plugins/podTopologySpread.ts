import type { Node, Pod, TopologySpreadConstraint } from '../../api/index.ts';
import { selectorFromLabelSelector, type Selector } from '../../api/labels.ts';
import type { SchedulerCache } from '../cache.ts';
import type { PluginArgs } from '../configuration.ts';
import { taintsChanged, tolerationsChanged } from '../events.ts';
import { maxNodeScore, StateKey, type Plugin } from '../framework.ts';
import type { NodeInfo, PodQuery } from '../nodeInfo.ts';
import { matchesRequiredNodeAffinity } from '../../api/nodeSelector.ts';
import { unresolvable, unschedulable } from '../status.ts';
import { doNotSchedule, untoleratedTaint } from '../../api/tolerations.ts';

const name = 'PodTopologySpread';
const constraintsNotMatch = "node(s) didn't match pod topology spread constraints";
const rejected = unschedulable(name, constraintsNotMatch);
const labelMissing = unresolvable(name, `${constraintsNotMatch} (missing required label)`);
const hostname = 'kubernetes.io/hostname';

/** What pods without constraints of their own would like, unless the configuration lists others. */
const systemConstraints: TopologySpreadConstraint[] = [
  { topologyKey: hostname, whenUnsatisfiable: 'ScheduleAnyway', maxSkew: 3 },
  { topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'ScheduleAnyway', maxSkew: 5 },
];

interface Constraint {
  maxSkew: number;
  topologyKey: string;
  minDomains: number;
  honorAffinity: boolean;
  honorTaints: boolean;
  selects(pod: Pod): boolean;
  /** The pods that count: selected, of the pod's own namespace, not on their way out. */
  query: PodQuery;
}

interface Hard {
  constraints: Constraint[];
  /** By constraint: topology value → matching pods. */
  counts: Map<string, number>[];
}

interface Soft {
  constraints: Constraint[];
  counts: Map<string, number>[];
  weights: number[];
  ignored: Set<string>;
}

const hardState = new StateKey<Hard>();
const softState = new StateKey<Soft>();

/**
 * Spreads pods over zones, hosts and whatever else nodes are labelled with. `defaultSelector`: which pods count as
 * those of the same kind where a pod does not say (what its services and its owner select).
 */
export function podTopologySpread(
  cache: SchedulerCache,
  defaultSelector: (pod: Pod) => Selector,
  { defaultingType, defaultConstraints }: PluginArgs['PodTopologySpread'],
): Plugin {
  const system = defaultingType === 'System';
  const defaults = system ? systemConstraints : defaultConstraints;
  const hard = (pod: Pod) => ownOrDefault(pod, 'DoNotSchedule', defaults, defaultSelector);
  return {
    name,
    preFilter(state, { pod }, nodes) {
      const constraints = hard(pod);
      if (constraints.length === 0) return { skip: true };
      const counts = constraints.map(() => new Map<string, number>());
      for (const node of nodes) {
        if (!hasAllKeys(node, constraints)) continue;
        for (const [i, constraint] of constraints.entries()) {
          if (!isIncluded(pod, node, constraint)) continue;
          const value = node.labels[constraint.topologyKey]!;
          counts[i]!.set(value, (counts[i]!.get(value) ?? 0) + node.count(constraint.query));
        }
      }
      state.set(hardState, { constraints, counts });
      return undefined;
    },
    filter(state, { pod }, node) {
      const { constraints, counts } = state.get(hardState)!;
      for (const [i, constraint] of constraints.entries()) {
        const value = node.labels[constraint.topologyKey];
        if (value === undefined) return labelMissing;
        const self = constraint.selects(pod) ? 1 : 0;
        if ((counts[i]!.get(value) ?? 0) + self - fewest(counts[i]!, constraint) > constraint.maxSkew) return rejected;
      }
      return undefined;
    },
    tryPod(state, { pod }, { pod: tried }, node, sign) {
      const hard = state.get(hardState);
      if (!hard || tried.metadata!.namespace !== pod.metadata!.namespace || !hasAllKeys(node, hard.constraints)) return;
      for (const [i, constraint] of hard.constraints.entries()) {
        if (!constraint.selects(tried) || !isIncluded(pod, node, constraint)) continue;
        const value = node.labels[constraint.topologyKey]!;
        hard.counts[i]!.set(value, (hard.counts[i]!.get(value) ?? 0) + sign);
      }
    },
    preScore(state, { pod }, nodes) {
      const constraints = ownOrDefault(pod, 'ScheduleAnyway', defaults, defaultSelector);
      if (constraints.length === 0) return 'skip';
      // By the system's constraints a node may lack a zone.
      const requireAll = !system || (pod.spec!.topologySpreadConstraints ?? []).length > 0;
      const soft = prepareScores(constraints, nodes, requireAll);
      const counted = constraints.map((constraint, i) => ({ constraint, counts: soft.counts[i]! })).filter(({ counts }) => hasDomains(counts));
      for (const node of counted.length > 0 ? cache.nodes : []) {
        if (requireAll && !hasAllKeys(node, constraints)) continue;
        const { labels } = node;
        for (let i = 0; i < counted.length; i++) {
          const { constraint, counts } = counted[i]!;
          const value = labels[constraint.topologyKey];
          const count = value === undefined ? undefined : counts.get(value);
          if (count === undefined || !isIncluded(pod, node, constraint)) continue;
          counts.set(value!, count + node.count(constraint.query));
        }
      }
      state.set(softState, soft);
      return undefined;
    },
    score(state, _, node) {
      const { constraints, counts, weights, ignored } = state.get(softState)!;
      if (ignored.has(node.name)) return 0;
      let score = 0;
      const { labels } = node;
      for (let i = 0; i < constraints.length; i++) {
        const constraint = constraints[i]!;
        const value = labels[constraint.topologyKey];
        if (value === undefined) continue;
        const count = constraint.topologyKey === hostname ? node.count(constraint.query) : counts[i]!.get(value)!;
        score += count * weights[i]! + (constraint.maxSkew - 1);
      }
      return Math.round(score);
    },
    normalize(state, _, scores, nodes) {
      const { ignored } = state.get(softState)!;
      const counted = scores.filter((__, i) => !ignored.has(nodes[i]!.name));
      const min = counted.reduce((a, b) => Math.min(a, b), Infinity);
      const max = counted.reduce((a, b) => Math.max(a, b), 0);
      for (let i = 0; i < scores.length; i++) {
        if (ignored.has(nodes[i]!.name)) scores[i] = 0;
        else scores[i] = max === 0 ? maxNodeScore : Math.floor((maxNodeScore * (max + min - scores[i]!)) / max);
      }
    },
    isHelpful(event, { pod }) {
      const constraints = hard(pod);
      const isNear = (other: Pod) => other.metadata!.namespace === pod.metadata!.namespace;
      const changes = (old: Pod, now: Pod) => constraints.some(({ selects }) => selects(old) !== selects(now));
      const counts = ({ metadata }: Node) => constraints.every(({ topologyKey }) => metadata!.labels?.[topologyKey] !== undefined);
      switch (event.kind) {
        case 'AssignedPodAdd':
        case 'AssignedPodDelete':
          return isNear(event.pod) && constraints.some(({ selects }) => selects(event.pod));
        case 'AssignedPodUpdate':
          return isNear(event.pod) && changes(event.old, event.pod);
        case 'PodUpdate':
          // Which nodes count may hang on their taints.
          if (tolerationsChanged(event.old, event.pod) && constraints.some(({ honorTaints }) => honorTaints)) return true;
          return changes(event.old, event.pod);
        case 'NodeAdd':
        case 'NodeDelete':
          return counts(event.node);
        case 'NodeUpdate': {
          const [before, after] = [counts(event.old), counts(event.node)];
          if (before !== after) return true;
          const moved = constraints.some(({ topologyKey }) => event.old.metadata!.labels?.[topologyKey] !== event.node.metadata!.labels?.[topologyKey]);
          return after && (moved || taintsChanged(event.old, event.node));
        }
        default:
          return false;
      }
    },
  };
}

function constraintsOf(pod: Pod, list: TopologySpreadConstraint[], action: string): Constraint[] {
  return list
    .filter((constraint) => constraint.whenUnsatisfiable === action)
    .map((constraint) => {
      const selector = selectorFromLabelSelector(constraint.labelSelector);
      const labels = pod.metadata!.labels ?? {};
      const keys = (constraint.matchLabelKeys ?? []).filter((key) => key in labels);
      const sameKeys = (other: Pod) => keys.every((key) => other.metadata!.labels?.[key] === labels[key]);
      const selects = (other: Pod) =>
        selector.empty ? keys.length > 0 && sameKeys(other) : selector.matches(other.metadata!.labels) && sameKeys(other);
      const about = `${selector.requirements ? '' : '!'}${selector.toString()}&${keys.map((key) => `${key}=${labels[key]}`).join()}`;
      return { ...common(constraint), selects, query: queryOf(pod, about, selects) };
    });
}

function ownOrDefault(
  pod: Pod,
  action: string,
  defaults: TopologySpreadConstraint[],
  defaultSelector: (pod: Pod) => Selector,
): Constraint[] {
  const own = pod.spec!.topologySpreadConstraints ?? [];
  if (own.length > 0) return constraintsOf(pod, own, action);
  const wanted = defaults.filter((constraint) => constraint.whenUnsatisfiable === action);
  const selector = wanted.length > 0 ? defaultSelector(pod) : undefined;
  if (!selector || selector.empty) return [];
  const selects = (other: Pod) => selector.matches(other.metadata!.labels);
  const query = queryOf(pod, selector.toString(), selects);
  return wanted.map((constraint) => ({ ...common(constraint), selects, query }));
}

function common(constraint: TopologySpreadConstraint) {
  return {
    maxSkew: constraint.maxSkew,
    topologyKey: constraint.topologyKey,
    minDomains: constraint.minDomains ?? 1,
    honorAffinity: (constraint.nodeAffinityPolicy ?? 'Honor') === 'Honor',
    honorTaints: (constraint.nodeTaintsPolicy ?? 'Ignore') === 'Honor',
  };
}

const hasAllKeys = (node: NodeInfo, constraints: Constraint[]) =>
  constraints.every(({ topologyKey }) => node.labels[topologyKey] !== undefined);

/** Whether the node counts for a constraint: by default the nodes that the pod selects, whatever their taints. */
function isIncluded(pod: Pod, { node }: NodeInfo, { honorAffinity, honorTaints }: Constraint): boolean {
  if (honorAffinity && !matchesRequiredNodeAffinity(pod, node)) return false;
  return !honorTaints || !untoleratedTaint(node.spec?.taints, pod.spec!.tolerations, doNotSchedule);
}

function queryOf(pod: Pod, about: string, selects: (other: Pod) => boolean): PodQuery {
  const namespace = pod.metadata!.namespace;
  return {
    key: `${namespace}/${about}`,
    matches: (other) => {
      const { metadata } = other;
      return metadata!.namespace === namespace && !metadata!.deletionTimestamp && selects(other);
    },
  };
}

/** Whether there is anything to count: hosts are counted one by one, and nodes without the label stand for no domain. */
const hasDomains = (counts: Map<string, number>) => counts.size > (counts.has('') ? 1 : 0);

/** The pods of the emptiest domain; none as long as there are fewer domains than wanted. */
function fewest(counts: Map<string, number>, { minDomains }: Constraint): number {
  if (counts.size < minDomains) return 0;
  let min = Infinity;
  for (const count of counts.values()) if (count < min) min = count;
  return min === Infinity ? 0x7fffffff : min;
}

function prepareScores(constraints: Constraint[], nodes: readonly NodeInfo[], requireAll: boolean): Soft {
  const ignored = new Set<string>();
  const counts = constraints.map(() => new Map<string, number>());
  for (const node of nodes) {
    if (requireAll && !hasAllKeys(node, constraints)) {
      ignored.add(node.name);
      continue;
    }
    for (let i = 0; i < constraints.length; i++) {
      const { topologyKey } = constraints[i]!;
      // Hosts are counted one by one when they are scored.
      if (topologyKey !== hostname) counts[i]!.set(node.labels[topologyKey] ?? '', 0);
    }
  }
  const weights = constraints.map(({ topologyKey }, i) =>
    Math.log((topologyKey === hostname ? nodes.length - ignored.size : counts[i]!.size) + 2),
  );
  return { constraints, counts, weights, ignored };
}
