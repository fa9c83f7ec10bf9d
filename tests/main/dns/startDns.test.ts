import { expect, test } from 'vitest';
import type { EndpointSlice } from '../../../main/api/index.ts';
import { InformerFactory, resources } from '../../../main/client/index.ts';
import { startDns, type DnsZone } from '../../../main/dns/index.ts';
import { noLog } from '../../../main/util/log.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { FakeServer } from '../../support/fakeServer.ts';
import { makeService } from '../../support/objects.ts';

test('every node learns names soon, and forgets them', async () => {
  const clock = new FakeClock();
  const client = new FakeServer(clock).client();
  const zones = new Map<string, DnsZone>();
  for (const name of ['one', 'two']) await client.of(resources.nodes).create({ metadata: { name } });
  await client.of(resources.namespaces).create({ metadata: { name: 'default' } });
  const informers = new InformerFactory(client, clock, noLog);
  const dns = startDns({
    informers,
    clock,
    log: noLog,
    domain: 'cluster.local',
    sink: async (node, zone) => void zones.set(node, zone),
  });
  informers.start();
  await informers.synced();
  await clock.advance(200);
  expect([...zones.keys()].sort()).toEqual(['one', 'two']);
  expect(zones.get('one')).toEqual({ domain: 'cluster.local', services: [], namespaces: ['default'] });

  await client
    .of(resources.services)
    .create(makeService('db', { clusterIP: 'None', ports: [{ name: 'sql', port: 5432 }] }));
  const slice: EndpointSlice = {
    addressType: 'IPv4',
    metadata: { name: 'db-x', namespace: 'default', labels: { 'kubernetes.io/service-name': 'db' } },
    ports: [{ name: 'sql', port: 5432 }],
    endpoints: [{ addresses: ['10.244.1.5'], hostname: 'db-0', conditions: { ready: true } }],
  };
  await client.of(resources.endpointSlices).create(slice);
  await clock.advance(200);
  expect(zones.get('two')!.services).toMatchObject([
    { name: 'db', endpoints: [{ ip: '10.244.1.5', hostname: 'db-0' }] },
  ]);

  await client.of(resources.services).delete('default', 'db');
  await clock.advance(200);
  expect(zones.get('two')!.services).toEqual([]);
  dns.stop();
});

test('the ConfigMap kube-system/kube-dns names other resolvers, and what is wrong with it changes nothing', async () => {
  const clock = new FakeClock();
  const client = new FakeServer(clock).client();
  const warnings: string[] = [];
  let zone: DnsZone | undefined;
  await client.of(resources.nodes).create({ metadata: { name: 'one' } });
  const informers = new InformerFactory(client, clock, noLog);
  const log = { ...noLog, child: () => log, warn: (_: string, about?: object) => void warnings.push((about as { error: string }).error) } as typeof noLog;
  const dns = startDns({ informers, clock, log, domain: 'cluster.local', sink: async (_, told) => void (zone = told) });
  informers.start();
  await informers.synced();
  await clock.advance(200);
  expect(zone!.resolvers).toBeUndefined();

  const configs = client.of(resources.configMaps);
  await configs.create({ metadata: { namespace: 'kube-system', name: 'kube-dns' }, data: { stubDomains: '{"acme.local": ["10.96.1.9", "1.2.3.4:5353"]}', upstreamNameservers: '["9.9.9.9"]' } });
  await clock.advance(200);
  const resolvers = { stubDomains: [{ domain: 'acme.local', servers: ['10.96.1.9', '1.2.3.4:5353'] }], upstream: ['9.9.9.9'] };
  expect(zone!.resolvers).toEqual(resolvers);

  for (const [data, why] of [
    [{ stubDomains: '{' }, 'stubDomains is no JSON'],
    [{ stubDomains: '["a"]' }, 'stubDomains is no object of domains'],
    [{ stubDomains: '{"a b": ["1.2.3.4"]}' }, 'stubDomains: "a b" is no domain'],
    [{ upstreamNameservers: '["dns.example"]' }, 'upstreamNameservers: "dns.example" is no address'],
  ] as const) {
    await configs.patch('kube-system', 'kube-dns', 'merge', { data: { stubDomains: null, upstreamNameservers: null, ...data } });
    await clock.advance(200);
    expect(warnings.at(-1)).toBe(why);
    expect(zone!.resolvers).toEqual(resolvers);
  }
  await configs.delete('kube-system', 'kube-dns');
  await clock.advance(200);
  expect(zone!.resolvers).toBeUndefined();
  dns.stop();
});
