import type { Container, Pod, PodAffinityTerm, WeightedPodAffinityTerm } from '../api/index.ts';
import { hostPortsOf, type HostPort } from '../api/hostPorts.ts';
import { selectorFromLabelSelector, type Selector } from '../api/labels.ts';
import { podRequests, type Resources } from '../api/podResources.ts';

/** A term of pod affinity, ready to be asked. */
export interface AffinityTerm {
  topologyKey: string;
  namespaces: ReadonlySet<string>;
  namespaceSelector: Selector;
  selector: Selector;
}

export interface WeightedAffinityTerm extends AffinityTerm {
  weight: number;
}

/** A pod with what the plugins ask about it again and again. */
export class PodInfo {
  readonly uid: string;
  readonly priority: number;
  readonly requests: Resources;
  readonly nonZeroRequests: Resources;
  readonly requiredAffinity: readonly AffinityTerm[];
  readonly requiredAntiAffinity: readonly AffinityTerm[];
  readonly preferredAffinity: readonly WeightedAffinityTerm[];
  readonly preferredAntiAffinity: readonly WeightedAffinityTerm[];
  readonly hostPorts: readonly HostPort[];

  constructor(readonly pod: Pod) {
    this.uid = pod.metadata!.uid!;
    this.priority = pod.spec!.priority ?? 0;
    this.requests = podRequests(pod, { inUse: true });
    this.nonZeroRequests = asksForAll(pod) ? this.requests : podRequests(pod, { nonZero: true, inUse: true });
    const affinity = pod.spec!.affinity;
    this.requiredAffinity = terms(pod, affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution);
    this.requiredAntiAffinity = terms(pod, affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution);
    this.preferredAffinity = weighted(pod, affinity?.podAffinity?.preferredDuringSchedulingIgnoredDuringExecution);
    this.preferredAntiAffinity = weighted(
      pod,
      affinity?.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution,
    );
    this.hostPorts = hostPortsOf(pod);
  }

  get hasAffinity(): boolean {
    return (
      this.requiredAffinity.length > 0 ||
      this.preferredAffinity.length > 0 ||
      this.requiredAntiAffinity.length > 0 ||
      this.preferredAntiAffinity.length > 0
    );
  }
}

/** Whether every container says how much CPU and memory it needs. */
const asksForAll = ({ spec }: Pod) => spec!.containers.every(asks) && (!spec!.initContainers || spec!.initContainers.every(asks));

const asks = ({ resources }: Container) => resources?.requests?.cpu !== undefined && resources.requests.memory !== undefined;

const none: readonly never[] = [];

function terms(pod: Pod, list: PodAffinityTerm[] | undefined): readonly AffinityTerm[] {
  if (!list) return none;
  return list.map((term) => {
    const own = !term.namespaces?.length && !term.namespaceSelector ? [pod.metadata!.namespace!] : [];
    return {
      topologyKey: term.topologyKey,
      namespaces: new Set([...(term.namespaces ?? []), ...own]),
      namespaceSelector: selectorFromLabelSelector(term.namespaceSelector),
      selector: selectorFromLabelSelector(term.labelSelector),
    };
  });
}

function weighted(pod: Pod, list: WeightedPodAffinityTerm[] | undefined): readonly WeightedAffinityTerm[] {
  if (!list) return none;
  return list.map(({ podAffinityTerm, weight }) => ({ ...terms(pod, [podAffinityTerm])[0]!, weight }));
}
