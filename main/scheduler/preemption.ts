import type { Pod, PodDisruptionBudget } from '../api/index.ts';
import { selectorFromLabelSelector } from '../api/labels.ts';
import type { Algorithm, Outcome } from './algorithm.ts';
import type { SchedulerCache } from './cache.ts';
import { fitError } from './diagnosis.ts';
import type { NodeInfo } from './nodeInfo.ts';
import type { PodInfo } from './podInfo.ts';
import type { PreFiltered, Profile } from './profile.ts';
import type { Random } from '../util/random.ts';
import { failed, unresolvable, type Status } from './status.ts';

const name = 'DefaultPreemption';
const noVictims = unresolvable(name, 'No preemption victims found for incoming pod');
const notHelpful = unresolvable(name, 'Preemption is not helpful for scheduling');

/** Pods that have to leave a node, the most important first. */
export interface Candidate {
  node: string;
  victims: PodInfo[];
  /** How many of them leave against a disruption budget. */
  violations: number;
}

/** Either the node to free, or why that is no use. `keeps`: a node promised before stays promised. */
export type Preemption = { candidate: Candidate } | NoPreemption;
export interface NoPreemption {
  message: string;
  keeps: boolean;
}

export const noPreemption = (why: string, keeps: boolean): NoPreemption => ({ message: `preemption: ${why}`, keeps });

/** Makes room for a pod by the leave of less important ones. Mirrors pkg/scheduler/framework/plugins/defaultpreemption. */
export class DefaultPreemption {
  constructor(
    private readonly profile: Profile,
    private readonly algorithm: Algorithm,
    private readonly cache: SchedulerCache,
    private readonly budgets: () => PodDisruptionBudget[],
    private readonly random: Random,
  ) {}

  find(pod: PodInfo, outcome: Outcome): Preemption {
    const found = this.candidates(pod, outcome);
    return Array.isArray(found) ? this.choose(found) : found;
  }

  /** Nodes that may be freed, one at least, or why none may. */
  candidates(pod: PodInfo, outcome: Outcome): Candidate[] | NoPreemption {
    const objection = this.#ineligible(pod, outcome);
    if (objection) return noPreemption(objection, true);
    const statuses = new Map<string, Status>();
    const candidates = this.#candidates(pod, outcome, statuses);
    if (candidates.length > 0) return candidates;
    const errors = new Set([...statuses.values()].filter(({ code }) => code === 'Error').flatMap(({ reasons }) => reasons));
    if (errors.size > 0) return noPreemption(errors.size === 1 ? [...errors].join() : `[${[...errors].sort().join(', ')}]`, true);
    return noPreemption(fitError({ nodeCount: outcome.nodeCount, statuses, absent: notHelpful }), false);
  }

  /** The best of the candidates, if there are any left. */
  choose(candidates: readonly Candidate[]): Preemption {
    const best = pickBest(candidates.map((each) => ({ ...each, victims: each.victims.toSorted(moreImportantFirst) })));
    return best ? { candidate: best } : noPreemption('no candidate node for preemption', true);
  }

  /** Enough to choose from, one of them at least without harm to a budget if there is one. */
  #candidates(pod: PodInfo, outcome: Outcome, statuses: Map<string, Status>): Candidate[] {
    const nodes = this.cache.nodes.filter(
      (node) => (outcome.statuses.get(node.name) ?? outcome.absent)?.code === 'Unschedulable',
    );
    const candidates: Candidate[] = [];
    // What the plugins have worked out is right for every node: it is brought back to how it was after each.
    const preFiltered = nodes.length > 0 ? this.profile.preFilter(pod, this.cache.nodes) : undefined;
    if (!preFiltered || preFiltered.status) return candidates;
    const wanted = this.#candidatesWanted(nodes.length);
    const start = Math.floor(this.random.next() * nodes.length);
    let harmless = false;
    for (let i = 0; i < nodes.length && !(harmless && candidates.length >= wanted); i++) {
      const node = nodes[(start + i) % nodes.length]!;
      const found = this.#victims(preFiltered, pod, node);
      if ('code' in found) statuses.set(node.name, found);
      else {
        candidates.push(found);
        harmless ||= found.violations === 0;
      }
    }
    return candidates;
  }

  #candidatesWanted(nodes: number): number {
    const { minCandidateNodesPercentage, minCandidateNodesAbsolute } = this.profile.configuration.args.DefaultPreemption;
    return Math.min(nodes, Math.max(Math.floor((nodes * minCandidateNodesPercentage) / 100), minCandidateNodesAbsolute));
  }

  #ineligible({ pod, priority }: PodInfo, outcome: Outcome): string | undefined {
    if (pod.spec!.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.';
    const nominated = pod.status?.nominatedNodeName;
    if (!nominated || outcome.statuses.get(nominated)?.code === 'UnschedulableAndUnresolvable') return undefined;
    for (const other of this.cache.node(nominated)?.pods.values() ?? []) {
      const leaving =
        other.pod.metadata!.deletionTimestamp &&
        other.pod.status?.conditions?.some(
          (c) => c.type === 'DisruptionTarget' && c.status === 'True' && c.reason === 'PreemptionByScheduler',
        );
      if (other.priority < priority && leaving) return 'not eligible due to a terminating pod on the nominated node.';
    }
    return undefined;
  }

  /** Who has to leave so that the pod fits; as few and as unimportant as possible. Tried on the node itself, which is as before afterwards. */
  #victims(preFiltered: PreFiltered, pod: PodInfo, node: NodeInfo): Candidate | Status {
    const lower = [...node.pods.values()].filter((other) => other.priority < pod.priority);
    if (lower.length === 0) return noVictims;
    const gone = new Set<PodInfo>();
    const remove = (other: PodInfo) => {
      node.removePod(other.uid);
      this.profile.tryPod(preFiltered, pod, other, node, -1);
      gone.add(other);
    };
    const restore = (other: PodInfo) => {
      node.addPod(other);
      this.profile.tryPod(preFiltered, pod, other, node, 1);
      gone.delete(other);
    };
    try {
      for (const other of lower) remove(other);
      const status = this.algorithm.filter(preFiltered, pod, node);
      if (status) return status;
      const { violating, others } = this.#splitByBudget(lower.sort(moreImportantFirst));
      const victims: PodInfo[] = [];
      let violations = 0;
      for (const other of [...violating, ...others]) {
        restore(other);
        if (!this.algorithm.filter(preFiltered, pod, node)) continue;
        remove(other);
        victims.push(other);
        if (violating.includes(other)) violations++;
      }
      if (victims.length === 0) return failed(name, `expected at least one victim pod on node "${node.name}"`);
      return { node: node.name, victims: victims.sort(moreImportantFirst), violations };
    } finally {
      for (const other of [...gone]) restore(other);
    }
  }

  #splitByBudget(pods: PodInfo[]): { violating: PodInfo[]; others: PodInfo[] } {
    const budgets = this.budgets().map((budget) => ({
      namespace: budget.metadata!.namespace,
      selector: selectorFromLabelSelector(budget.spec?.selector),
      disrupted: budget.status?.disruptedPods ?? {},
      allowed: budget.status?.disruptionsAllowed ?? 0,
    }));
    const violating: PodInfo[] = [];
    const others: PodInfo[] = [];
    for (const info of pods) {
      const { namespace, labels, name } = info.pod.metadata!;
      let violates = false;
      for (const budget of budgets) {
        // A pod without labels is nobody's, whatever a selector says of what must not be there.
        const covers = budget.namespace === namespace && hasAny(labels) && !budget.selector.empty && budget.selector.matches(labels);
        if (!covers || name! in budget.disrupted) continue;
        if (--budget.allowed < 0) violates = true;
      }
      (violates ? violating : others).push(info);
    }
    return { violating, others };
  }
}

/** By priority, then by who started first. */
function moreImportantFirst(a: PodInfo, b: PodInfo): number {
  return b.priority - a.priority || startOf(a.pod) - startOf(b.pod);
}

const hasAny = (labels: Record<string, string> | undefined) => labels !== undefined && Object.keys(labels).length > 0;

/** What has not begun yet begins later than all that has. */
const startOf = ({ status }: Pod) => (status?.startTime ? Date.parse(status.startTime) : Number.MAX_SAFE_INTEGER);

/** The node whose victims hurt least; earlier rules first, and the first node where all are alike. */
function pickBest(candidates: Candidate[]): Candidate | undefined {
  const rules: ((candidate: Candidate) => number)[] = [
    ({ victims }) => (victims.length === 0 ? 0 : 1),
    ({ violations }) => violations,
    ({ victims }) => victims[0]?.priority ?? -Infinity,
    ({ victims }) => victims.reduce((sum, victim) => sum + victim.priority + 2 ** 31, 0),
    ({ victims }) => victims.length,
    ({ victims }) => -earliestStart(victims),
  ];
  let best = candidates;
  for (const rule of rules) {
    const least = Math.min(...best.map(rule));
    best = best.filter((candidate) => rule(candidate) === least);
  }
  return best[0];
}

/** Of the most important victims. */
function earliestStart(victims: PodInfo[]): number {
  const top = victims.filter((victim) => victim.priority === victims[0]?.priority);
  return top.reduce((min, victim) => Math.min(min, startOf(victim.pod)), Infinity);
}
