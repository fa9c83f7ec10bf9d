import type { Random } from '../util/random.ts';
import type { SchedulerCache } from './cache.ts';
import type { CycleState } from './framework.ts';
import type { NodeInfo } from './nodeInfo.ts';
import type { Nominator } from './nominator.ts';
import type { PodInfo } from './podInfo.ts';
import type { PreFiltered, Profile, Scores } from './profile.ts';
import { unresolvable, type Status } from './status.ts';

const minFeasibleNodes = 100;
const minFeasiblePercentage = 5;

/** What one look at the nodes has found. */
export interface Outcome {
  state: CycleState;
  /** The best node; undefined: none takes the pod. */
  node: NodeInfo | undefined;
  nodeCount: number;
  preFiltered: PreFiltered;
  /** What is wrong, so that no node is taken. */
  error: Status | undefined;
  /** Objections by node. */
  statuses: Map<string, Status>;
  /** The objection of every node that is not in `statuses`. */
  absent: Status | undefined;
  feasible: NodeInfo[];
  /** Of the feasible nodes; undefined where there was nothing to choose. */
  scores: Scores | undefined;
}

/** Scores that come from elsewhere than from the plugins, weighted, by node; 0 where there is none. */
export interface ExtraScores {
  name: string;
  byNode: ReadonlyMap<string, number>;
}

/** Finds the node for a pod, without a pause. Mirrors pkg/scheduler/schedule_one.go (schedulePod). */
export class Algorithm {
  /** Where the next search begins, so that every node has its turn when not all are looked at. */
  #start = 0;

  constructor(
    private readonly profile: Profile,
    private readonly cache: SchedulerCache,
    private readonly nominator: Nominator,
    private readonly random: Random,
  ) {}

  findNode(pod: PodInfo): Outcome {
    const outcome = this.begin(pod);
    if (outcome.absent) return outcome;
    if (!this.takePromised(pod, outcome)) this.search(pod, outcome);
    if (!outcome.error) this.#choose(pod, outcome);
    return outcome;
  }

  /** Before any node is looked at. `absent` is set when none needs to be. */
  begin(pod: PodInfo): Outcome {
    const all = this.cache.nodes;
    const preFiltered = this.profile.preFilter(pod, all);
    return {
      state: preFiltered.state,
      node: undefined,
      nodeCount: all.length,
      preFiltered,
      error: undefined,
      statuses: new Map(),
      absent: preFiltered.status,
      feasible: [],
      scores: undefined,
    };
  }

  /** The node that the pod was promised, if it will do; then no other needs to be looked at. */
  takePromised(pod: PodInfo, { preFiltered, feasible }: Outcome): boolean {
    const nominated = this.nominator.nodeOf(pod.uid);
    const promised = nominated === undefined ? undefined : this.cache.node(nominated);
    if (!promised || this.filter(preFiltered, pod, promised)) return false;
    feasible.push(promised);
    return true;
  }

  /** Chooses of the nodes that were feasible some time ago, of which others have thought since: of those that still are. */
  conclude(pod: PodInfo, outcome: Outcome, extra: readonly ExtraScores[]): void {
    const { nodeCount, preFiltered, state, absent } = this.begin(pod);
    Object.assign(outcome, { nodeCount, preFiltered, state });
    const known = outcome.feasible.flatMap(({ name }) => this.cache.node(name) ?? []);
    outcome.feasible = known.filter((node) => {
      if (preFiltered.nodes && !preFiltered.nodes.has(node.name)) return false;
      const status = absent ?? this.filter(preFiltered, pod, node);
      if (status) outcome.statuses.set(node.name, status);
      return !status;
    });
    this.#choose(pod, outcome, extra);
  }

  #choose(pod: PodInfo, outcome: Outcome, extra: readonly ExtraScores[] = []): void {
    const { feasible } = outcome;
    outcome.node = feasible[0];
    if (feasible.length <= 1) return;
    const scores = (outcome.scores = this.profile.score(outcome.preFiltered, pod, feasible));
    for (const { name, byNode } of extra) {
      const weighted = feasible.map((node) => byNode.get(node.name) ?? 0);
      scores.plugins.push(name);
      scores.weighted.push(weighted);
      for (const [i, score] of weighted.entries()) scores.totals[i] = scores.totals[i]! + score;
    }
    outcome.node = this.#best(feasible, scores.totals);
  }

  /** The objection to the pod on this node, with regard to pods that have been promised it. */
  filter(preFiltered: PreFiltered, pod: PodInfo, node: NodeInfo): Status | undefined {
    if (this.nominator.isEmpty || !this.nominator.isPromised(node.name)) return this.profile.filter(preFiltered, pod, node);
    const promised = [...this.nominator.on(node.name)].filter(
      (other) => other.uid !== pod.uid && other.priority >= pod.priority && !node.pods.has(other.uid),
    );
    if (promised.length > 0) {
      for (const other of promised) this.#try(preFiltered, pod, other, node, 1);
      const status = this.profile.filter(preFiltered, pod, node);
      for (const other of promised) this.#try(preFiltered, pod, other, node, -1);
      if (status) return status;
      // It may also need them not to be there yet: they have not come.
    }
    return this.profile.filter(preFiltered, pod, node);
  }

  /** Puts a pod on a node (1) or takes it away (-1), in the node and in the plugins' state. */
  #try(preFiltered: PreFiltered, pod: PodInfo, tried: PodInfo, node: NodeInfo, sign: 1 | -1): void {
    if (sign === 1) node.addPod(tried);
    else node.removePod(tried.uid);
    this.profile.tryPod(preFiltered, pod, tried, node, sign);
  }

  /** Looks at nodes until enough are found, or one is in error. */
  search(pod: PodInfo, outcome: Outcome): void {
    const all = this.cache.nodes;
    const { preFiltered, feasible, statuses } = outcome;
    let nodes = all;
    if (preFiltered.nodes) {
      nodes = [...preFiltered.nodes].flatMap((name) => this.cache.node(name) ?? []);
      const names = preFiltered.restrictedBy.toSorted().join(' ');
      outcome.absent = unresolvable(preFiltered.restrictedBy[0]!, `node(s) didn't satisfy plugin(s) [${names}]`);
    }
    const wanted = feasibleNodesToFind(nodes.length, this.profile.configuration.percentageOfNodesToScore);
    const since = this.profile.now();
    let looked = 0;
    for (; looked < nodes.length && feasible.length < wanted; looked++) {
      const node = nodes[(this.#start + looked) % nodes.length]!;
      const status = this.filter(preFiltered, pod, node);
      if (status) statuses.set(node.name, status);
      else feasible.push(node);
      if (status?.code === 'Error') {
        outcome.error = status;
        this.profile.filtered(preFiltered, since, looked + 1, statuses, status);
        return;
      }
    }
    this.profile.filtered(preFiltered, since, looked, statuses, undefined);
    if (all.length > 0) this.#start = (this.#start + looked) % all.length;
  }

  /** One of the best, by chance. */
  #best(nodes: NodeInfo[], totals: number[]): NodeInfo {
    const best = totals.reduce((a, b) => Math.max(a, b));
    const ties = totals.reduce((count, total) => (total === best ? count + 1 : count), 0);
    let chosen = ties > 1 ? Math.floor(this.random.next() * ties) : 0;
    return nodes[totals.findIndex((total) => total === best && chosen-- === 0)]!;
  }
}

/** All of up to 100 nodes; of more, `percentage`, or (0) a share that shrinks from 50 % to 5 %. */
export function feasibleNodesToFind(nodes: number, percentage = 0): number {
  if (nodes < minFeasibleNodes) return nodes;
  const share = percentage || Math.max(50 - Math.floor(nodes / 125), minFeasiblePercentage);
  return Math.max(Math.floor((nodes * share) / 100), minFeasibleNodes);
}
