import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planTable, renderChanges } from '../../../main/proxy/dataplane/index.ts';
import type { ProxyModel, ServicePort } from '../../../main/proxy/index.ts';
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
  clusterCIDR: '10.244.0.0/16',
  nodeCIDR: '10.244.1.0/24',
  nodeIP: '10.244.0.2',
  nodeEligible: true,
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
});
