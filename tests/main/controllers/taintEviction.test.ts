import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Taint, Toleration } from '../../../main/api/index.ts';
import { timestamp } from '../../../main/api/meta.ts';
import { resources } from '../../../main/client/index.ts';
import { TaintEvictionController } from '../../../main/controllers/taintEviction.ts';
import { settle } from '../../support/fakeClock.ts';
import { makeNode, makePod } from '../../support/objects.ts';
import { Cluster } from './harness.ts';

let cluster: Cluster;
beforeEach(() => {
  cluster = new Cluster();
});
afterEach(() => cluster.stop());

const taint = (n: number): Taint => ({ key: `taint-${n}`, value: `value-${n}`, effect: 'NoExecute' });
const tolerate = (n: number, tolerationSeconds?: number): Toleration => ({ ...taint(n), ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }) });

const seedNode = (...taints: Taint[]) => void cluster.server.seed(resources.nodes, makeNode('node-1', { taints }));
const seedPod = (name: string, nodeName: string | undefined, ...tolerations: Toleration[]) =>
  cluster.server.seed(resources.pods, makePod(name, {}, { ...(nodeName ? { nodeName } : {}), tolerations }));
const setTaints = async (...taints: Taint[]) => {
  cluster.server.change(resources.nodes, '', 'node-1', (node) => (node.spec!.taints = taints));
  await settle();
};
const setTolerations = async (name: string, ...tolerations: Toleration[]) => {
  cluster.server.change(resources.pods, 'default', name, (each) => (each.spec!.tolerations = tolerations));
  await settle();
};
const pod = (name: string) => cluster.server.find(resources.pods, 'default', name);
const goes = (name: string) => pod(name)!.metadata!.deletionTimestamp !== undefined;
const deletions = (name: string) => cluster.server.requests.filter(({ method, path }) => method === 'DELETE' && path.endsWith(`/pods/${name}`)).length;
const marking = (name: string) => `Marking for deletion Pod default/${name}`;
const cancelling = (name: string) => `Cancelling deletion of Pod default/${name}`;
const start = () => cluster.start(TaintEvictionController);

describe('a pod goes at once', () => {
  it.each<[string, Toleration[], Taint[]]>([
    ['when it tolerates nothing', [], [taint(1)]],
    ['when it tolerates something else', [tolerate(2)], [taint(1)]],
    ['when it tolerates one taint of two', [tolerate(1, 100)], [taint(1), taint(2)]],
    ['when it tolerates one for ever and not the other', [tolerate(1)], [taint(1), taint(2)]],
    ['when it tolerates that for no time', [tolerate(1, 0)], [taint(1)]],
    ['when it tolerates that for less than no time', [tolerate(1, -5)], [taint(1)]],
  ])('%s', async (_, tolerations, taints) => {
    seedNode();
    seedPod('web', 'node-1', ...tolerations);
    await start();
    expect(goes('web')).toBe(false);
    await setTaints(...taints);
    expect(goes('web')).toBe(true);
    expect(pod('web')!.status!.conditions).toEqual([
      {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'DeletionByTaintManager',
        message: 'Taint manager: deleting due to NoExecute taint',
        observedGeneration: 1,
        lastTransitionTime: timestamp(cluster.clock.now()),
      },
    ]);
    expect(cluster.events('web', 'TaintManagerEviction')).toEqual([marking('web')]);
  });
});

describe('a pod stays', () => {
  it.each<[string, Toleration[], Taint[]]>([
    ['on a node without taints', [], []],
    ['on a node whose taints only keep new pods away', [], [{ ...taint(1), effect: 'NoSchedule' }]],
    ['when it tolerates that for ever', [tolerate(1)], [taint(1)]],
    ['when it tolerates both', [tolerate(1), tolerate(2)], [taint(1), taint(2)]],
  ])('%s', async (_, tolerations, taints) => {
    seedNode(...taints);
    seedPod('web', 'node-1', ...tolerations);
    seedPod('waiting', undefined);
    await start();
    await cluster.clock.advance(1_000_000);
    expect(goes('web')).toBe(false);
    expect(goes('waiting')).toBe(false);
    expect(cluster.events('web')).toEqual([]);
  });
});

it('a pod that comes to a tainted node goes from there', async () => {
  seedNode(taint(1));
  seedPod('late', undefined);
  seedPod('lenient', undefined, tolerate(1));
  await start();
  for (const name of ['late', 'lenient']) cluster.server.change(resources.pods, 'default', name, (each) => (each.spec!.nodeName = 'node-1'));
  await settle();
  expect(goes('late')).toBe(true);
  expect(goes('lenient')).toBe(false);
});

it('of several times the shortest counts, and each pod has its own', async () => {
  seedNode();
  seedPod('both', 'node-1', tolerate(1, 10), tolerate(2, 100));
  seedPod('half', 'node-1', tolerate(1), tolerate(2, 60));
  await start();
  await setTaints(taint(1), taint(2));
  await cluster.clock.advance(9_000);
  expect(goes('both')).toBe(false);
  await cluster.clock.advance(1_000);
  expect([goes('both'), goes('half')]).toEqual([true, false]);
  await cluster.clock.advance(50_000);
  expect(goes('half')).toBe(true);
});

it('a taint that is taken away in time takes the deletion back, and one that comes again counts anew', async () => {
  seedNode(taint(1));
  seedPod('web', 'node-1', tolerate(1, 60));
  await start();
  await cluster.clock.advance(50_000);
  await setTaints();
  expect(cluster.events('web')).toEqual([cancelling('web')]);
  await setTaints(taint(1));
  await cluster.clock.advance(50_000);
  expect(goes('web')).toBe(false);
  await cluster.clock.advance(10_000);
  expect(goes('web')).toBe(true);
});

it('a taint that is tolerated for some time only is taken back while another stays', async () => {
  seedNode(taint(1));
  seedPod('web', 'node-1', tolerate(1), tolerate(2, 60));
  await start();
  await setTaints(taint(1), taint(2));
  await setTaints(taint(1));
  await cluster.clock.advance(100_000);
  expect(goes('web')).toBe(false);
  expect(cluster.events('web')).toEqual([cancelling('web')]);
});

describe('a pod that is to go later', () => {
  beforeEach(async () => {
    seedNode(taint(1));
    seedPod('web', 'node-1', tolerate(1, 100));
    await start();
    await cluster.clock.advance(10_000);
  });

  it('goes then, whatever it tolerates by now: longer, shorter or for no time', async () => {
    seedPod('short', 'node-1', tolerate(1, 100));
    seedPod('none', 'node-1', tolerate(1, 100));
    await settle();
    await setTolerations('web', tolerate(1, 1000));
    await setTolerations('short', tolerate(1, 1));
    await setTolerations('none', tolerate(1, 0));
    await cluster.clock.advance(89_000);
    expect(['web', 'short', 'none'].map(goes)).toEqual([false, false, false]);
    await cluster.clock.advance(1_000);
    expect(goes('web')).toBe(true);
    await cluster.clock.advance(10_000);
    expect(['short', 'none'].map(goes)).toEqual([true, true]);
    expect(cluster.events('web')).toEqual([marking('web')]);
  });

  it('goes at once when it tolerates nothing any more, and both is said', async () => {
    await setTolerations('web');
    expect(goes('web')).toBe(true);
    expect(cluster.events('web')).toEqual([cancelling('web'), marking('web')]);
  });

  it('goes all the same when its node is gone', async () => {
    cluster.server.drop(resources.nodes, '', 'node-1');
    await cluster.clock.advance(89_000);
    expect(goes('web')).toBe(false);
    expect(cluster.events('web')).toEqual([]);
    await cluster.clock.advance(1_000);
    expect(goes('web')).toBe(true);
    expect(cluster.events('web')).toEqual([marking('web')]);
  });

  it('stays when its node comes back without the taint', async () => {
    cluster.server.drop(resources.nodes, '', 'node-1');
    await settle();
    seedNode();
    await cluster.clock.advance(100_000);
    expect(goes('web')).toBe(false);
    expect(cluster.events('web')).toEqual([cancelling('web')]);
  });

  it('is deleted again and says why, even if somebody else has deleted it since', async () => {
    cluster.server.change(resources.pods, 'default', 'web', ({ metadata }) => {
      Object.assign(metadata!, { deletionTimestamp: timestamp(cluster.clock.now()), deletionGracePeriodSeconds: 600, finalizers: ['example.com/kept'] });
    });
    await cluster.clock.advance(90_000);
    expect(pod('web')!.status!.conditions).toMatchObject([{ type: 'DisruptionTarget', reason: 'DeletionByTaintManager' }]);
    expect(cluster.events('web')).toEqual([marking('web')]);
  });

  it('goes soon after that could not be done at first, and is said to go once', async () => {
    cluster.fail('DELETE', 'pods');
    await cluster.clock.advance(95_000);
    cluster.server.intercept = undefined;
    await cluster.clock.advance(20_000);
    expect(goes('web')).toBe(true);
    expect(cluster.events('web')).toEqual([marking('web')]);
  });

  it('has its whole time before it when the controller begins anew', async () => {
    await cluster.stop();
    const old = cluster;
    cluster = new Cluster();
    for (const node of old.server.all(resources.nodes)) cluster.server.seed(resources.nodes, node);
    for (const each of old.pods()) cluster.server.seed(resources.pods, each);
    await start();
    await cluster.clock.advance(99_000);
    expect(goes('web')).toBe(false);
    await cluster.clock.advance(1_000);
    expect(goes('web')).toBe(true);
  });
});

it('events name the pod without its uid', async () => {
  seedNode(taint(1));
  seedPod('web', 'node-1');
  await start();
  const [event] = cluster.server.all(resources.events);
  expect(event).toMatchObject({ type: 'Normal', source: { component: 'taint-eviction-controller' } });
  expect(event!.involvedObject).toEqual({ apiVersion: 'v1', kind: 'Pod', namespace: 'default', name: 'web' });
});

it('what a pod says already is not said again, and the time of it stays', async () => {
  const condition = { type: 'DisruptionTarget', status: 'True', lastTransitionTime: '2020-01-01T00:00:00Z' };
  const why = { reason: 'DeletionByTaintManager', message: 'Taint manager: deleting due to NoExecute taint' };
  seedNode(taint(1));
  cluster.server.seed(resources.pods, { ...makePod('told', {}, { nodeName: 'node-1' }), status: { conditions: [{ ...condition, ...why }] } });
  cluster.server.seed(resources.pods, { ...makePod('other', {}, { nodeName: 'node-1' }), status: { conditions: [{ ...condition, reason: 'EvictionByEvictionAPI' }] } });
  await start();
  expect([deletions('told'), deletions('other')]).toEqual([1, 1]);
  expect(cluster.server.requests.filter(({ method, path }) => method === 'PATCH' && path.includes('/pods/told'))).toEqual([]);
  expect(pod('other')!.status!.conditions).toEqual([{ ...condition, ...why, observedGeneration: 1 }]);
});
