import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planTable, renderChanges } from '../../../main/proxy/dataplane/index.ts';
import type { FamilyRules, ProxyModel, ServicePort } from '../../../main/proxy/index.ts';
import { Kernel } from '../../support/nftKernel.ts';

function service(name: string, change: Partial<ServicePort> = {}): ServicePort {
  return {
    name: `default/${name}:`,
    protocol: 'TCP',
    clusterIPs: ['10.96.1.1'],
    externalIPs: [],
    port: 80,
    nodePort: 0,
    endpoints: [],
    localEndpoints: [],
    internalLocal: false,
    externalLocal: false,
    affinitySeconds: 0,
    ...change,
  };
}

const model = (...services: ServicePort[]): ProxyModel => ({
  nodeCIDR: '10.244.1.0/24',
  nodeIP: '10.244.0.2',
  nodeEligible: true,
  serviceCIDRs: ['10.96.0.0/16'],
  services,
  hostPorts: [],
  healthChecks: [],
  routes: [],
});

const fresh = (of: ProxyModel) => new Kernel().apply(renderChanges('ip skiff', undefined, planTable(of)));

describe('rules that change', () => {
  const address = fc.record({
    ip: fc.constantFrom('10.244.1.5', '10.244.1.6', '10.244.2.5'),
    port: fc.constantFrom(80, 8080),
  });
  const endpoints = fc.uniqueArray(address, { maxLength: 4, selector: ({ ip, port }) => `${ip}:${port}` });
  const services = fc.uniqueArray(
    fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      change: fc.record({
        endpoints,
        localEndpoints: endpoints,
        nodePort: fc.constantFrom(0, 0, 1),
        internalLocal: fc.boolean(),
        externalLocal: fc.boolean(),
        affinitySeconds: fc.constantFrom(0, 10, 20),
        protocol: fc.constantFrom('TCP' as const, 'UDP' as const),
      }),
    }),
    { maxLength: 3, selector: ({ name }) => name },
  );
  const models = services.map((chosen) =>
    model(
      ...chosen.map(({ name, change }) => {
        const number = 'abc'.indexOf(name) + 1;
        return service(name, {
          ...change,
          clusterIPs: [`10.96.1.${number}`],
          nodePort: change.nodePort && 30_000 + number,
        });
      }),
    ),
  );

  test('end as if they had been made anew, and are never refused on the way', () => {
    fc.assert(
      fc.property(fc.array(models, { minLength: 2, maxLength: 5 }), (steps) => {
        const kernel = new Kernel();
        let before;
        for (const step of steps) {
          const plan = planTable(step);
          kernel.apply(renderChanges('ip skiff', before, plan));
          before = plan;
        }
        expect(kernel.state()).toEqual(fresh(steps.at(-1)!).state());
      }),
    );
  });

  test('are left alone when nothing changed', () => {
    const plan = () =>
      planTable(model(service('web', { endpoints: [{ ip: '10.244.1.5', port: 80 }], affinitySeconds: 5 })));
    expect(renderChanges('ip skiff', plan(), plan())).toBe('');
  });

  test('touch only the Service that changed', () => {
    const other = service('other', { clusterIPs: ['10.96.1.2'], endpoints: [{ ip: '10.244.1.9', port: 80 }] });
    const one = planTable(model(other, service('web', { endpoints: [{ ip: '10.244.1.5', port: 80 }] })));
    const two = planTable(model(other, service('web', { endpoints: [{ ip: '10.244.1.6', port: 80 }] })));
    const changes = renderChanges('ip skiff', one, two);
    expect(changes).toContain('10.244.1.6');
    expect(changes).not.toContain('other');
  });
});

describe('a connection', () => {
  const verdict = (of: ProxyModel, map: string, key: string) => fresh(of).maps.get(map)!.get(key);

  test('to a Service without endpoints is refused', () => {
    expect(verdict(model(service('web')), 'no-endpoint-services', '10.96.1.1 . tcp . 80')).toBe('goto reject-chain');
  });

  test('to a Service whose endpoints are elsewhere is dropped under policy Local', () => {
    const elsewhere = service('web', { endpoints: [{ ip: '10.244.2.5', port: 80 }], internalLocal: true });
    expect(verdict(model(elsewhere), 'no-endpoint-services', '10.96.1.1 . tcp . 80')).toBe('drop');
  });

  test('from outside keeps its address under policy Local only', () => {
    const endpoints = [{ ip: '10.244.1.5', port: 80 }];
    const external = (of: ServicePort) =>
      [...fresh(model(of)).chains].find(([name]) => name.startsWith('external-'))![1];
    expect(external(service('web', { nodePort: 30_000, endpoints }))[0]).toContain('mark set');
    const rules = external(
      service('web', { nodePort: 30_000, endpoints, localEndpoints: endpoints, externalLocal: true }),
    );
    expect(rules.at(-1)).toMatch(/^goto local-/);
    expect(rules[0]).toMatch(/^ip saddr 10\.244\.1\.0\/24 goto service-/);
  });

  test('to an address that source ranges guard is dropped unless it comes from one of them', () => {
    const guarded = (ranges: string[]) => {
      const kernel = fresh(model(service('web', { externalIPs: ['192.0.2.1'], endpoints: [{ ip: '10.244.1.5', port: 80 }], firewall: { ips: ['192.0.2.1'], ranges } })));
      const [, chain] = kernel.maps.get('firewall-ips')!.get('192.0.2.1 . tcp . 80')!.split(' ');
      return kernel.chains.get(chain!);
    };
    expect(guarded(['203.0.113.0/24', '203.0.113.7/32'])).toEqual(['ip saddr { 203.0.113.0/24 } return', 'drop']);
    // A node has the balancer's address as its own.
    expect(guarded(['10.244.0.0/16'])).toEqual(['ip saddr { 10.244.0.0/16 } return', 'ip saddr { 192.0.2.1 } return', 'drop']);
  });
});

test('an address that no Service has leads nowhere, and ranges of addresses may lie in one another', () => {
  const { chains } = planTable({ ...model(), serviceCIDRs: ['10.96.3.0/24', '10.96.0.0/16', '10.97.0.0/24'] });
  for (const hook of ['forward', 'output']) expect(chains.get(`filter-${hook}`)!.rules.at(-1)).toBe('ct state new ip daddr { 10.96.0.0/16, 10.97.0.0/24 } fib daddr type != local drop');
  expect([...planTable({ ...model(), serviceCIDRs: [] }).chains.values()].flatMap(({ rules }) => rules)).not.toContainEqual(expect.stringContaining('type != local drop'));
});

test('rules of IPv6 are said in its words, and a pod that reaches itself is known by its range', () => {
  const endpoints = ['fd00:10:244:0:1::5', 'fd00:10:244:0:2::5'].map((ip) => ({ ip, port: 8080 }));
  const six: FamilyRules = {
    ...model(service('web', { clusterIPs: ['fd00:10:96::1'], nodePort: 30_000, endpoints, affinitySeconds: 5 }), service('dns', { protocol: 'UDP', clusterIPs: ['fd00:10:96::2'], endpoints: endpoints.slice(0, 1) })),
    nodeCIDR: 'fd00:10:244:0:1::/80',
    nodeIP: 'fd00:10:244::2',
    serviceCIDRs: ['fd00:10:96::/112'],
    hostPorts: [{ protocol: 'TCP', hostPort: 8081, pod: { ip: 'fd00:10:244:0:1::5', port: 80 } }],
  };
  const text = renderChanges('ip6 skiff', undefined, planTable(six));
  const kernel = new Kernel().apply(text);
  expect(text.replaceAll('add set ip6', '')).not.toMatch(/\bip [sd]addr|ipv4_addr|[^.]127\./);
  expect([...kernel.maps.get('hairpin-connections')!.keys()]).toEqual(['fd00:10:244:0:1::5 . fd00:10:244:0:1::5']);
  expect([...kernel.chains.values()].flat()).toContain('meta l4proto tcp dnat to [fd00:10:244:0:1::5]:80');
  expect([...kernel.maps.get('host-ports')!.keys()]).toEqual(['fd00:10:244::2 . tcp . 8081']);
});
