import { afterEach, beforeEach, expect, it } from 'vitest';
import { InformerFactory, type ResourceDef } from '../../../main/client/index.ts';
import { ServedKinds } from '../../../main/controllers/servedKinds.ts';
import { noLog } from '../../../main/util/log.ts';
import { FakeClock, settle } from '../../support/fakeClock.ts';
import { FakeServer } from '../../support/fakeServer.ts';

const widgets: ResourceDef = { group: 'shop.example', version: 'v1', kind: 'Widget', resource: 'widgets', namespaced: true };
let clock: FakeClock;
let server: FakeServer;
let informers: InformerFactory;
let kinds: ServedKinds;
let told: string[];

beforeEach(async () => {
  clock = new FakeClock();
  server = new FakeServer(clock);
  const client = server.client();
  informers = new InformerFactory(client, clock, noLog);
  told = [];
  kinds = new ServedKinds({
    client,
    informers,
    clock,
    log: noLog,
    wants: ({ group }) => group === widgets.group,
    follow: ({ version }) => ({
      handlers: { add: ({ metadata }) => told.push(`${version} has ${metadata!.name}`), delete: ({ metadata }) => told.push(`${version} lost ${metadata!.name}`) },
      ended: (left) => told.push(`${version} ended with ${left.length}`),
    }),
    onDiscovery: ({ served }) => served.has('shop.example/v1') || served.has('shop.example/v2') || told.push('none'),
  });
  informers.start();
  await kinds.start();
  await settle();
  server.customKinds.push(widgets);
  server.seed(widgets, { metadata: { namespace: 'default', name: 'w' } });
  await clock.advance(30_000);
});
afterEach(() => {
  kinds.stop();
  informers.stop();
});

it('a kind is followed from when it is served', () => expect(told).toEqual(['none', 'v1 has w']));

it('another version takes over, and the first one is let go of without a word', async () => {
  server.customKinds.splice(0, 1, { ...widgets, version: 'v2' });
  await clock.advance(30_000);
  server.seed({ ...widgets, version: 'v2' }, { metadata: { namespace: 'default', name: 'x' } });
  await clock.advance(30_000);
  expect(told.slice(2)).toEqual(['v2 has w', 'v2 has x']);
});

it('a kind that is served no more has ended, and begins anew when it comes again', async () => {
  server.customKinds.pop();
  await clock.advance(30_000);
  expect(told.slice(2)).toEqual(['none', 'v1 ended with 1']);
  server.customKinds.push(widgets);
  await clock.advance(60_000);
  expect(told.slice(4)).toEqual(['v1 has w']);
});

it('a server that does not answer is asked again, and what was followed is', async () => {
  server.intercept = ({ path }) => {
    if (path === '/apis') throw new Error('away');
  };
  await clock.advance(60_000);
  server.seed(widgets, { metadata: { namespace: 'default', name: 'y' } });
  await settle();
  expect(told.slice(2)).toEqual(['v1 has y']);
});

it('nobody is asked any more once it is stopped', async () => {
  kinds.stop();
  const before = server.requests.length;
  await clock.advance(120_000);
  expect(server.requests.slice(before).filter(({ path }) => path === '/apis')).toEqual([]);
});
