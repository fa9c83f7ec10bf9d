import type { Pod } from '../api/index.ts';
import type { ClusterEvent } from './events.ts';
import type { NodeInfo } from './nodeInfo.ts';
import type { PodInfo } from './podInfo.ts';
import type { Status } from './status.ts';

export const maxNodeScore = 100;

/** Names one piece of a plugin's state within a scheduling cycle. */
export class StateKey<T> {
  declare readonly type: T;
}

/** What plugins work out once per pod and use for every node. */
export class CycleState {
  readonly #values = new Map<StateKey<unknown>, unknown>();

  set<T>(key: StateKey<T>, value: T): void {
    this.#values.set(key, value);
  }

  get<T>(key: StateKey<T>): T | undefined {
    return this.#values.get(key) as T | undefined;
  }
}

/** `skip`: the plugin has nothing to say about this pod. `nodes`: no other node can do. */
export type PreFilterResult = { status: Status } | { skip: true } | { nodes: ReadonlySet<string> } | undefined;

/**
 * Extension points of the scheduler, in the order in which a pod passes them; a plugin has those that it needs.
 * All up to `reserve` run without a pause. Mirrors k8s.io/kube-scheduler/framework.
 */
export interface Plugin {
  /** Kubernetes' own name. */
  readonly name: string;
  /** Whether the pod may enter the queue at all. */
  preEnqueue?(pod: Pod): Status | undefined;
  /** Once a pod, before any node is looked at. `nodes` are all of them. */
  preFilter?(state: CycleState, pod: PodInfo, nodes: readonly NodeInfo[]): PreFilterResult;
  /** Once a node: whether the pod can run there. */
  filter?(state: CycleState, pod: PodInfo, node: NodeInfo): Status | undefined;
  /** Keeps the state that `preFilter` made right when a pod is tried on (1) or off (-1) a node. */
  tryPod?(state: CycleState, pod: PodInfo, tried: PodInfo, node: NodeInfo, sign: 1 | -1): void;
  /** No node can do: do what may help later, and say what was done, or that nothing was. */
  postFilter?(state: CycleState, pod: PodInfo): string;
  /** Once a pod, with the nodes that can do. `skip`: this plugin prefers none of them. */
  preScore?(state: CycleState, pod: PodInfo, nodes: readonly NodeInfo[]): 'skip' | undefined;
  /** How good the node is; 0 to 100 after `normalize`. */
  score?(state: CycleState, pod: PodInfo, node: NodeInfo): number;
  /** Brings the scores, changed in place, to 0 … 100. */
  normalize?(state: CycleState, pod: PodInfo, scores: number[], nodes: readonly NodeInfo[]): void;
  /** The pod is going to this node: take what it needs there. */
  reserve?(state: CycleState, pod: PodInfo, node: string): Status | undefined;
  /** It is not, after all. Also called when `reserve` was not. */
  unreserve?(state: CycleState, pod: PodInfo, node: string): void;
  /** Whether `preBind` has anything to do for this pod; a plugin has both or neither. */
  preBindPreFlight?(state: CycleState, pod: PodInfo, node: string): boolean;
  /**
   * Does what has to be done before the pod may be bound; a rejection puts it back into the queue. When the signal is aborted it rejects
   * as soon as the request that it has made is answered, and makes no other.
   */
  preBind?(state: CycleState, pod: PodInfo, node: string, signal: AbortSignal): Promise<void>;
  /** Whether this change may help a pod that this plugin has rejected. */
  isHelpful?(event: ClusterEvent, pod: PodInfo): boolean;
}
