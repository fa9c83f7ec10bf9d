import { afterEach, beforeEach, expect, test } from 'vitest';
import { serviceAddress } from '../../../main/api/serviceAddress.ts';
import { InformerFactory, resources } from '../../../main/client/index.ts';
import { ServiceCIDRController } from '../../../main/controllers/serviceCIDR.ts';
import { noLog } from '../../../main/util/log.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { FakeServer } from '../../support/fakeServer.ts';
import { seededRandom } from '../../support/objects.ts';

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
  await clock.advance(100);
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
