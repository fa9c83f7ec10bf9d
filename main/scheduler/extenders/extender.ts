import type { Container, Pod } from '../../api/index.ts';
import { goQuote } from '../../util/goQuote.ts';
import type { NodeInfo } from '../nodeInfo.ts';
import type { PodInfo } from '../podInfo.ts';
import type { Candidate } from '../preemption.ts';
import { bindAnswer, filterAnswer, preemptAnswer, prioritizeAnswer, type FilterAnswer, type HostPriority } from './answers.ts';
import type { ExtenderConfiguration } from './configuration.ts';
import type { ExtenderConnection } from './connection.ts';

/**
 * One extender. What it is asked rejects with an Error when it does not answer, says that it cannot, or answers what is none of its
 * business; and with the signal's reason when that is aborted. Mirrors pkg/scheduler/extender.go.
 */
export class Extender {
  readonly #managed: ReadonlySet<string>;

  constructor(
    private readonly configuration: ExtenderConfiguration,
    private readonly connection: ExtenderConnection,
  ) {
    this.#managed = new Set(configuration.managedResources.map(({ name }) => name));
  }

  get name(): string {
    return this.configuration.urlPrefix;
  }

  /** Pods are scheduled without it when it does not answer. */
  get isIgnorable(): boolean {
    return this.configuration.ignorable;
  }

  get filters(): boolean {
    return this.configuration.filterVerb !== '';
  }

  get prioritizes(): boolean {
    return this.configuration.prioritizeVerb !== '';
  }

  get binds(): boolean {
    return this.configuration.bindVerb !== '';
  }

  get preempts(): boolean {
    return this.configuration.preemptVerb !== '';
  }

  /** What a score of it counts. */
  get weight(): number {
    return this.configuration.weight;
  }

  /** Whether the pod is its business. */
  isInterested({ spec }: Pod): boolean {
    if (this.#managed.size === 0) return true;
    return spec!.containers.some((container) => this.#manages(container)) || (spec!.initContainers ?? []).some((container) => this.#manages(container));
  }

  #manages({ resources }: Container): boolean {
    for (const name in resources?.requests) if (this.#managed.has(name)) return true;
    for (const name in resources?.limits) if (this.#managed.has(name)) return true;
    return false;
  }

  /** Which of the nodes will do. */
  async filter(pod: Pod, nodes: readonly NodeInfo[], signal: AbortSignal): Promise<FilterAnswer> {
    const { filterVerb, nodeCacheCapable } = this.configuration;
    const answer = filterAnswer(await this.#ask(filterVerb, this.#about(pod, nodes), signal), nodeCacheCapable);
    const known = new Set(nodes.map(({ name }) => name));
    const stranger = answer.nodes.find((name) => !known.has(name));
    if (stranger !== undefined) throw new Error(`extender ${goQuote(this.name)} claims a filtered node ${goQuote(stranger)} which is not found in the input node list`);
    return answer;
  }

  async prioritize(pod: Pod, nodes: readonly NodeInfo[], signal: AbortSignal): Promise<HostPriority[]> {
    return prioritizeAnswer(await this.#ask(this.configuration.prioritizeVerb, this.#about(pod, nodes), signal));
  }

  async bind({ metadata }: Pod, node: string, signal: AbortSignal): Promise<void> {
    const { name, namespace, uid } = metadata!;
    const question = { PodName: name, PodNamespace: namespace, PodUID: uid, Node: node };
    bindAnswer(await this.connection.post(this.configuration.bindVerb, question, { signal, again: false }));
  }

  /**
   * Those of the candidates that will do, or others, with the victims that the extender chooses. `nodeOf` knows the nodes of now: what
   * has gone since the question was put is not held against the extender.
   */
  async preempt(pod: Pod, candidates: readonly Candidate[], nodeOf: (name: string) => NodeInfo | undefined, signal: AbortSignal): Promise<Candidate[]> {
    const answer = preemptAnswer(await this.#ask(this.configuration.preemptVerb, this.#aboutVictims(pod, candidates), signal));
    const sent = new Map(candidates.map((candidate) => [candidate.node, candidate]));
    return [...answer].flatMap(([node, { uids, violations }]) => {
      const info = nodeOf(node);
      const candidate = sent.get(node);
      if (!info && candidate) return [];
      if (!info) throw new Error(`nodeinfo not found for node name ${goQuote(node)}`);
      const victims = uids.map((uid) => info.pods.get(uid) ?? candidate?.victims.find((victim) => victim.uid === uid) ?? this.#unknown(uid, node));
      return [{ node, victims, violations }];
    });
  }

  #unknown(uid: string, node: string): PodInfo {
    throw new Error(`extender: ${this.name} claims to preempt pod (UID: &{${uid}}) on node: ${node}, but the pod is not found on that node`);
  }

  #ask(verb: string, question: object, signal: AbortSignal): Promise<unknown> {
    return this.connection.post(verb, question, { signal, again: true });
  }

  #about(pod: Pod, nodes: readonly NodeInfo[]): object {
    if (this.configuration.nodeCacheCapable) return { Pod: pod, Nodes: null, NodeNames: nodes.map(({ name }) => name) };
    return { Pod: pod, Nodes: { metadata: {}, items: nodes.map(({ node }) => node) }, NodeNames: null };
  }

  #aboutVictims(pod: Pod, candidates: readonly Candidate[]): object {
    const byNode = (podsOf: (victims: readonly PodInfo[]) => object[]) =>
      Object.fromEntries(candidates.map(({ node, victims, violations }) => [node, { Pods: podsOf(victims), NumPDBViolations: violations }]));
    if (this.configuration.nodeCacheCapable)
      return { Pod: pod, NodeNameToVictims: null, NodeNameToMetaVictims: byNode((victims) => victims.map(({ uid }) => ({ UID: uid }))) };
    return { Pod: pod, NodeNameToVictims: byNode((victims) => victims.map((victim) => victim.pod)), NodeNameToMetaVictims: null };
  }
}
