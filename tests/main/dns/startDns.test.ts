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
