import { createHash } from 'node:crypto';
import { addressFamily } from '../../api/serviceAddress.ts';
import type { EndpointAddress, FamilyRules, HostPort, ServicePort } from '../model.ts';
import { within, withoutOverlap } from './ranges.ts';
import { words, type Words } from './words.ts';
import { planMovedFlows } from './movedFlows.ts';

/** Marks connections whose source becomes the node's own address, as kube-proxy's masquerade bit. */
const masquerade = '0x4000';

/** An nftables table as data, so that two of them can be compared. */
export interface Plan {
  /** By name: the declaration and the rules. */
  chains: Map<string, { hook?: string; rules: string[] }>;
  /** Sets and maps with fixed content, by name: key → value (empty for a set). */
  maps: Map<string, { type: string; kind: 'set' | 'map'; elements: Map<string, string> }>;
  /** Sets that the kernel fills, by name: their declaration. */
  dynamic: Map<string, string>;
}

export const emptyPlan = (): Plan => ({ chains: new Map(), maps: new Map(), dynamic: new Map() });

/**
 * What the node does with packets. Mirrors pkg/proxy/nftables/proxier.go in where packets go; unlike there every
 * connection of a Service is one `dnat` by a random number, and a chain an endpoint exists only for client affinity.
 */
export function planTable(model: FamilyRules): Plan {
  const plan = emptyPlan();
  const word = words[addressFamily(model.nodeIP)];
  const { ip: header, address } = word;
  const { chains } = plan;
  const map = (name: string, kind: 'set' | 'map', type: string) => {
    const elements = new Map<string, string>();
    plan.maps.set(name, { type, kind, elements });
    return elements;
  };
  const serviceIPs = map('service-ips', 'map', `${address} . inet_proto . inet_service : verdict`);
  const nodePorts = map('service-nodeports', 'map', 'inet_proto . inet_service : verdict');
  const refusedIPs = map('no-endpoint-services', 'map', `${address} . inet_proto . inet_service : verdict`);
  const refusedNodePorts = map('no-endpoint-nodeports', 'map', 'inet_proto . inet_service : verdict');
  const clusterIPs = map('cluster-ips', 'set', address);
  const hairpins = map('hairpin-connections', 'set', `${address} . ${address}`);
  const firewalled = map('firewall-ips', 'map', `${address} . inet_proto . inet_service : verdict`);

  const nodePort = `${header} daddr ${model.nodeIP} meta l4proto . th dport vmap`;
  // The kernel limits how often it answers with ICMP, not how often it resets: a client must never have to wait.
  chains.set('reject-chain', { rules: ['meta l4proto tcp reject with tcp reset', 'reject'] });
  chains.set('services', {
    rules: [
      `${header} daddr . meta l4proto . th dport vmap @service-ips`,
      `${nodePort} @service-nodeports`,
      `${header} daddr . meta l4proto . th dport vmap @host-ports`,
    ],
  });
  chains.set('endpoints-check', {
    rules: [`${header} daddr . meta l4proto . th dport vmap @no-endpoint-services`, `${nodePort} @no-endpoint-nodeports`],
  });
  chains.set('nat-prerouting', { hook: 'type nat hook prerouting priority dstnat', rules: ['jump services'] });
  chains.set('nat-output', { hook: 'type nat hook output priority -100', rules: ['jump services'] });
  chains.set('nat-postrouting', {
    hook: 'type nat hook postrouting priority srcnat',
    rules: [
      `meta mark & ${masquerade} != 0 masquerade fully-random`,
      // A program of the node that speaks to its own loopback address cannot be answered there from outside.
      `${header} saddr ${word.loopback} ct status dnat masquerade fully-random`,
      // A pod that reaches itself through its Service would otherwise answer itself directly.
      `ct status dnat ${header} saddr . ${header} daddr @hairpin-connections masquerade fully-random`,
    ],
  });
  // Judged by the address that clients use: before it is translated.
  for (const hook of ['prerouting', 'output'])
    chains.set(`firewall-${hook}`, {
      hook: `type filter hook ${hook} priority ${hook === 'output' ? -110 : 'dstnat - 10'}`,
      rules: [`ct state new ${header} daddr . meta l4proto . th dport vmap @firewall-ips`],
    });
  chains.set('filter-input', {
    hook: 'type filter hook input priority filter',
    rules: ['ct state new jump endpoints-check'],
  });
  // Not what the node serves by itself, which is at its own addresses.
  const unallocated = model.serviceCIDRs.length > 0 ? [`ct state new ${header} daddr { ${withoutOverlap(model.serviceCIDRs).join(', ')} } fib daddr type != local drop`] : [];
  for (const hook of ['forward', 'output'])
    chains.set(`filter-${hook}`, {
      hook: `type filter hook ${hook} priority filter`,
      rules: [
        // All pods are neighbours on one link; told so, they would go past the node and its rules.
        ...(hook === 'output' ? [word.dropRedirects] : []),
        'ct state new jump endpoints-check',
        `ct state new ${header} daddr @cluster-ips goto reject-chain`,
        ...unallocated,
      ],
    });

  const isOnNode = within(model.nodeCIDR);
  for (const service of model.services) {
    planService(plan, model, word, service, { serviceIPs, nodePorts, refusedIPs, refusedNodePorts });
    planFirewall(plan, model, word, service, firewalled);
    for (const ip of service.clusterIPs) clusterIPs.set(ip, '');
    for (const endpoint of [...service.endpoints, ...service.localEndpoints])
      if (isOnNode(endpoint.ip)) hairpins.set(`${endpoint.ip} . ${endpoint.ip}`, '');
  }
  const hostPorts = map('host-ports', 'map', `${address} . inet_proto . inet_service : verdict`);
  for (const hostPort of model.hostPorts) {
    planHostPort(plan, model, word, hostPort, hostPorts);
    hairpins.set(`${hostPort.pod.ip} . ${hostPort.pod.ip}`, '');
  }
  planMovedFlows(plan, model, word);
  return plan;
}

function planHostPort(plan: Plan, model: FamilyRules, word: Words, { protocol, hostIP, hostPort, pod }: HostPort, elements: Map<string, string>): void {
  const name = protocol.toLowerCase();
  const chain = `host-port-${name}-${hostPort}-${pod.ip.replaceAll(':', '/')}-${pod.port}`;
  plan.chains.set(chain, { rules: [`meta l4proto ${name} dnat to ${word.socket(pod)}`] });
  for (const ip of hostIP ? [hostIP] : [model.nodeIP, ...word.hostPortLoopback]) elements.set(`${ip} . ${name} . ${hostPort}`, `goto ${chain}`);
}

type Elements = Record<'serviceIPs' | 'nodePorts' | 'refusedIPs' | 'refusedNodePorts', Map<string, string>>;

/** Mirrors the firewall chains of pkg/proxy/nftables/proxier.go; node ports are not subject to them. */
function planFirewall(plan: Plan, model: FamilyRules, { ip: header }: Words, { name, protocol, port, firewall }: ServicePort, elements: Map<string, string>): void {
  if (!firewall) return;
  const { ips, ranges } = firewall;
  const chain = `firewall-${chainId(`${name}/${protocol.toLowerCase()}`)}`;
  const isAllowed = ranges.some((range) => within(range)(model.nodeIP));
  plan.chains.set(chain, {
    rules: [
      `${header} saddr { ${withoutOverlap(ranges).join(', ')} } return`,
      // A node that may use the balancer has its address as its own, and so is seen to come from there.
      ...(isAllowed ? [`${header} saddr { ${ips.join(', ')} } return`] : []),
      'drop',
    ],
  });
  for (const ip of ips) elements.set(`${ip} . ${protocol.toLowerCase()} . ${port}`, `goto ${chain}`);
}

function planService(plan: Plan, model: FamilyRules, word: Words, service: ServicePort, elements: Elements): void {
  const { ip: header } = word;
  const protocol = service.protocol.toLowerCase();
  const id = chainId(`${service.name}/${protocol}`);
  const refuse = 'goto reject-chain';

  let cluster: string | undefined;
  const clusterChain = () => (cluster ??= planEndpoints(plan, word, service, `service-${id}`, service.endpoints));
  let local: string | undefined;
  const localChain = () => (local ??= planEndpoints(plan, word, service, `local-${id}`, service.localEndpoints));

  const internal = service.internalLocal ? service.localEndpoints : service.endpoints;
  for (const ip of service.clusterIPs) {
    const key = `${ip} . ${protocol} . ${service.port}`;
    if (internal.length > 0)
      elements.serviceIPs.set(key, `goto ${service.internalLocal ? localChain() : clusterChain()}`);
    // With endpoints elsewhere only, upstream drops; without any it refuses.
    else elements.refusedIPs.set(key, service.endpoints.length > 0 ? 'drop' : refuse);
  }

  if (service.externalIPs.length === 0 && service.nodePort === 0) return;
  const outside = service.externalLocal ? service.localEndpoints : service.endpoints;
  if (service.endpoints.length > 0 || outside.length > 0) {
    const rules: string[] = [];
    if (!service.externalLocal) rules.push(`meta mark set meta mark | ${masquerade}`, `goto ${clusterChain()}`);
    else {
      // Clients within the cluster are not outside clients: for them it is as with policy Cluster.
      if (service.endpoints.length > 0)
        rules.push(
          `${header} saddr ${model.nodeCIDR} goto ${clusterChain()}`,
          `fib saddr type local meta mark set meta mark | ${masquerade}`,
          `fib saddr type local goto ${clusterChain()}`,
        );
      if (outside.length > 0) rules.push(`goto ${localChain()}`);
    }
    plan.chains.set(`external-${id}`, { rules });
    for (const ip of service.externalIPs)
      elements.serviceIPs.set(`${ip} . ${protocol} . ${service.port}`, `goto external-${id}`);
    if (service.nodePort) elements.nodePorts.set(`${protocol} . ${service.nodePort}`, `goto external-${id}`);
  }
  if (outside.length === 0) {
    const verdict = service.endpoints.length > 0 ? 'drop' : refuse;
    for (const ip of service.externalIPs) elements.refusedIPs.set(`${ip} . ${protocol} . ${service.port}`, verdict);
    if (service.nodePort) elements.refusedNodePorts.set(`${protocol} . ${service.nodePort}`, verdict);
  }
}

function planEndpoints(plan: Plan, { ip: header, address, socket }: Words, service: ServicePort, name: string, endpoints: EndpointAddress[]): string {
  const protocol = service.protocol.toLowerCase();
  const dnat = (target: string) => `meta l4proto ${protocol} dnat to ${target}`;
  const random = `numgen random mod ${endpoints.length}`;
  if (service.affinitySeconds === 0) {
    const [first] = endpoints;
    const targets = endpoints.map(({ ip, port }, index) => `${index} : ${ip} . ${port}`).join(', ');
    plan.chains.set(name, {
      rules: [dnat(endpoints.length === 1 ? socket(first!) : `${random} map { ${targets} }`)],
    });
    return name;
  }
  const rules: string[] = [];
  const targets: string[] = [];
  for (const [index, { ip, port }] of endpoints.entries()) {
    const endpoint = chainId(`${service.name}/${protocol}/${ip}:${port}`);
    // Shared by the chains of both policies: a client stays where it was. A set cannot change its timeout, so its
    // name has it.
    const clients = `affinity-${service.affinitySeconds}s-${endpoint}`;
    plan.dynamic.set(clients, `type ${address} ; flags dynamic,timeout ; timeout ${service.affinitySeconds}s ;`);
    plan.chains.set(`endpoint-${endpoint}`, { rules: [`update @${clients} { ${header} saddr }`, dnat(socket({ ip, port }))] });
    rules.push(`${header} saddr @${clients} goto endpoint-${endpoint}`);
    targets.push(`${index} : goto endpoint-${endpoint}`);
  }
  rules.push(`${random} vmap { ${targets.join(', ')} }`);
  plan.chains.set(name, { rules });
  return name;
}

/** A name that nftables takes, and that says to a reader whose it is. */
function chainId(name: string): string {
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${hash}-${name.replace(/[^A-Za-z0-9_./-]/g, '/').slice(0, 90)}`;
}
