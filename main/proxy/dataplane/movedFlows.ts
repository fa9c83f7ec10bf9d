import type { FamilyRules } from '../model.ts';
import type { Plan } from './plan.ts';
import type { Words } from './words.ts';

/** How often a flow can move before a place that it has left is used again; by then that place is long forgotten. */
const places = 8;

/** Seconds; longer than the kernel remembers a UDP flow. */
const rememberedSeconds = 200;

/**
 * UDP knows no end of a connection: the kernel would send a client's packets to an endpoint that is gone for as long as
 * the client goes on. kube-proxy deletes such flows from connection tracking (pkg/proxy/conntrack/cleanup.go), which
 * takes a program that a node has not. Here a packet that would go to what is no endpoint of its Service any more (or
 * that began when it had none) moves its flow to another conntrack zone, where it is new and gets an endpoint again.
 * That packet itself is lost; only the original direction has the zone, so answers find their way as ever.
 */
export function planMovedFlows(plan: Plan, model: FamilyRules, { ip: header, address }: Words): void {
  const flow = `${header} saddr . udp sport . ${header} daddr . udp dport`;
  const services = new Map<string, string>();
  const flows = new Map<string, string>();
  for (const service of model.services) {
    if (service.protocol !== 'UDP') continue;
    const keys = [...service.clusterIPs, ...service.externalIPs].map((ip) => `${ip} . ${service.port}`);
    if (service.nodePort) keys.push(`${model.nodeIP} . ${service.nodePort}`);
    for (const key of keys) {
      services.set(key, '');
      for (const { ip, port } of [...service.endpoints, ...service.localEndpoints]) flows.set(`${key} . ${ip} . ${port}`, '');
    }
  }
  if (services.size === 0) return;
  plan.maps.set('udp-services', { type: `${address} . inet_service`, kind: 'set', elements: services });
  plan.maps.set('udp-flows', { type: `${address} . inet_service . ${address} . inet_service`, kind: 'set', elements: flows });

  const place = (n: number) => `udp-moved-${n}`;
  const numbers = Array.from({ length: places }, (_, index) => index + 1);
  for (const n of numbers)
    plan.dynamic.set(
      place(n),
      `type ${address} . inet_service . ${address} . inet_service ; flags dynamic,timeout ; timeout ${rememberedSeconds}s ;`,
    );
  // Only the first zone that is set counts, so the latest place comes first.
  const zones = numbers.toReversed().map((n) => `${flow} @${place(n)} update @${place(n)} { ${flow} } ct original zone set ${n} return`);
  plan.chains.set('udp-zones', { rules: zones });
  plan.chains.set('udp-move', {
    rules: [
      ...numbers.map((n) => `ct original zone ${n - 1} update @${place(n)} { ${flow} } drop`),
      `${numbers.map((n) => `delete @${place(n)} { ${flow} }`).join(' ')} drop`,
    ],
  });
  const stale =
    `${header} daddr . udp dport @udp-services ct state != new ct direction original ` +
    `${header} daddr . udp dport . ct reply ${header} saddr . ct reply proto-src != @udp-flows jump udp-move`;
  for (const hook of ['prerouting', 'output']) {
    plan.chains.set(`udp-zone-${hook}`, {
      hook: `type filter hook ${hook} priority -300`,
      rules: [`${header} daddr . udp dport @udp-services jump udp-zones`],
    });
    plan.chains.set(`udp-stale-${hook}`, { hook: `type filter hook ${hook} priority -150`, rules: [stale] });
  }
}
