import { createHash } from 'node:crypto';
import type { LabelSelector, Namespace, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, Pod } from '../api/index.ts';
import { parseCIDR } from '../api/ip.ts';
import { everything, selectorFromLabelSelector, type Selector } from '../api/labels.ts';
import { keyOf } from '../api/meta.ts';
import type { AllowRule, Isolation, PeerMatch, PolicyModel, PortAddress, PortMatch, Protocol } from './model.ts';

/** What a policy sees of a pod. */
export interface PolicyPod {
  namespace: string;
  labels: Readonly<Record<string, string>>;
  ip: string;
  /** Undefined for what answers on every node, such as cluster DNS. */
  nodeName?: string;
  ports: { name: string; protocol: Protocol; port: number }[];
}

export interface PoliciesView {
  policies: NetworkPolicy[];
  pods: PolicyPod[];
  namespaces: Namespace[];
}

/**
 * What policies see of a pod, once for each of its addresses: nothing while it has none of its own. Pods in their node's
 * network are that node to policies, as upstream leaves it to the network to decide.
 */
export function policyPods(pod: Pod): PolicyPod[] {
  const { podIP, podIPs, phase } = pod.status ?? {};
  const ips = new Set([...(podIP ? [podIP] : []), ...(podIPs ?? []).map((each) => each.ip)]);
  if (ips.size === 0 || pod.spec?.hostNetwork || phase === 'Succeeded' || phase === 'Failed') return [];
  const sideCars = (pod.spec!.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  const ports = [...pod.spec!.containers, ...sideCars].flatMap((container) =>
    (container.ports ?? []).flatMap(({ name, protocol, containerPort }) =>
      name ? [{ name, protocol: (protocol ?? 'TCP') as Protocol, port: containerPort }] : [],
    ),
  );
  const { namespace, labels = {} } = pod.metadata!;
  return [...ips].map((ip) => ({ namespace: namespace!, labels, ip, nodeName: pod.spec?.nodeName, ports }));
}

/**
 * The policies of a cluster, made ready to be asked for each node. Semantics: the API reference of NetworkPolicy;
 * test/e2e/network/netpol has them as a table of who reaches whom.
 */
export class Policies {
  readonly #namespaces: Map<string, Readonly<Record<string, string>>>;
  readonly #byNamespace = new Map<string, PolicyPod[]>();
  readonly #policies: { policy: NetworkPolicy; key: string; selector: Selector; types: Set<string> }[];
  /** The same selectors select the same pods for every node. */
  readonly #selected = new Map<string, PolicyPod[]>();

  constructor(private readonly view: PoliciesView) {
    this.#namespaces = new Map(view.namespaces.map(({ metadata }) => [metadata!.name!, metadata!.labels ?? {}]));
    for (const pod of view.pods) {
      const list = this.#byNamespace.get(pod.namespace);
      if (list) list.push(pod);
      else this.#byNamespace.set(pod.namespace, [pod]);
    }
    this.#policies = view.policies
      .map((policy) => ({
        policy,
        key: keyOf(policy),
        selector: selectorFromLabelSelector(policy.spec?.podSelector ?? {}),
        types: new Set(policy.spec?.policyTypes ?? ['Ingress', ...(policy.spec?.egress ? ['Egress'] : [])]),
      }))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  modelFor(nodeName: string): PolicyModel {
    const model: PolicyModel = { ingress: [], egress: [], peers: {}, ports: {} };
    if (this.#policies.length === 0) return model;
    const local = this.view.pods.filter((pod) => pod.nodeName === nodeName);
    model.ingress = this.#isolations(model, local, 'Ingress');
    model.egress = this.#isolations(model, local, 'Egress');
    return model;
  }

  /** Pods by the policies that select them, so that many pods share what they are allowed. */
  #isolations(model: PolicyModel, local: PolicyPod[], type: 'Ingress' | 'Egress'): Isolation[] {
    const groups = new Map<string, { policies: NetworkPolicy[]; pods: PolicyPod[] }>();
    for (const pod of local) {
      const selecting = this.#policies.filter(
        ({ policy, selector, types }) =>
          types.has(type) && policy.metadata!.namespace === pod.namespace && selector.matches(pod.labels),
      );
      if (selecting.length === 0) continue;
      const name = hash(selecting.map(({ key }) => key).join(' '));
      const group = groups.get(name);
      if (group) group.pods.push(pod);
      else groups.set(name, { policies: selecting.map(({ policy }) => policy), pods: [pod] });
    }
    return [...groups]
      .map(([name, { policies, pods }]) => ({
        name,
        pods: pods.map(({ ip }) => ip).sort(),
        allowed: policies.flatMap((policy) => this.#rules(model, policy, type, pods)),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #rules(model: PolicyModel, policy: NetworkPolicy, type: 'Ingress' | 'Egress', isolated: PolicyPod[]): AllowRule[] {
    const { namespace } = policy.metadata as { namespace: string };
    const rules =
      type === 'Ingress'
        ? (policy.spec?.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports }))
        : (policy.spec?.egress ?? []).map(({ to, ports }) => ({ peers: to, ports }));
    return rules.map(({ peers, ports }) => ({
      ...(peers?.length ? { peers: peers.flatMap((peer) => this.#peer(model, namespace, peer)) } : {}),
      // A name means the port of whom is connected to: on the way in that is the isolated pod itself.
      ...(ports?.length
        ? { ports: ports.map((port) => this.#port(model, port, type === 'Ingress' ? isolated : this.view.pods, type)) }
        : {}),
    }));
  }

  #peer(model: PolicyModel, namespace: string, peer: NetworkPolicyPeer): PeerMatch[] {
    if (peer.ipBlock) {
      const cidr = networkOf(peer.ipBlock.cidr);
      return cidr ? [{ cidr, except: (peer.ipBlock.except ?? []).flatMap((except) => networkOf(except) ?? []) }] : [];
    }
    const name = `peers-${hash(JSON.stringify([peer.namespaceSelector ?? namespace, peer.podSelector ?? {}]))}`;
    model.peers[name] ??= this.#select(name, namespace, peer.namespaceSelector, peer.podSelector)
      .map(({ ip }) => ip)
      .sort();
    return [{ pods: name }];
  }

  #select(
    name: string,
    own: string,
    namespaceSelector: LabelSelector | undefined,
    podSelector: LabelSelector | undefined,
  ): PolicyPod[] {
    const known = this.#selected.get(name);
    if (known) return known;
    const inNamespace = namespaceSelector ? selectorFromLabelSelector(namespaceSelector) : undefined;
    const isPod = podSelector ? selectorFromLabelSelector(podSelector) : everything;
    const namespaces = inNamespace
      ? [...this.#namespaces].filter(([, labels]) => inNamespace.matches(labels)).map(([namespace]) => namespace)
      : [own];
    const found = namespaces
      .flatMap((namespace) => this.#byNamespace.get(namespace) ?? [])
      .filter(({ labels }) => isPod.matches(labels));
    this.#selected.set(name, found);
    return found;
  }

  #port(model: PolicyModel, port: NetworkPolicyPort, owners: PolicyPod[], type: string): PortMatch {
    const protocol = (port.protocol ?? 'TCP') as Protocol;
    if (port.port === undefined) return { protocol };
    if (typeof port.port === 'number') return { protocol, from: port.port, to: port.endPort ?? port.port };
    const wanted = port.port;
    // On the way in the addresses differ with the isolated pods, so those are part of the name.
    const scope = type === 'Ingress' ? owners.map(({ ip }) => ip).join(' ') : '';
    const name = `ports-${hash(JSON.stringify([protocol, wanted, scope]))}`;
    model.ports[name] ??= owners
      .flatMap(({ ip, ports }): PortAddress[] =>
        ports
          .filter((each) => each.name === wanted && each.protocol === protocol)
          .map((each) => ({ ip, protocol, port: each.port })),
      )
      .sort((a, b) => (a.ip < b.ip ? -1 : a.ip > b.ip ? 1 : a.port - b.port));
    return { named: name };
  }
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** As nftables takes it. */
function networkOf(cidr: string): string | undefined {
  return parseCIDR(cidr)?.network;
}
