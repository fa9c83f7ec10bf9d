import { afterEach, beforeEach, expect, test } from 'vitest';
import { serviceAddress } from '../../../main/api/serviceAddress.ts';
import { bootstrapCluster } from '../../../main/bootstrap/index.ts';
import { InformerFactory, resources } from '../../../main/client/index.ts';
import { inRange, ServiceCIDRController } from '../../../main/controllers/serviceCIDR.ts';
import { noLog } from '../../../main/util/log.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { FakeServer } from '../../support/fakeServer.ts';
import { seededRandom } from '../../support/objects.ts';
import { TestCluster } from '../apiserver/registry/testCluster.ts';

let clock: FakeClock;
let server: FakeServer;
let informers: InformerFactory;
let controller: ServiceCIDRController;

beforeEach(async () => {
  clock = new FakeClock();
  server = new FakeServer(clock);
  const client = server.client();
  informers = new InformerFactory(client, clock, noLog);
  controller = new ServiceCIDRController({ client, informers, clock, random: seededRandom(), log: noLog } as ConstructorParameters<typeof ServiceCIDRController>[0]);
  informers.start();
  await clock.advance(100);
  controller.start();
  server.seed(resources.serviceCIDRs, { metadata: { name: 'extra' }, spec: { cidrs: ['10.100.0.0/24'] } });
  await clock.advance(100);
});
afterEach(async () => {
  await controller.stop();
  informers.stop();
});

const range = () => server.find(resources.serviceCIDRs, '', 'extra');
const ready = () => range()?.status?.conditions?.find(({ type }) => type === 'Ready');
const remove = async () => {
  await server.client('kubectl').of(resources.serviceCIDRs).delete('', 'extra');
  await clock.advance(8_000);
  // Whoever gives out addresses has to hear of it first.
  expect(range()).toBeDefined();
  await clock.advance(3_000);
};
const take = (ip: string) => server.seed(resources.ipAddresses, serviceAddress(ip, { metadata: { name: 'web', namespace: 'default' } }));

test('a range is ready, and goes when nobody uses it', async () => {
  expect(ready()).toMatchObject({ status: 'True', message: 'Kubernetes Service CIDR is ready' });
  take('10.101.0.7');
  await clock.advance(100);
  await remove();
  expect(range()).toBeUndefined();
});

test('a range that addresses are taken from stays until the last is given back', async () => {
  take('10.100.0.7');
  await clock.advance(100);
  await remove();
  expect(ready()).toMatchObject({ status: 'False', reason: 'Terminating' });
  server.drop(resources.ipAddresses, '', '10.100.0.7');
  await clock.advance(100);
  expect(range()).toBeUndefined();
});

test('an address that somebody else keeps for himself holds no range up', async () => {
  server.seed(resources.ipAddresses, { metadata: { name: '10.100.0.7' }, spec: { parentRef: { group: 'example.com', resource: 'pools', name: 'mine' } } });
  await clock.advance(100);
  await remove();
  expect(range()).toBeUndefined();
});

test('what others say of a range stays', async () => {
  server.change(resources.serviceCIDRs, '', 'extra', (object) => {
    const [condition] = object.status!.conditions!;
    object.status!.conditions = [{ ...condition!, type: 'Routed' }];
  });
  await clock.advance(100);
  expect(range()!.status!.conditions!.map(({ type }) => type)).toEqual(['Routed', 'Ready']);
});

test('a range may go when another covers its addresses', async () => {
  take('10.100.0.7');
  server.seed(resources.serviceCIDRs, { metadata: { name: 'wide' }, spec: { cidrs: ['10.100.0.0/16'] } });
  await clock.advance(100);
  await remove();
  expect(range()).toBeUndefined();
});

test.each([
  ['that of the network', '10.100.0.0'],
  ['the last one', '10.100.0.255'],
])('an address that no Service can have holds no range up: %s', async (_, ip) => {
  take(ip);
  await clock.advance(100);
  await remove();
  expect(range()).toBeUndefined();
});

test('a range keeps the finalizers that others have put on it', async () => {
  server.seed(resources.serviceCIDRs, { metadata: { name: 'kept', finalizers: ['example.com/mine'] }, spec: { cidrs: ['10.101.0.0/24'] } });
  await clock.advance(100);
  const kept = () => server.find(resources.serviceCIDRs, '', 'kept');
  await server.client('kubectl').of(resources.serviceCIDRs).delete('', 'kept');
  await clock.advance(11_000);
  expect(kept()!.metadata!.finalizers).toEqual(['example.com/mine']);
  take('10.101.0.9');
  server.change(resources.serviceCIDRs, '', 'kept', ({ metadata }) => (metadata!.labels = { seen: 'again' }));
  await clock.advance(100);
  expect(kept()!.status!.conditions).toMatchObject([{ type: 'Ready', status: 'False', reason: 'Terminating' }]);
});

test('says when it cannot say that a range is ready', async () => {
  server.intercept = ({ method, path }) => {
    if (method === 'PATCH' && path.endsWith('/other/status')) throw new Error('the API server is away');
  };
  server.seed(resources.serviceCIDRs, { metadata: { name: 'other' }, spec: { cidrs: ['10.102.0.0/24'] } });
  await clock.advance(100);
  expect(server.all(resources.events)[0]).toMatchObject({ type: 'Warning', reason: 'KubernetesServiceCIDRError', message: 'The ServiceCIDR Status can not be set to Ready=True' });
});

test.each([
  ['10.0.0.1', '10.0.0.0/30', true],
  ['10.0.0.0', '10.0.0.0/30', false],
  ['10.0.0.3', '10.0.0.0/30', false],
  ['10.0.0.4', '10.0.0.0/30', false],
  ['10.0.0.1', '10.0.0.1/32', false],
  ['fd00::', 'fd00::/126', false],
  ['fd00::3', 'fd00::/126', true],
  ['fd00::4', 'fd00::/126', false],
  ['10.0.0.1', 'fd00::/8', false],
])('%s in %s: %s', (ip, cidr, is) => expect(inRange(ip, cidr)).toBe(is));

test('what is written says whose it is, as upstream has it', async () => {
  const cluster = await TestCluster.start(undefined, clock);
  const own = new InformerFactory(cluster.client(), clock, noLog);
  try {
    await bootstrapCluster(cluster.client());
    await clock.advance(2_000);
    const second = new ServiceCIDRController({ client: cluster.client(), informers: own, clock, random: seededRandom(), log: noLog });
    own.start();
    await own.synced();
    second.start();
    await clock.advance(1_000);
    const { metadata, status } = await cluster.client().of(resources.serviceCIDRs).get('', 'kubernetes');
    expect(status!.conditions).toMatchObject([{ type: 'Ready', status: 'True', reason: '', message: 'Kubernetes Service CIDR is ready' }]);
    expect(metadata!.managedFields!.map(({ manager, operation, subresource }) => [manager, operation, subresource].join(' ').trim())).toEqual([
      'kubernetes-service-cidr-controller Apply status',
      'service-cidr-controller Apply status',
      'test Update',
    ]);
    const [first, applied] = metadata!.managedFields!;
    const ready = (...names: string[]) => ({ 'f:status': { 'f:conditions': { 'k:{"type":"Ready"}': Object.fromEntries(['.', ...names.map((name) => `f:${name}`)].map((name) => [name, {}])) } } });
    expect(first!.fieldsV1).toEqual(ready('status', 'type'));
    expect(applied!.fieldsV1).toEqual(ready('lastTransitionTime', 'message', 'reason', 'status', 'type'));
    await second.stop();
  } finally {
    own.stop();
    await cluster.close();
  }
});
