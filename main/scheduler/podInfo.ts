import type { Container, Pod, PodAffinityTerm, WeightedPodAffinityTerm } from '../api/index.ts';
import { hostPortsOf, type HostPort } from '../api/hostPorts.ts';
import { selectorFromLabelSelector, type Selector } from '../api/labels.ts';
import { podRequests, type Resources } from '../api/podResources.ts';
import type { PodQuery } from './nodeInfo.ts';

/** A term of pod affinity, ready to be asked. */
export interface AffinityTerm {
  topologyKey: string;
  namespaces: ReadonlySet<string>;
  namespaceSelector: Selector;
  selector: Selector;
  /** Which pods it is about; undefined where that hangs on the labels of their namespaces, which may change. */
  query: PodQuery | undefined;
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
  /** The pods that all terms of the required affinity are about; undefined where one has no query, or there is none. */
  readonly requiredAffinityQuery: PodQuery | undefined;
  /** Equal for pods that say the same of others; '' where nothing is said. */
  readonly affinityKey: string;

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
    this.requiredAffinityQuery = queryOfAll(this.requiredAffinity);
    const says = affinity?.podAffinity !== undefined || affinity?.podAntiAffinity !== undefined;
    this.affinityKey = says ? `${pod.metadata!.namespace} ${JSON.stringify([affinity.podAffinity, affinity.podAntiAffinity])}` : '';
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
    const namespaces = new Set([...(term.namespaces ?? []), ...own]);
    const namespaceSelector = selectorFromLabelSelector(term.namespaceSelector);
    const selector = selectorFromLabelSelector(term.labelSelector);
    return { topologyKey: term.topologyKey, namespaces, namespaceSelector, selector, query: queryOf(namespaces, namespaceSelector, selector) };
  });
}

function queryOf(namespaces: ReadonlySet<string>, namespaceSelector: Selector, selector: Selector): PodQuery | undefined {
  const everywhere = namespaceSelector.empty;
  if (!everywhere && namespaceSelector.requirements) return undefined;
  const where = everywhere ? '*' : [...namespaces].sort().join();
  return {
    key: `affinity ${where} ${selector.requirements ? '' : '!'}${selector.toString()}`,
    matches: ({ metadata }) => (everywhere || namespaces.has(metadata!.namespace!)) && selector.matches(metadata!.labels),
  };
}

function queryOfAll(all: readonly AffinityTerm[]): PodQuery | undefined {
  const queries = all.flatMap(({ query }) => query ?? []);
  if (queries.length < all.length || queries.length < 2) return queries.length === all.length ? queries[0] : undefined;
  return { key: queries.map(({ key }) => key).join(' & '), matches: (pod) => queries.every((query) => query.matches(pod)) };
}

function weighted(pod: Pod, list: WeightedPodAffinityTerm[] | undefined): readonly WeightedAffinityTerm[] {
  if (!list) return none;
  return list.map(({ podAffinityTerm, weight }) => ({ ...terms(pod, [podAffinityTerm])[0]!, weight }));
}
