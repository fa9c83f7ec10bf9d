import { expect, test } from 'vitest';
import { InformerFactory, resources } from '../../../main/client/index.ts';
import { startProxy, type ProxyModel } from '../../../main/proxy/index.ts';
import { noLog } from '../../../main/util/log.ts';
import { FakeClock, settle } from '../../support/fakeClock.ts';
import { FakeServer } from '../../support/fakeServer.ts';
import { makeService } from '../../support/objects.ts';

async function start() {
  const clock = new FakeClock();
  const server = new FakeServer(clock);
  const client = server.client();
  const told: { node: string; model: ProxyModel }[] = [];
  const failing = new Set<string>();
  for (const [name, number] of [
    ['one', 1],
    ['two', 2],
  ] as const)
    await client.of(resources.nodes).create({
      metadata: { name },
      spec: { podCIDR: `10.244.${number}.0/24` },
      status: { addresses: [{ type: 'InternalIP', address: `10.244.0.${number + 1}` }] },
    });
  const informers = new InformerFactory(client, clock, noLog);
  const proxy = startProxy({
    informers,
    clock,
    log: noLog,
    servedByNodes: [],
    async sink(node, model) {
      if (failing.has(node)) throw new Error('no agent');
      told.push({ node, model });
    },
  });
  informers.start();
  await informers.synced();
  await clock.advance(200);
  const take = () => told.splice(0);
  return { clock, client, proxy, failing, take };
}

const web = (clusterIP: string) => makeService('web', { clusterIP, clusterIPs: [clusterIP], ports: [{ port: 80 }] });

test('every node is told of a Service, once, within a moment', async () => {
  const { clock, client, take } = await start();
  expect(
    take()
      .map(({ node }) => node)
      .sort(),
  ).toEqual(['one', 'two']);
  await client.of(resources.services).create(web('10.96.1.1'));
  await clock.advance(150);
  const told = take();
  expect(told.map(({ node }) => node).sort()).toEqual(['one', 'two']);
  expect(told[0]!.model.services[0]!.clusterIPs).toEqual(['10.96.1.1']);
  await clock.advance(60_000);
  expect(take()).toEqual([]);
});

test('many changes at once are one', async () => {
  const { clock, client, take } = await start();
  take();
  for (let i = 1; i <= 20; i++)
    await client
      .of(resources.services)
      .create({ ...web(`10.96.1.${i}`), metadata: { name: `web-${i}`, namespace: 'default' } });
  await settle();
  await clock.advance(150);
  expect(take().map(({ model }) => model.services.length)).toEqual([20, 20]);
});

test('a node that reports that it is well changes nothing', async () => {
  const { clock, client, take } = await start();
  take();
  await client.of(resources.nodes).patch('', 'one', 'merge', { metadata: { annotations: { beat: '1' } } });
  await clock.advance(1000);
  expect(take()).toEqual([]);
});

test('a node that could not be told is told later; one whose agent is new, at once', async () => {
  const { clock, client, proxy, failing, take } = await start();
  take();
  failing.add('two');
  await client.of(resources.services).create(web('10.96.1.1'));
  await clock.advance(1000);
  expect(take().map(({ node }) => node)).toEqual(['one']);
  failing.clear();
  await clock.advance(10_000);
  expect(take().map(({ node }) => node)).toEqual(['two']);
  proxy.refresh('one');
  await clock.advance(0);
  expect(take().map(({ node }) => node)).toEqual(['one']);
});

test('nobody is told any more once it is stopped', async () => {
  const { clock, client, proxy, take } = await start();
  take();
  proxy.stop();
  await client.of(resources.services).create(web('10.96.1.1'));
  await clock.advance(1000);
  expect(take()).toEqual([]);
});
