import { describe, expect, test } from 'vitest';
import type { NetworkPolicy, NetworkPolicySpec, Pod } from '../../../main/api/index.ts';
import { planPolicies } from '../../../main/networkPolicy/dataplane/index.ts';
import { Policies, policyPods, type PolicyPod } from '../../../main/networkPolicy/index.ts';
import type { AllowRule, PolicyModel, Protocol } from '../../../main/networkPolicy/model.ts';
import { renderChanges, type Plan } from '../../../main/proxy/dataplane/index.ts';
import { Kernel } from '../../support/nftKernel.ts';
import { makePod } from '../../support/objects.ts';

const namespaces = ['x', 'y'].map((name) => ({ metadata: { name, labels: { ns: name } } }));

/** Pods a and b of namespaces x and y, each on its own node. */
const ips: Record<string, string> = { 'x/a': '10.244.1.2', 'x/b': '10.244.2.2', 'y/a': '10.244.1.3', 'y/b': '10.244.2.3' };
const nodeOf = (name: string) => (ips[name]!.startsWith('10.244.1.') ? 'one' : 'two');

function pod(key: string, change: Partial<PolicyPod> = {}): PolicyPod {
  const [namespace, name] = key.split('/') as [string, string];
  const ports = [
    { name: 'web', protocol: 'TCP' as const, port: 80 },
    { name: 'talk', protocol: 'UDP' as const, port: 81 },
  ];
  return { namespace, labels: { pod: name }, ip: ips[key]!, nodeName: nodeOf(key), ports, ...change };
}

const pods = Object.keys(ips).map((key) => pod(key));

const policy = (namespace: string, spec: NetworkPolicySpec, name = 'policy'): NetworkPolicy => ({
  metadata: { namespace, name },
  spec: { podSelector: {}, ...spec },
});

const cluster = (...policies: NetworkPolicy[]) => new Policies({ policies, pods, namespaces });

const inCIDR = (ip: string, cidr: string) => {
  const [base, bits] = cidr.split('/') as [string, string];
  const number = (text: string) => text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  return Math.floor(number(ip) / 2 ** (32 - Number(bits))) === Math.floor(number(base) / 2 ** (32 - Number(bits)));
};

/** Judges a connection by the model, as the node's rules do. */
function allows(model: PolicyModel, rules: AllowRule[], peer: string, server: string, port: number, protocol: Protocol) {
  return rules.some(({ peers, ports }) => {
    const isPeer =
      !peers ||
      peers.some((match) =>
        'pods' in match
          ? model.peers[match.pods]!.includes(peer)
          : inCIDR(peer, match.cidr) && !match.except.some((except) => inCIDR(peer, except)),
      );
    const isPort =
      !ports ||
      ports.some((match) =>
        'named' in match
          ? model.ports[match.named]!.some((at) => at.ip === server && at.port === port && at.protocol === protocol)
          : match.protocol === protocol && port >= (match.from ?? 0) && port <= (match.to ?? 65535),
      );
    return isPeer && isPort;
  });
}

function reaches(policies: Policies, from: string, to: string, port = 80, protocol: Protocol = 'TCP'): boolean {
  const client = ips[from] ?? from;
  const server = ips[to] ?? to;
  const judge = (direction: 'egress' | 'ingress', whose: string, peer: string, node: string) => {
    const model = policies.modelFor(node);
    const isolation = model[direction].find((each) => each.pods.includes(whose));
    return !isolation || allows(model, isolation.allowed, peer, server, port, protocol);
  };
  return (
    (!ips[from] || judge('egress', client, server, nodeOf(from))) &&
    (!ips[to] || judge('ingress', server, client, nodeOf(to)))
  );
}

/** Who reaches a pod, in a fixed order. */
const clientsOf = (policies: Policies, to: string, port?: number, protocol?: Protocol) =>
  Object.keys(ips).filter((from) => reaches(policies, from, to, port, protocol));

describe('a policy', () => {
  test('isolates only the pods that it selects, and only in its directions', () => {
    const policies = cluster(policy('x', { podSelector: { matchLabels: { pod: 'a' } }, policyTypes: ['Ingress'] }));
    expect(clientsOf(policies, 'x/a')).toEqual([]);
    expect(clientsOf(policies, 'x/b')).toEqual(Object.keys(ips));
    expect(clientsOf(policies, 'y/a')).toEqual(Object.keys(ips));
  });

  test('with an egress section alone isolates what leaves too', () => {
    const policies = cluster(policy('x', { egress: [] }));
    expect(clientsOf(policies, 'y/a')).toEqual(['y/a', 'y/b']);
  });

  test('allows pods of its own namespace, of others, and by both selectors at once', () => {
    const from = (...peers: NonNullable<NonNullable<NetworkPolicySpec['ingress']>[number]['from']>) =>
      cluster(policy('x', { podSelector: { matchLabels: { pod: 'a' } }, ingress: [{ from: peers }] }));
    const b = { matchLabels: { pod: 'b' } };
    const y = { matchLabels: { ns: 'y' } };
    expect(clientsOf(from({ podSelector: b }), 'x/a')).toEqual(['x/b']);
    expect(clientsOf(from({ namespaceSelector: y }), 'x/a')).toEqual(['y/a', 'y/b']);
    expect(clientsOf(from({ namespaceSelector: y, podSelector: b }), 'x/a')).toEqual(['y/b']);
    expect(clientsOf(from({ podSelector: b }, { namespaceSelector: y }), 'x/a')).toEqual(['x/b', 'y/a', 'y/b']);
    expect(clientsOf(from({ namespaceSelector: {} }), 'x/a')).toEqual(Object.keys(ips));
  });

  test('allows addresses but for the excepted', () => {
    const ipBlock = { cidr: '10.244.0.0/16', except: ['10.244.2.0/24'] };
    const policies = cluster(policy('x', { ingress: [{ from: [{ ipBlock }] }] }));
    expect(clientsOf(policies, 'x/a')).toEqual(['x/a', 'y/a']);
    expect(reaches(policies, '192.0.2.1', 'x/a')).toBe(false);
  });

  test('allows ports by number, range, name and protocol', () => {
    const at = (...ports: NonNullable<NonNullable<NetworkPolicySpec['ingress']>[number]['ports']>) =>
      cluster(policy('x', { ingress: [{ ports }] }));
    expect(reaches(at({ port: 80 }), 'y/a', 'x/a', 80)).toBe(true);
    expect(reaches(at({ port: 80 }), 'y/a', 'x/a', 80, 'UDP')).toBe(false);
    expect(reaches(at({ port: 81, endPort: 90, protocol: 'UDP' }), 'y/a', 'x/a', 85, 'UDP')).toBe(true);
    expect(reaches(at({ port: 81, endPort: 90, protocol: 'UDP' }), 'y/a', 'x/a', 91, 'UDP')).toBe(false);
    expect(reaches(at({ port: 'talk', protocol: 'UDP' }), 'y/a', 'x/a', 81, 'UDP')).toBe(true);
    expect(reaches(at({ port: 'talk', protocol: 'UDP' }), 'y/a', 'x/a', 80, 'UDP')).toBe(false);
    expect(reaches(at({ port: 'talk' }), 'y/a', 'x/a', 81)).toBe(false);
    expect(reaches(at({ protocol: 'SCTP' }), 'y/a', 'x/a', 9999, 'SCTP')).toBe(true);
  });

  test('means the port of the server by a name, on the way out too', () => {
    const policies = cluster(policy('x', { policyTypes: ['Egress'], egress: [{ ports: [{ port: 'web' }] }] }));
    expect(reaches(policies, 'x/a', 'y/b', 80)).toBe(true);
    expect(reaches(policies, 'x/a', 'y/b', 81)).toBe(false);
  });

  test('adds to others what they allow', () => {
    const one = policy('x', { ingress: [{ from: [{ podSelector: { matchLabels: { pod: 'a' } } }] }] }, 'one');
    const two = policy('x', { ingress: [{ ports: [{ port: 81 }] }] }, 'two');
    const policies = cluster(one, two);
    expect(clientsOf(policies, 'x/b', 80)).toEqual(['x/a']);
    expect(clientsOf(policies, 'x/b', 81)).toEqual(Object.keys(ips));
  });

  test('needs both ends to agree', () => {
    const out = policy('x', { policyTypes: ['Egress'], egress: [{ to: [{ namespaceSelector: {} }] }] });
    const policies = cluster(out, policy('y', { policyTypes: ['Ingress'] }));
    expect(reaches(policies, 'x/a', 'y/a')).toBe(false);
    expect(reaches(policies, 'x/a', 'x/b')).toBe(true);
    expect(reaches(policies, 'x/a', '192.0.2.1')).toBe(false);
  });
});

test('a pod in the network of its node, without an address or at its end is nobody to policies', () => {
  const running = (status: Pod['status'], spec = {}): Pod => ({ ...makePod('p', {}, spec), status });
  expect(policyPods(running({ phase: 'Running', podIP: '10.244.1.2' }))).toMatchObject([{ ip: '10.244.1.2' }]);
  expect(policyPods(running({ phase: 'Running', podIP: '10.244.0.2' }, { hostNetwork: true }))).toEqual([]);
  expect(policyPods(running({ phase: 'Pending' }))).toEqual([]);
  expect(policyPods(running({ phase: 'Succeeded', podIP: '10.244.1.2' }))).toEqual([]);
});

test('rules follow policies as they come, change and go, and end as if made anew', () => {
  const steps: NetworkPolicy[][] = [
    [],
    [policy('x', {})],
    [policy('x', { ingress: [{ from: [{ podSelector: { matchLabels: { pod: 'b' } } }], ports: [{ port: 'web' }] }] })],
    [
      policy('x', {
        egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16', '10.1.2.0/24'] } }] }],
        ingress: [{ ports: [{ port: 80 }, { port: 80, endPort: 90 }, { port: 'web' }] }],
      }),
      policy('y', {}),
    ],
    [policy('y', {})],
    [],
  ];
  const kernel = new Kernel();
  let before: Plan | undefined;
  for (const policies of steps) {
    const plan = planPolicies(cluster(...policies).modelFor('one'), 'IPv4');
    kernel.apply(renderChanges('ip skiff-policy', before, plan));
    expect(kernel.state()).toEqual(new Kernel().apply(renderChanges('ip skiff-policy', undefined, plan)).state());
    before = plan;
  }
});

test('ranges and networks that overlap become what nftables takes', () => {
  const spec: NetworkPolicySpec = {
    podSelector: {},
    egress: [
      {
        to: [{ ipBlock: { cidr: '0.0.0.0/0', except: ['10.1.2.0/24', '10.1.0.0/16'] } }],
        ports: [{ port: 85 }, { port: 80, endPort: 90 }, { port: 91 }],
      },
    ],
  };
  const plan = planPolicies(cluster(policy('x', spec)).modelFor('one'), 'IPv4');
  const chain = [...plan.chains].find(([name]) => /^egress-/.test(name))![1];
  expect(chain.rules).toEqual(['ip daddr != { 10.1.0.0/16 } meta l4proto tcp th dport { 80-91 } return', 'drop']);
});

test('of a pod with two addresses each family of rules has its own', () => {
  const podIPs = [{ ip: '10.244.1.2' }, { ip: 'fd00:10:244:0:1::2' }];
  const both: Pod = { ...makePod('a', {}, { nodeName: 'one' }), status: { phase: 'Running', podIP: '10.244.1.2', podIPs } };
  const found = policyPods(both);
  expect(found.map(({ ip }) => ip)).toEqual(podIPs.map(({ ip }) => ip));
  const { namespace } = both.metadata as { namespace: string };
  const spec: NetworkPolicySpec = {
    podSelector: {},
    ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8' } }, { ipBlock: { cidr: 'fd00::/8', except: ['fd00:1::/32', 'fd00:1:2::/48'] } }] }, { from: [{ ipBlock: { cidr: '192.0.2.0/24' } }] }],
  };
  const model = new Policies({ policies: [policy(namespace, spec)], pods: found, namespaces: [{ metadata: { name: namespace } }] }).modelFor('one');
  const rules = (family: 'IPv4' | 'IPv6') => {
    const plan = planPolicies(model, family);
    const [, chain] = [...plan.chains].find(([name]) => /^ingress-/.test(name))!;
    return { pods: [...plan.maps.get('ingress-pods')!.elements.keys()], rules: chain.rules };
  };
  expect(rules('IPv4')).toEqual({ pods: ['10.244.1.2'], rules: ['ip saddr 10.0.0.0/8 return', 'ip saddr 192.0.2.0/24 return', 'drop'] });
  expect(rules('IPv6')).toEqual({ pods: ['fd00:10:244:0:1::2'], rules: ['ip6 saddr fd00::/8 ip6 saddr != { fd00:1::/32 } return', 'drop'] });
});
