import { describe, expect, test } from 'vitest';
import type { Endpoint, EndpointSlice, Node, Pod, Service } from '../../../main/api/index.ts';
import { buildModel } from '../../../main/proxy/index.ts';
import { makePod } from '../../support/objects.ts';

const node = (name: string, number: number, zone?: string): Node => ({
  metadata: { name, ...(zone ? { labels: { 'topology.kubernetes.io/zone': zone } } : {}) },
  spec: { podCIDR: `10.244.${number}.0/24` },
  status: {
    addresses: [
      { type: 'Hostname', address: name },
      { type: 'InternalIP', address: `10.244.0.${number + 1}` },
    ],
  },
});

const service = (spec: Service['spec'], meta: Service['metadata'] = {}, status?: Service['status']): Service => ({
  metadata: { name: 'web', namespace: 'default', ...meta },
  spec: {
    type: 'ClusterIP',
    clusterIP: '10.96.1.1',
    clusterIPs: ['10.96.1.1'],
    ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
    ...spec,
  },
  status,
});

const slice = (
  endpoints: Endpoint[],
  ports: EndpointSlice['ports'] = [{ name: 'http', port: 8080, protocol: 'TCP' }],
): EndpointSlice => ({
  addressType: 'IPv4',
  endpoints,
  ports,
});

const at = (
  ip: string,
  nodeName: string,
  conditions: Endpoint['conditions'] = { ready: true },
  rest: Partial<Endpoint> = {},
): Endpoint => ({
  addresses: [ip],
  nodeName,
  conditions,
  ...rest,
});

function build(
  services: Service[],
  slices: EndpointSlice[],
  on = 'one',
  nodes = [node('one', 1, 'a'), node('two', 2, 'b')],
  pods: Pod[] = [],
  serviceCIDRs: string[][] = [],
) {
  return buildModel(
    {
      services,
      slicesOf: () => slices,
      nodes,
      serviceCIDRs: serviceCIDRs.map((cidrs) => ({ spec: { cidrs } })),
      podsOf: () => pods,
      servedByNodes: new Set(['10.96.0.1:443/TCP']),
    },
    on,
  );
}

const endpointsOf = (spec: Service['spec'], endpoints: Endpoint[], on?: string) => {
  const [port] = build([service(spec)], [slice(endpoints)], on)!.services;
  return { all: port!.endpoints.map(({ ip }) => ip), local: port!.localEndpoints.map(({ ip }) => ip) };
};

test('a node has its own addresses and the way to the others', () => {
  expect(build([], [])).toEqual({
    nodeEligible: true,
    nodeCIDR: '10.244.1.0/24',
    nodeIP: '10.244.0.2',
    serviceCIDRs: [],
    services: [],
    hostPorts: [],
    healthChecks: [],
    routes: [{ cidr: '10.244.2.0/24', via: '10.244.0.3' }],
  });
});

test('a node without a range has no rules yet', () => {
  expect(build([], [], 'one', [{ ...node('one', 1), spec: {} }])).toBeUndefined();
  expect(build([], [], 'three')).toBeUndefined();
});

describe('which Services have rules', () => {
  test.each<[string, Service]>([
    ['headless', service({ clusterIP: 'None', clusterIPs: ['None'] })],
    ['without an address yet', service({ clusterIP: undefined })],
    ['ExternalName', service({ type: 'ExternalName' })],
    ["another proxy's", service({}, { labels: { 'service.kubernetes.io/service-proxy-name': 'mesh' } })],
    [
      'served by every node itself',
      service({ clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1'], ports: [{ port: 443 }] }),
    ],
  ])('not one %s', (_, given) => {
    expect(build([given], [])!.services).toEqual([]);
  });

  test('one port each, with its own endpoints', () => {
    const ports = [
      { name: 'http', port: 80, targetPort: 'web' },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ];
    const slices = [
      slice(
        [at('10.244.1.5', 'one')],
        [
          { name: 'http', port: 8080 },
          { name: 'dns', port: 5353 },
        ],
      ),
      slice([at('10.244.2.5', 'two'), at('10.244.1.5', 'one')], [{ name: 'http', port: 9090 }]),
    ];
    expect(
      build([service({ ports })], slices)!.services.map(({ name, protocol, endpoints }) => [name, protocol, endpoints]),
    ).toEqual([
      [
        'default/web:http',
        'TCP',
        [
          { ip: '10.244.1.5', port: 8080 },
          { ip: '10.244.1.5', port: 9090 },
          { ip: '10.244.2.5', port: 9090 },
        ],
      ],
      ['default/web:dns', 'UDP', [{ ip: '10.244.1.5', port: 5353 }]],
    ]);
  });

  test('node ports and outside addresses, but no loopback and none of mode Proxy', () => {
    const ingress = [{ ip: '127.0.0.1', ipMode: 'Proxy' }, { ip: '192.0.2.1' }, { ip: '192.0.2.2', ipMode: 'Proxy' }];
    const given = service(
      { type: 'LoadBalancer', externalIPs: ['198.51.100.1'], ports: [{ port: 80, nodePort: 30080 }] },
      {},
      { loadBalancer: { ingress } },
    );
    expect(build([given], [])!.services[0]).toMatchObject({
      nodePort: 30080,
      externalIPs: ['198.51.100.1', '192.0.2.1'],
    });
  });
});

test('client affinity lasts three hours unless it is told otherwise', () => {
  const seconds = (spec: Service['spec']) => build([service(spec)], [])!.services[0]!.affinitySeconds;
  expect(seconds({})).toBe(0);
  expect(seconds({ sessionAffinity: 'ClientIP' })).toBe(10_800);
  expect(seconds({ sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 5 } } })).toBe(5);
});

describe('which endpoints serve', () => {
  const ready = at('10.244.1.1', 'one');
  const unready = at('10.244.1.2', 'one', { ready: false });
  const ending = at('10.244.1.3', 'one', { ready: false, serving: true, terminating: true });
  const gone = at('10.244.1.4', 'one', { ready: false, serving: false, terminating: true });
  const far = at('10.244.2.1', 'two');

  test.each([
    ['the ready ones', [ready, unready, ending, gone, far], ['10.244.1.1', '10.244.2.1']],
    ['those that end while they serve, when no other is left', [unready, ending, gone], ['10.244.1.3']],
    ['none', [unready, gone], []],
  ])('%s', (_, endpoints, expected) => {
    expect(endpointsOf({}, endpoints).all).toEqual(expected);
  });

  test('those of the node, for policy Local; ending ones there rather than ready ones elsewhere', () => {
    expect(endpointsOf({ internalTrafficPolicy: 'Local' }, [ready, far], 'two').local).toEqual(['10.244.2.1']);
    expect(endpointsOf({ externalTrafficPolicy: 'Local' }, [ending, far]).local).toEqual(['10.244.1.3']);
    expect(endpointsOf({}, [ready, far]).local).toEqual([]);
  });

  test('those hinted for the node or its zone, when all have hints', () => {
    const hinted = (ip: string, zone: string, forNode?: string) =>
      at(
        ip,
        'one',
        { ready: true },
        { hints: { forZones: [{ name: zone }], ...(forNode ? { forNodes: [{ name: forNode }] } : {}) } },
      );
    expect(endpointsOf({}, [hinted('10.244.1.1', 'a'), hinted('10.244.1.2', 'b')]).all).toEqual(['10.244.1.1']);
    expect(endpointsOf({}, [hinted('10.244.1.1', 'a', 'two'), hinted('10.244.1.2', 'b', 'one')]).all).toEqual([
      '10.244.1.2',
    ]);
    expect(endpointsOf({}, [hinted('10.244.1.1', 'b'), far]).all).toEqual(['10.244.1.1', '10.244.2.1']);
    expect(endpointsOf({}, [hinted('10.244.1.1', 'c'), hinted('10.244.1.2', 'd')]).all).toHaveLength(2);
  });
});

describe('host ports', () => {
  const withPorts = (ports: NonNullable<Pod['spec']>['containers'][number]['ports'], status: Pod['status'] = { podIP: '10.244.1.9' }): Pod => ({
    ...makePod('web', {}, { nodeName: 'one', containers: [{ name: 'main', image: 'web', ports }] }),
    status,
  });
  const hostPorts = (pod: Pod) => build([], [], 'one', undefined, [pod])!.hostPorts;

  test('lead to the pod, from one address of the node or from all', () => {
    expect(hostPorts(withPorts([{ containerPort: 80, hostPort: 8080 }, { containerPort: 81 }]))).toEqual([
      { protocol: 'TCP', hostPort: 8080, pod: { ip: '10.244.1.9', port: 80 } },
    ]);
    expect(hostPorts(withPorts([{ containerPort: 53, hostPort: 53, hostIP: '127.0.0.1', protocol: 'UDP' }]))).toEqual([
      { protocol: 'UDP', hostIP: '127.0.0.1', hostPort: 53, pod: { ip: '10.244.1.9', port: 53 } },
    ]);
  });

  test('lead nowhere before a pod has an address and after its end', () => {
    const ports = [{ containerPort: 80, hostPort: 8080 }];
    expect(hostPorts(withPorts(ports, {}))).toEqual([]);
    expect(hostPorts(withPorts(ports, { podIP: '10.244.1.9', phase: 'Succeeded' }))).toEqual([]);
  });
});

test('a load balancer may ask how many endpoints a node has of a Service with policy Local', () => {
  const spec = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 32_000 } as const;
  const slices = [slice([at('10.244.1.5', 'one'), at('10.244.1.6', 'one', { ready: false }), at('10.244.2.5', 'two')])];
  expect(build([service(spec)], slices)!.healthChecks).toEqual([
    { namespace: 'default', name: 'web', port: 32_000, localEndpoints: 1 },
  ]);
  expect(build([service({ ...spec, externalTrafficPolicy: 'Cluster' })], slices)!.healthChecks).toEqual([]);
  // While the last ones end they still serve, but new connections should go elsewhere.
  const ending = [slice([at('10.244.1.5', 'one', { ready: false, serving: true, terminating: true })])];
  expect(build([service(spec)], ending)!.healthChecks[0]!.localEndpoints).toBe(0);
});

describe('a node with addresses of both families', () => {
  const both = (name: string, number: number): Node => ({
    ...node(name, number),
    spec: { podCIDR: `10.244.${number}.0/24`, podCIDRs: [`10.244.${number}.0/24`, `fd00:10:244:0:${number}::/80`] },
    status: { addresses: [{ type: 'InternalIP', address: `10.244.0.${number + 1}` }, { type: 'InternalIP', address: `fd00:10:244::${number + 1}` }] },
  });
  const nodes = [both('one', 1), both('two', 2)];
  const slices: EndpointSlice[] = [slice([at('10.244.2.5', 'two')]), { ...slice([at('fd00:10:244:0:2::5', 'two')]), addressType: 'IPv6' }];

  test('has the way to the others, and the rules of a Service, once for each', () => {
    const clusterIPs = ['10.96.1.1', 'fd00:10:96::1'];
    const given = service({ type: 'NodePort', clusterIPs, externalIPs: ['192.0.2.1', '2001:db8::1'], ports: [{ name: 'http', port: 80, nodePort: 30_080 }] });
    const model = build([given], slices, 'one', nodes)!;
    expect(model.services).toMatchObject([{ clusterIPs: ['10.96.1.1'], externalIPs: ['192.0.2.1'], nodePort: 30_080, endpoints: [{ ip: '10.244.2.5' }] }]);
    expect(model.ipv6).toMatchObject({
      nodeIP: 'fd00:10:244::2',
      nodeCIDR: 'fd00:10:244:0:1::/80',
      routes: [{ cidr: 'fd00:10:244:0:2::/80', via: 'fd00:10:244::3' }],
      services: [{ clusterIPs: ['fd00:10:96::1'], externalIPs: ['2001:db8::1'], nodePort: 30_080, endpoints: [{ ip: 'fd00:10:244:0:2::5', port: 8080 }] }],
    });
  });

  test('knows the ranges that addresses of Services come from, by family', () => {
    const model = build([], [], 'one', nodes, [], [['10.96.0.0/16', 'fd00:10:96::/112'], ['10.97.0.0/24'], ['10.96.0.0/16']])!;
    expect(model.serviceCIDRs).toEqual(['10.96.0.0/16', '10.97.0.0/24']);
    expect(model.ipv6!.serviceCIDRs).toEqual(['fd00:10:96::/112']);
  });

  test('has a Service of one family in that alone, node port and all', () => {
    const given = service({ type: 'NodePort', clusterIP: 'fd00:10:96::1', clusterIPs: ['fd00:10:96::1'], ports: [{ name: 'http', port: 80, nodePort: 30_080 }] });
    const model = build([given], slices, 'one', nodes)!;
    expect(model.services).toEqual([]);
    expect(model.ipv6!.services).toHaveLength(1);
  });

  test('has host ports of a pod at the address of the same family', () => {
    const ports = [{ containerPort: 80, hostPort: 8080 }, { containerPort: 81, hostPort: 8081, hostIP: '10.244.0.2' }];
    const pod: Pod = {
      ...makePod('web', {}, { nodeName: 'one', containers: [{ name: 'main', image: 'web', ports }] }),
      status: { podIP: '10.244.1.9', podIPs: [{ ip: '10.244.1.9' }, { ip: 'fd00:10:244:0:1::9' }] },
    };
    const model = build([], [], 'one', nodes, [pod])!;
    expect(model.hostPorts.map(({ hostPort, pod: at }) => [hostPort, at.ip])).toEqual([[8080, '10.244.1.9'], [8081, '10.244.1.9']]);
    expect(model.ipv6!.hostPorts).toEqual([{ protocol: 'TCP', hostPort: 8080, pod: { ip: 'fd00:10:244:0:1::9', port: 80 } }]);
  });
});

test("source ranges are kept at another balancer's addresses, by family, and those that allow everybody are none", () => {
  const status = { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } };
  const firewall = (ranges: string[], given: Service['status'] = status) => build([service({ type: 'LoadBalancer', loadBalancerSourceRanges: ranges }, {}, given)], [])!.services[0]!.firewall;
  expect(firewall([' 10.1.2.0/28', '2001:db8::/32'])).toEqual({ ips: ['192.0.2.1'], ranges: ['10.1.2.0/28'] });
  expect(firewall(['10.1.2.0/28', '0.0.0.0/0'])).toBeUndefined();
  // At this computer's own the load balancer itself looks.
  expect(firewall(['10.1.2.0/28'], { loadBalancer: { ingress: [{ ip: '127.0.0.1', ipMode: 'Proxy' }] } })).toBeUndefined();
});
