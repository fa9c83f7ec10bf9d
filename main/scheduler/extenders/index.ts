import type { Pod } from '../../api/index.ts';
import type { Clock } from '../../util/clock.ts';
import type { Logger } from '../../util/log.ts';
import type { Algorithm, ExtraScores, Outcome } from '../algorithm.ts';
import { maxNodeScore } from '../framework.ts';
import type { NodeInfo } from '../nodeInfo.ts';
import type { PodInfo } from '../podInfo.ts';
import type { Candidate } from '../preemption.ts';
import { unresolvable, unschedulable } from '../status.ts';
import type { ExtenderConfiguration } from './configuration.ts';
import { connectByHttp, type ConnectToExtender, type ExtenderConnection } from './connection.ts';
import { Extender } from './extender.ts';

export type { ConnectToExtender, Extender, ExtenderConnection };

/** Who has rejected a pod that an extender has rejected, as the queue and the metrics have it. */
export const extenderName = 'Extender';

/** Scores of extenders go up to this. */
const maxExtenderPriority = 10;

/** What extenders have to say about a pod. */
export interface Consultation {
  /** No node is chosen yet: those that are feasible are those that were when they were asked. */
  outcome: Outcome;
  scores: ExtraScores[];
  /** Something is wrong, so that no node is chosen. */
  error?: Error;
}

/**
 * The extenders of a scheduler: programs of others that are asked, over HTTP, which nodes a pod may have, which are better, who has to
 * leave for it, or to bind it. Mirrors pkg/scheduler/schedule_one.go (findNodesThatPassExtenders, prioritizeNodes, extendersBinding)
 * and pkg/scheduler/framework/preemption (callExtenders).
 */
export class Extenders {
  readonly #extenders: readonly Extender[];
  readonly #connections: readonly ExtenderConnection[];
  readonly #names: ReadonlySet<string>;

  /** Undefined: there are none, and nobody needs to think of them. */
  static of(configurations: readonly ExtenderConfiguration[], log: Logger, clock: Clock, connect: ConnectToExtender = connectByHttp): Extenders | undefined {
    return configurations.length > 0 ? new Extenders(configurations, log, clock, connect) : undefined;
  }

  private constructor(
    configurations: readonly ExtenderConfiguration[],
    private readonly log: Logger,
    clock: Clock,
    connect: ConnectToExtender,
  ) {
    // Those that one can do without come last.
    const inOrder = [...configurations.filter(({ ignorable }) => !ignorable), ...configurations.filter(({ ignorable }) => ignorable)];
    this.#connections = inOrder.map((each) => connect(each, clock));
    this.#extenders = inOrder.map((each, i) => new Extender(each, this.#connections[i]!));
    this.#names = new Set(this.#extenders.map(({ name }) => name));
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  /** Whether the pod is the business of any. */
  areInterested(pod: Pod): boolean {
    return this.#extenders.some((extender) => extender.isInterested(pod));
  }

  /** By whom the pod was rejected, in the queue's words. */
  rejectorOf(plugin: string): string {
    return this.#names.has(plugin) ? extenderName : plugin;
  }

  /** The one that binds the pod in place of the scheduler. */
  binderOf(pod: Pod): Extender | undefined {
    return this.#extenders.find((extender) => extender.binds && extender.isInterested(pod));
  }

  /** Looks for nodes, and asks about them what there is to ask. Rejects with the signal's reason when that is aborted. */
  async consult(algorithm: Algorithm, pod: PodInfo, signal: AbortSignal): Promise<Consultation> {
    const outcome = algorithm.begin(pod);
    const scores: ExtraScores[] = [];
    if (outcome.absent) return { outcome, scores };
    try {
      if (!(await this.#takesPromised(algorithm, pod, outcome, signal))) {
        algorithm.search(pod, outcome);
        if (!outcome.error) await this.#filter(pod.pod, outcome, signal);
      }
    } catch (error) {
      signal.throwIfAborted();
      return { outcome, scores, error: error as Error };
    }
    if (!outcome.error && outcome.feasible.length > 1) scores.push(...(await this.#prioritize(pod.pod, outcome.feasible, signal)));
    return { outcome, scores };
  }

  /** Whether the pod may have the node that it was promised. */
  async #takesPromised(algorithm: Algorithm, pod: PodInfo, outcome: Outcome, signal: AbortSignal): Promise<boolean> {
    if (!algorithm.takePromised(pod, outcome)) return false;
    try {
      await this.#filter(pod.pod, outcome, signal);
    } catch (error) {
      signal.throwIfAborted();
      outcome.feasible = [];
      this.log.warn('extenders could not be asked about the node that a pod was promised', { pod: pod.pod.metadata!.name, error: String(error) });
    }
    return outcome.feasible.length > 0;
  }

  /** One after the other: what one has taken away the next is not asked about. */
  async #filter(pod: Pod, outcome: Outcome, signal: AbortSignal): Promise<void> {
    for (const extender of this.#extenders) {
      if (outcome.feasible.length === 0) return;
      if (!extender.filters || !extender.isInterested(pod)) continue;
      const answer = await this.#unlessIgnored(extender, extender.filter(pod, outcome.feasible, signal), signal);
      if (!answer) continue;
      const { name } = extender;
      const asked = new Map(outcome.feasible.map((node) => [node.name, node]));
      // It may know better about nodes that were turned down already; of others nothing is known here.
      const isKnown = (node: string) => asked.has(node) || outcome.statuses.has(node);
      const left = new Set(answer.nodes);
      for (const [node, why] of answer.failed) if (isKnown(node)) outcome.statuses.set(node, unschedulable(name, why));
      for (const [node, why] of answer.unresolvable) if (isKnown(node)) outcome.statuses.set(node, unresolvable(name, why));
      for (const node of asked.keys()) if (!left.has(node) && !outcome.statuses.has(node)) outcome.statuses.set(node, unresolvable(name));
      for (const node of left) outcome.statuses.delete(node);
      outcome.feasible = [...left].map((node) => asked.get(node)!);
    }
  }

  /** All at once. Of those that do not answer there are no scores. */
  async #prioritize(pod: Pod, nodes: readonly NodeInfo[], signal: AbortSignal): Promise<ExtraScores[]> {
    const asked = this.#extenders.filter((extender) => extender.prioritizes && extender.isInterested(pod));
    const answers = await Promise.allSettled(asked.map((extender) => extender.prioritize(pod, nodes, signal)));
    signal.throwIfAborted();
    return answers.flatMap((answer, i) => {
      const { name, weight } = asked[i]!;
      if (answer.status === 'rejected') {
        this.log.debug('an extender has given no scores', { extender: name, error: String(answer.reason) });
        return [];
      }
      const byNode = new Map<string, number>();
      for (const { host, score } of answer.value) byNode.set(host, (byNode.get(host) ?? 0) + score * weight * (maxNodeScore / maxExtenderPriority));
      return [{ name, byNode }];
    });
  }

  /** What is left of the candidates for preemption. Rejects when one that one cannot do without does not answer as it should. */
  async preempt(pod: Pod, candidates: Candidate[], nodeOf: (name: string) => NodeInfo | undefined, signal: AbortSignal): Promise<Candidate[]> {
    let left = candidates;
    for (const extender of this.#extenders) {
      if (left.length === 0) break;
      if (!extender.preempts || !extender.isInterested(pod)) continue;
      const answer = await this.#unlessIgnored(extender, extender.preempt(pod, left, nodeOf, signal), signal);
      if (!answer) continue;
      const idle = answer.find(({ victims }) => victims.length === 0);
      if (idle && !extender.isIgnorable) throw new Error(`expected at least one victim pod on node "${idle.node}"`);
      left = answer.filter(({ victims }) => victims.length > 0);
    }
    return left;
  }

  /** Undefined: there is no answer, and none is needed. */
  async #unlessIgnored<T>(extender: Extender, answer: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    try {
      return await answer;
    } catch (error) {
      signal.throwIfAborted();
      if (!extender.isIgnorable) throw error;
      this.log.info('an extender is ignored that has failed', { extender: extender.name, error: String(error) });
      return undefined;
    }
  }
}
