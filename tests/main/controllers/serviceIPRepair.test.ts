import { afterEach, beforeEach, expect, test } from 'vitest';
import { serviceAddress } from '../../../main/api/serviceAddress.ts';
import type { Service } from '../../../main/api/index.ts';
import { InformerFactory, resources } from '../../../main/client/index.ts';
import { NodePortRepairController } from '../../../main/controllers/nodePortRepair.ts';
import { ServiceIPRepairController } from '../../../main/controllers/serviceIPRepair.ts';
import { noLog } from '../../../main/util/log.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { FakeServer } from '../../support/fakeServer.ts';
import { seededRandom } from '../../support/objects.ts';

let clock: FakeClock;
let server: FakeServer;
let informers: InformerFactory;
let controllers: { start(): void; stop(): Promise<void> }[];

beforeEach(async () => {
  clock = new FakeClock();
  server = new FakeServer(clock);
  const client = server.client();
  informers = new InformerFactory(client, clock, noLog);
  const context = { client, informers, clock, random: seededRandom(), log: noLog };
  controllers = [new ServiceIPRepairController(context), new NodePortRepairController(context)];
  informers.start();
  await clock.advance(100);
  for (const controller of controllers) controller.start();
  server.seed(resources.serviceCIDRs, { metadata: { name: 'kubernetes' }, spec: { cidrs: ['10.96.0.0/16'] } });
  await clock.advance(100);
});
afterEach(async () => {
  for (const controller of controllers) await controller.stop();
  informers.stop();
});

const service = (name: string, ip: string, over: Partial<Service['spec']> = {}) =>
  server.seed(resources.services, { metadata: { namespace: 'default', name }, spec: { clusterIP: ip, clusterIPs: [ip], ports: [{ port: 80 }], ...over } });
const held = (ip: string) => server.find(resources.ipAddresses, '', ip);
const events = () => server.all(resources.events).map(({ reason, message }) => `${reason}: ${message}`);

test('a Service without an address object gets one', async () => {
  service('web', '10.96.1.1');
  await clock.advance(1000);
  expect(held('10.96.1.1')?.spec?.parentRef).toMatchObject({ resource: 'services', namespace: 'default', name: 'web' });
  expect(events()).toEqual(['ClusterIPNotAllocated: Cluster IP [IPv4]: 10.96.1.1 is not allocated; repairing']);
});

test('an address that points to nobody of that name is made anew for its Service', async () => {
  server.seed(resources.ipAddresses, { metadata: { name: '10.96.1.1' }, spec: { parentRef: { resource: 'gateways', namespace: 'default', name: 'edge' } } });
  service('web', '10.96.1.1');
  await clock.advance(1000);
  expect(held('10.96.1.1')?.spec?.parentRef?.name).toBe('web');
  expect(events()).toContain('ClusterIPNotAllocated: the ClusterIP [IPv4]: 10.96.1.1 for Service default/web has a wrong reference; repairing');
});

test('two Services with one address are told so, and the first keeps it', async () => {
  service('first', '10.96.1.1');
  await clock.advance(1000);
  service('second', '10.96.1.1');
  await clock.advance(1000);
  expect(held('10.96.1.1')?.spec?.parentRef?.name).toBe('first');
  expect(events()).toContain('ClusterIPAlreadyAllocated: Cluster IP [IPv4]:10.96.1.1 was assigned to multiple services; please recreate service');
});

test('an address of no range is told and left', async () => {
  service('web', '10.99.1.1');
  await clock.advance(1000);
  expect(held('10.99.1.1')).toBeUndefined();
  expect(events()).toEqual(['ClusterIPOutOfRange: Cluster IP [IPv4]: 10.99.1.1 is not within any configured Service CIDR; please recreate service']);
});

test('an address whose Service never came goes after a minute', async () => {
  server.seed(resources.ipAddresses, serviceAddress('10.96.1.1', { metadata: { namespace: 'default', name: 'web' } }));
  await clock.advance(50_000);
  expect(held('10.96.1.1')).toBeDefined();
  await clock.advance(15_000);
  expect(held('10.96.1.1')).toBeUndefined();
  expect(events()).toEqual(['IPAddressNotAllocated: IPAddress: 10.96.1.1 for Service default/web appears to have leaked: cleaning up']);
});

test('an address that goes right after its Service was no leak, and one that stays is', async () => {
  for (const [name, ip] of [['a', '10.96.1.1'], ['b', '10.96.1.2']] as const) {
    server.seed(resources.ipAddresses, serviceAddress(ip, { metadata: { namespace: 'default', name } }));
    service(name, ip);
  }
  await clock.advance(120_000);
  server.drop(resources.services, 'default', 'a');
  server.drop(resources.services, 'default', 'b');
  await clock.advance(1000);
  server.drop(resources.ipAddresses, '', '10.96.1.1');
  await clock.advance(10_000);
  expect(held('10.96.1.2')).toBeUndefined();
  expect(events()).toEqual(['IPAddressNotAllocated: IPAddress: 10.96.1.2 for Service default/b appears to have leaked: cleaning up']);
});

test('an address that a user made is his', async () => {
  server.seed(resources.ipAddresses, { metadata: { name: '10.96.1.1' }, spec: { parentRef: { resource: 'services', namespace: 'default', name: 'web' } } });
  await clock.advance(120_000);
  expect(held('10.96.1.1')).toBeDefined();
});

test('the younger of two Services with one node port is told', async () => {
  const port = { type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] };
  service('a', '10.96.1.1', port);
  await clock.advance(2000);
  service('b', '10.96.1.2', port);
  service('c', '10.96.1.3', { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] });
  await clock.advance(1000);
  const ports = server.all(resources.events).filter(({ reason }) => reason?.startsWith('Port'));
  expect(ports.map(({ reason, involvedObject }) => `${involvedObject.name} ${reason}`).sort()).toEqual(['b PortAlreadyAllocated', 'c PortOutOfRange']);
});
