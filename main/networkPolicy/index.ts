/** Who may speak with whom: turns NetworkPolicies into what each node lets through. */
import type { Namespace, Pod } from '../api/index.ts';
import { resources, type InformerFactory } from '../client/index.ts';
import type { Clock } from '../util/clock.ts';
import { FanOut } from '../util/fanOut.ts';
import type { Logger } from '../util/log.ts';
import { Policies, policyPods, type PolicyPod } from './buildModel.ts';
import type { PolicyModel } from './model.ts';

export { Policies, policyPods, type PoliciesView, type PolicyPod } from './buildModel.ts';
export type { PolicyModel } from './model.ts';

export interface NetworkPolicyOptions {
  informers: InformerFactory;
  nodes(): string[];
  /** Brings a model to a node; rejects when the node cannot be reached now. */
  sink(node: string, model: PolicyModel): Promise<void>;
  /** What policies may name though no pod stands behind it, such as cluster DNS. */
  builtIn: PolicyPod[];
  clock: Clock;
  log: Logger;
}

export interface NetworkPolicyEnforcement {
  /** A node's agent is there anew and may know nothing. */
  refresh(node: string): void;
  stop(): void;
}

/** All that policies depend on. */
const viewOf = (pod: Pod) => JSON.stringify(policyPods(pod));
const labelsOf = (namespace: Namespace) => JSON.stringify(namespace.metadata?.labels);

/** Keeps what every node lets through up to date. */
export function startNetworkPolicy(options: NetworkPolicyOptions): NetworkPolicyEnforcement {
  const { informers } = options;
  const policies = informers.informer(resources.networkPolicies);
  const pods = informers.informer(resources.pods);
  const namespaces = informers.informer(resources.namespaces);

  // What the selectors select is found once a change, for all nodes.
  let current: Policies | undefined;
  const fanOut = new FanOut<PolicyModel>({
    clock: options.clock,
    log: options.log.child('network-policy'),
    targets: options.nodes,
    compute(node) {
      // Half of the picture would cut who is allowed.
      if (!policies.hasSynced || !pods.hasSynced || !namespaces.hasSynced) return undefined;
      const found = policies.list();
      current ??= new Policies({
        policies: found,
        // Most clusters have no policy: then no pod matters.
        pods: found.length === 0 ? [] : [...pods.list().flatMap(policyPods), ...options.builtIn],
        namespaces: found.length === 0 ? [] : namespaces.list(),
      });
      return current.modelFor(node);
    },
    sink: options.sink,
  });
  const changed = () => {
    current = undefined;
    fanOut.changed();
  };
  const matters = () => void (policies.list().length > 0 && changed());
  const ends = [
    policies.on({ add: changed, update: changed, delete: changed }),
    pods.on({
      add: matters,
      update: (old, pod) => void (viewOf(old) !== viewOf(pod) && matters()),
      delete: matters,
    }),
    namespaces.on({
      add: matters,
      update: (old, namespace) => void (labelsOf(old) !== labelsOf(namespace) && matters()),
      delete: matters,
    }),
  ];
  void informers.synced().then(changed);
  return {
    refresh: (node) => fanOut.refresh(node),
    stop() {
      for (const end of ends) end();
      fanOut.stop();
    },
  };
}
