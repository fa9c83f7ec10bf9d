import { addressFamily, type AddressFamily } from '../../api/serviceAddress.ts';
import { emptyPlan, withoutOverlap, words, type Plan, type Words } from '../../proxy/dataplane/index.ts';
import type { AllowRule, Isolation, PeerMatch, PolicyModel, PortMatch } from '../model.ts';

/**
 * What a node lets through. All traffic of its pods passes here after Services have been translated, so the addresses
 * are those of pods. A connection is judged when it begins: at its client's node on the way out and at its server's on
 * the way in; what follows belongs to it. The node itself always reaches its own pods, as probes need it.
 * Of a model's addresses those of one family count: each has a table of its own.
 */
export function planPolicies(model: PolicyModel, family: AddressFamily): Plan {
  const plan = emptyPlan();
  const word = words[family];
  const { ip: header, address: type } = word;
  const isOurs = (ip: string) => addressFamily(ip) === family;
  const { chains } = plan;
  const self = addSet(plan, 'isolated-pods', `${type} . ${type}`);
  for (const { pods } of [...model.ingress, ...model.egress]) for (const ip of pods.filter(isOurs)) self.set(`${ip} . ${ip}`, '');
  for (const [name, addresses] of Object.entries(model.peers)) {
    const elements = addSet(plan, name, type);
    for (const ip of addresses.filter(isOurs)) elements.set(ip, '');
  }
  for (const [name, addresses] of Object.entries(model.ports)) {
    const elements = addSet(plan, name, `${type} . inet_proto . inet_service`);
    for (const { ip, protocol, port } of addresses.filter((each) => isOurs(each.ip))) elements.set(`${ip} . ${protocol.toLowerCase()} . ${port}`, '');
  }

  chains.set('egress', { rules: [`${header} saddr vmap @egress-pods`] });
  chains.set('ingress', { rules: [`${header} daddr vmap @ingress-pods`] });
  planDirection(plan, word, 'egress', model.egress, isOurs);
  planDirection(plan, word, 'ingress', model.ingress, isOurs);
  const begins = [
    'ct state established,related accept',
    // Nobody can keep a pod from itself, which a Service may lead to.
    `${header} saddr . ${header} daddr @isolated-pods accept`,
    // By which neighbours find each other: no connection of anybody.
    ...(family === 'IPv6' ? ['icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert } accept'] : []),
  ];
  const hook = (name: string) => `type filter hook ${name} priority filter + 1`;
  chains.set('policy-forward', { hook: hook('forward'), rules: [...begins, 'jump egress', 'jump ingress'] });
  // What the node answers itself, as cluster DNS, is outside of the pod too.
  chains.set('policy-input', { hook: hook('input'), rules: [...begins, 'jump egress'] });
  return plan;
}

function addSet(plan: Plan, name: string, type: string): Map<string, string> {
  const elements = new Map<string, string>();
  plan.maps.set(name, { type, kind: 'set', elements });
  return elements;
}

function planDirection(plan: Plan, word: Words, direction: 'ingress' | 'egress', isolations: Isolation[], isOurs: (ip: string) => boolean): void {
  const elements = new Map<string, string>();
  plan.maps.set(`${direction}-pods`, { type: `${word.address} : verdict`, kind: 'map', elements });
  for (const { name, pods, allowed } of isolations) {
    const chain = `${direction}-${name}`;
    plan.chains.set(chain, { rules: [...allowed.flatMap((rule) => allow(word, direction, rule)), 'drop'] });
    for (const ip of pods.filter(isOurs)) elements.set(ip, `goto ${chain}`);
  }
}

/** What a rule allows goes back to be judged in the other direction. */
function allow({ ip }: Words, direction: 'ingress' | 'egress', { peers, ports }: AllowRule): string[] {
  const side = `${ip} ${direction === 'ingress' ? 'saddr' : 'daddr'}`;
  const isOurs = (peer: PeerMatch) => 'pods' in peer || words[addressFamily(peer.cidr)].ip === ip;
  const peerMatches = peers ? peers.filter(isOurs).map((peer) => peerMatch(side, peer)) : [''];
  const portMatches = ports ? portsMatch(ip, ports) : [''];
  return peerMatches.flatMap((peer) => portMatches.map((port) => [peer, port, 'return'].filter(Boolean).join(' ')));
}

function peerMatch(side: string, peer: PeerMatch): string {
  if ('pods' in peer) return `${side} @${peer.pods}`;
  const all = peer.cidr.endsWith('/0') ? '' : `${side} ${peer.cidr}`;
  const except = peer.except.length > 0 ? `${side} != { ${withoutOverlap(peer.except).join(', ')} }` : '';
  return [all, except].filter(Boolean).join(' ');
}

function portsMatch(ip: Words['ip'], ports: PortMatch[]): string[] {
  const matches: string[] = [];
  const ranges = new Map<string, { from: number; to: number }[]>();
  for (const port of ports) {
    if ('named' in port) {
      matches.push(`${ip} daddr . meta l4proto . th dport @${port.named}`);
      continue;
    }
    const list = ranges.get(port.protocol) ?? [];
    ranges.set(port.protocol, list);
    list.push({ from: port.from ?? 0, to: port.to ?? 65535 });
  }
  for (const [protocol, list] of ranges)
    matches.push(`meta l4proto ${protocol.toLowerCase()} th dport { ${merged(list).join(', ')} }`);
  return matches;
}

/** nftables refuses ranges that overlap. */
function merged(ranges: { from: number; to: number }[]): string[] {
  const result: { from: number; to: number }[] = [];
  for (const { from, to } of ranges.toSorted((a, b) => a.from - b.from)) {
    const last = result.at(-1);
    if (last && from <= last.to + 1) last.to = Math.max(last.to, to);
    else result.push({ from, to });
  }
  return result.map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`));
}
