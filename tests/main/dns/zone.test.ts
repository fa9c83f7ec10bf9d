import type { Answer, RecordType } from 'dns-packet';
import { describe, expect, test } from 'vitest';
import type { EndpointSlice, Service } from '../../../main/api/index.ts';
import { buildZone } from '../../../main/dns/index.ts';
import { ZoneIndex } from '../../../main/dns/zoneIndex.ts';

const service = (name: string, spec: Service['spec'], namespace = 'default'): Service => ({
  metadata: { name, namespace },
  spec,
});
const slice = (name: string, endpoints: EndpointSlice['endpoints'], ports: EndpointSlice['ports']): EndpointSlice => ({
  addressType: 'IPv4',
  metadata: { name: `${name}-x`, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
  endpoints,
  ports,
});

const services = [
  service('web', {
    clusterIP: '10.96.1.1',
    clusterIPs: ['10.96.1.1', 'fd00::1'],
    ports: [
      { name: 'http', port: 80 },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ],
  }),
  service('db', { clusterIP: 'None', ports: [{ name: 'sql', port: 5432 }] }),
  service('lost', { clusterIP: 'None', ports: [{ name: 'sql', port: 5432 }] }),
  service('away', { type: 'ExternalName', externalName: 'Example.com.' }),
  service('numbered', { type: 'ExternalName', externalName: '192.0.2.9' }),
  service('unborn', { ports: [{ port: 80 }] }),
];
const slices: Record<string, EndpointSlice[]> = {
  'default/db': [
    slice(
      'db',
      [
        { addresses: ['10.244.1.5'], hostname: 'db-0', conditions: { ready: true } },
        { addresses: ['10.244.2.6'], conditions: {} },
        { addresses: ['10.244.2.7'], hostname: 'db-2', conditions: { ready: false } },
      ],
      [{ name: 'sql', port: 5432, protocol: 'TCP' }],
    ),
  ],
  'default/lost': [
    slice('lost', [{ addresses: ['10.244.1.9'], conditions: { ready: false } }], [{ name: 'sql', port: 5432 }]),
  ],
};

const zone = new ZoneIndex(
  buildZone({
    domain: 'cluster.local',
    services,
    slicesOf: (key) => slices[key] ?? [],
    namespaces: [{ metadata: { name: 'default' } }, { metadata: { name: 'bare' } }],
  }),
);

const data = (answers: Answer[]) => answers.map((answer) => ('data' in answer ? answer.data : undefined));
function ask(name: string, type: RecordType): unknown {
  const found = zone.lookup(name, type);
  return found.kind === 'answer' ? data(found.answers) : found.kind;
}

describe('the specification of cluster DNS', () => {
  test.each<[string, RecordType, unknown]>([
    ['dns-version.cluster.local', 'TXT', ['1.1.0']],
    // Services with a cluster IP.
    ['web.default.svc.cluster.local', 'A', ['10.96.1.1']],
    ['web.default.svc.cluster.local', 'AAAA', ['fd00::1']],
    [
      '_http._tcp.web.default.svc.cluster.local',
      'SRV',
      [{ priority: 0, weight: 100, port: 80, target: 'web.default.svc.cluster.local' }],
    ],
    [
      '_dns._udp.web.default.svc.cluster.local',
      'SRV',
      [{ priority: 0, weight: 100, port: 53, target: 'web.default.svc.cluster.local' }],
    ],
    ['_http._udp.web.default.svc.cluster.local', 'SRV', 'nxdomain'],
    ['1.1.96.10.in-addr.arpa', 'PTR', ['web.default.svc.cluster.local']],
    [
      '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa',
      'PTR',
      ['web.default.svc.cluster.local'],
    ],
    // Headless Services.
    ['db.default.svc.cluster.local', 'A', ['10.244.1.5', '10.244.2.6']],
    ['db-0.db.default.svc.cluster.local', 'A', ['10.244.1.5']],
    ['10-244-2-6.db.default.svc.cluster.local', 'A', ['10.244.2.6']],
    ['db-2.db.default.svc.cluster.local', 'A', 'nxdomain'],
    [
      '_sql._tcp.db.default.svc.cluster.local',
      'SRV',
      [
        { priority: 0, weight: 50, port: 5432, target: 'db-0.db.default.svc.cluster.local' },
        { priority: 0, weight: 50, port: 5432, target: '10-244-2-6.db.default.svc.cluster.local' },
      ],
    ],
    ['5.1.244.10.in-addr.arpa', 'PTR', ['db-0.db.default.svc.cluster.local']],
    // A headless Service without a ready endpoint.
    ['lost.default.svc.cluster.local', 'A', 'nxdomain'],
    // ExternalName.
    ['away.default.svc.cluster.local', 'CNAME', ['example.com']],
    ['away.default.svc.cluster.local', 'A', ['example.com']],
    ['numbered.default.svc.cluster.local', 'A', ['192.0.2.9']],
    // Pods by address.
    ['10-244-1-5.default.pod.cluster.local', 'A', ['10.244.1.5']],
    ['10-244-1-5.nowhere.pod.cluster.local', 'A', 'nxdomain'],
    ['10-244-1-500.default.pod.cluster.local', 'A', 'nxdomain'],
    // What is not there, and what is there without records.
    ['unborn.default.svc.cluster.local', 'A', 'nxdomain'],
    ['nobody.default.svc.cluster.local', 'A', 'nxdomain'],
    ['web.nowhere.svc.cluster.local', 'A', 'nxdomain'],
    ['example.com.default.svc.cluster.local', 'A', 'nxdomain'],
    ['bare.svc.cluster.local', 'A', []],
    ['svc.cluster.local', 'A', []],
    ['cluster.local', 'NS', ['ns.dns.cluster.local']],
    ['web.default.svc.cluster.local', 'TXT', []],
    // What others know.
    ['example.com', 'A', 'foreign'],
    ['8.8.8.8.in-addr.arpa', 'PTR', 'foreign'],
    ['notcluster.local', 'A', 'foreign'],
  ])('%s %s', (name, type, expected) => {
    expect(ask(name, type)).toEqual(expected);
  });

  test('a denial says for how long it holds', () => {
    const found = zone.lookup('nobody.default.svc.cluster.local', 'A');
    expect(found.kind === 'nxdomain' && found.authority).toMatchObject([
      { type: 'SOA', name: 'cluster.local', ttl: 5 },
    ]);
  });

  test('an SRV answer brings the addresses along', () => {
    const found = zone.lookup('_sql._tcp.db.default.svc.cluster.local', 'SRV');
    expect(found.kind === 'answer' && data(found.additionals)).toEqual(['10.244.1.5', '10.244.2.6']);
  });
});

test('a pod with addresses of both families is one place under its name', () => {
  const ports = [{ name: 'sql', port: 5432, protocol: 'TCP' }];
  const endpoints = [{ ip: '10.244.1.5', hostname: 'db-0', ports }, { ip: 'fd00:10:244:0:1::5', hostname: 'db-0', ports }];
  const both = new ZoneIndex({ domain: 'cluster.local', namespaces: ['default'], services: [{ namespace: 'default', name: 'db', clusterIPs: [], ports: [], endpoints }] });
  const found = both.lookup('_sql._tcp.db.default.svc.cluster.local', 'SRV');
  expect(found.kind === 'answer' && data(found.answers)).toEqual([{ priority: 0, weight: 100, port: 5432, target: 'db-0.db.default.svc.cluster.local' }]);
  expect(found.kind === 'answer' && data(found.additionals)).toEqual(['10.244.1.5', 'fd00:10:244:0:1::5']);
  const named = both.lookup('db-0.db.default.svc.cluster.local', 'AAAA');
  expect(named.kind === 'answer' && data(named.answers)).toEqual(['fd00:10:244:0:1::5']);
});
