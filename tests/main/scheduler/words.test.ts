import { describe, expect, test } from 'vitest';
import { Client, InformerFactory, resources } from '../../../main/client/index.ts';
import { Scheduler } from '../../../main/scheduler/index.ts';
import { noLog } from '../../../main/util/log.ts';
import { FakeClock, settle } from '../../support/fakeClock.ts';
import { FakeServer } from '../../support/fakeServer.ts';
import { makeNode, makePod, seededRandom } from '../../support/objects.ts';

describe('a flood of pods that fit nowhere', () => {
  test('is told of at the pace of upstream, and in the end all of it', async () => {
    const clock = new FakeClock();
    const server = new FakeServer(clock);
    const client = new Client(server, { userAgent: 'test' });
    await client.of(resources.nodes).create(makeNode('node-1'));
    const informers = new InformerFactory(client, clock, noLog);
    const scheduler = new Scheduler({ client, informers, clock, random: seededRandom(), log: noLog });
    informers.start();
    await scheduler.start();
    for (let i = 0; i < 250; i++) await client.of(resources.pods).create(makePod(`p-${i}`, {}, { nodeSelector: { none: 'true' } }));
    const told = async () => {
      const { items } = await client.of(resources.pods).list('default');
      return items.filter((pod) => pod.status?.conditions?.some(({ type, reason }) => type === 'PodScheduled' && reason === 'Unschedulable')).length;
    };
    await settle(60);
    expect(await told()).toBe(100);
    await clock.advance(1000);
    await settle(60);
    expect(await told()).toBeGreaterThanOrEqual(145);
    expect(await told()).toBeLessThan(160);
    await clock.advance(3000);
    await settle(60);
    expect(await told()).toBe(250);
    await scheduler.stop();
    informers.stop();
  });
});
