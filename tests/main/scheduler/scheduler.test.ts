import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Node, Pod } from '../../../main/api/index.ts';
import { failure } from '../../../main/api/status.ts';
import { InformerFactory, resources } from '../../../main/client/index.ts';
import { Scheduler } from '../../../main/scheduler/index.ts';
import { noLog } from '../../../main/util/log.ts';
import { FakeClock, settle } from '../../support/fakeClock.ts';
import { FakeServer } from '../../support/fakeServer.ts';
import { makeNode, makePod, seededRandom } from '../../support/objects.ts';

let clock: FakeClock;
let server: FakeServer;
let informers: InformerFactory;
let scheduler: Scheduler;

beforeEach(async () => {
  clock = new FakeClock();
  server = new FakeServer(clock);
  const client = server.client();
  informers = new InformerFactory(client, clock, noLog);
  scheduler = new Scheduler({ client, informers, clock, random: seededRandom(), log: noLog });
  informers.start();
  await scheduler.start();
});
afterEach(async () => {
  informers.stop();
  await scheduler.stop();
});

const pod = (name: string): Pod => server.find(resources.pods, 'default', name)!;
const nodeOf = (name: string) => pod(name).spec!.nodeName;
const scheduled = (name: string) => pod(name).status?.conditions?.find((c) => c.type === 'PodScheduled');
const messages = (name: string, reason: string) =>
  server
    .all(resources.events)
    .filter((event) => event.involvedObject.name === name && event.reason === reason)
    .map((event) => event.message);

async function add(...objects: (Pod | Node)[]): Promise<void> {
  for (const object of objects) {
    if (object.kind === 'Node') server.seed(resources.nodes, object as Node);
    else
      await server
        .client()
        .of(resources.pods)
        .create(object as Pod);
  }
  await settle();
}

const requesting = (requests: Record<string, string>) => ({
  containers: [{ name: 'main', image: 'busybox', resources: { requests } }],
});

it('what was kept for a pod that has gone elsewhere others may have at once', async () => {
  await add(makeNode('node-1', { cpu: '1' }), makePod('low', {}, requesting({ cpu: '750m' })));
  await add(makePod('high', {}, { ...requesting({ cpu: '1' }), priority: 10 }));
  expect([nodeOf('low'), pod('high').status!.nominatedNodeName]).toEqual(['node-1', 'node-1']);
  await add(makePod('small', {}, requesting({ cpu: '250m' })));
  expect(nodeOf('small')).toBeUndefined();
  await add(makeNode('node-2', { cpu: '1' }));
  await clock.advance(10_000);
  expect([nodeOf('high'), nodeOf('small')]).toEqual(['node-2', 'node-1']);
});

describe('a pod that fits', () => {
  it('is bound to its node, with an event', async () => {
    await add(makeNode('node-1'), makePod('web-x'));
    expect(nodeOf('web-x')).toBe('node-1');
    expect(scheduled('web-x')).toMatchObject({ status: 'True' });
    expect(messages('web-x', 'Scheduled')).toEqual(['Successfully assigned default/web-x to node-1']);
    const binding = server.requests.find((request) => request.path.endsWith('/web-x/binding'))!;
    expect(binding.headers).toMatchObject({ 'user-agent': 'test/default-scheduler' });
    expect(binding.causeRevision).toBe(2);
  });

  it('goes where most is left', async () => {
    await add(
      makeNode('small', { cpu: '2', memory: '4Gi' }),
      makeNode('big', { cpu: '16', memory: '32Gi' }),
      makePod('web'),
    );
    expect(nodeOf('web')).toBe('big');
    const uid = pod('web').metadata!.uid!;
    const attempt = scheduler.lastAttempt(uid)!;
    expect(attempt).toMatchObject({ result: 'Scheduled', node: 'big' });
    const [small, big] = ['small', 'big'].map((name) => attempt.nodes.find((node) => node.name === name)!);
    expect(big!.total).toBeGreaterThan(small!.total!);
    expect(big!.scores!.NodeResourcesFit).toBeGreaterThan(small!.scores!.NodeResourcesFit!);
  });

  it('is left alone when it names another scheduler', async () => {
    await add(makeNode('node-1'), makePod('web', {}, { schedulerName: 'mine' }));
    expect(nodeOf('web')).toBeUndefined();
  });

  it('spreads with its siblings over the nodes', async () => {
    await add(makeNode('a'), makeNode('b'), makeNode('c'));
    await add(
      ...Array.from({ length: 6 }, (_, i) => makePod(`p${i}`, {}, requesting({ cpu: '500m', memory: '512Mi' }))),
    );
    const counts = ['a', 'b', 'c'].map(
      (name) => server.all(resources.pods).filter((p) => p.spec!.nodeName === name).length,
    );
    expect(counts).toEqual([2, 2, 2]);
  });
});

describe('a pod that fits nowhere', () => {
  it('says why, node by node, as Kubernetes does', async () => {
    await add(
      makeNode('small', { memory: '1Gi' }),
      makeNode('tainted-1', { taints: [{ key: 'dedicated', value: 'db', effect: 'NoSchedule' }] }),
      makeNode('tainted-2', { taints: [{ key: 'dedicated', value: 'db', effect: 'NoExecute' }] }),
      makePod('web', {}, requesting({ memory: '2Gi' })),
    );
    const message =
      '0/3 nodes are available: 1 Insufficient memory, 2 node(s) had untolerated taint(s). ' +
      'no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.';
    expect(scheduled('web')).toMatchObject({ status: 'False', reason: 'Unschedulable', message });
    expect(messages('web', 'FailedScheduling')).toEqual([message]);
    const attempt = scheduler.lastAttempt(pod('web').metadata!.uid!)!;
    expect(attempt.nodes).toContainEqual({
      name: 'small',
      rejectedBy: 'NodeResourcesFit',
      reasons: ['Insufficient memory'],
      shortages: [{ resource: 'memory', asked: '2Gi', free: '1Gi', allocatable: '1Gi', heldBy: [] }],
    });
  });

  it('says with numbers what is missing and who holds it', async () => {
    await add(
      makeNode('node-1', { cpu: '2', memory: '4Gi' }),
      makePod('small', {}, requesting({ cpu: '250m' })),
      makePod('large', {}, requesting({ cpu: '1500m' })),
    );
    await add(makePod('web', {}, requesting({ cpu: '500m', memory: '1Gi' })));
    const [verdict] = scheduler.lastAttempt(pod('web').metadata!.uid!)!.nodes;
    expect(verdict!.shortages).toEqual([
      {
        resource: 'cpu',
        asked: '500m',
        free: '250m',
        allocatable: '2',
        heldBy: [
          { namespace: 'default', name: 'large', amount: '1500m' },
          { namespace: 'default', name: 'small', amount: '250m' },
        ],
      },
    ]);
  });

  it('tells apart where preemption found nobody to leave', async () => {
    await add(makeNode('node-1', { cpu: '1' }), makePod('first', {}, requesting({ cpu: '800m' })));
    await add(makePod('second', {}, requesting({ cpu: '800m' })));
    expect(scheduled('second')!.message).toBe(
      '0/1 nodes are available: 1 Insufficient cpu. ' +
        'no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.',
    );
  });

  it('waits without nodes, and goes to the first that comes', async () => {
    await add(makePod('web'));
    expect(scheduled('web')).toMatchObject({ reason: 'Unschedulable', message: 'no nodes available to schedule pods' });
    await add(makeNode('node-1'));
    await clock.advance(1000);
    expect(nodeOf('web')).toBe('node-1');
  });

  it('is tried again when somebody leaves, and not when nothing changes that could help', async () => {
    await add(makeNode('node-1', { cpu: '1' }), makePod('first', {}, requesting({ cpu: '1' })));
    await add(makePod('second', {}, requesting({ cpu: '1' })));
    const before = server.requests.length;
    server.change(
      resources.nodes,
      '',
      'node-1',
      (node) => (node.status!.conditions![0]!.lastHeartbeatTime = '2026-01-01T00:01:00Z'),
    );
    await clock.advance(60_000);
    expect(server.requests.length).toBe(before);
    server.drop(resources.pods, 'default', 'first');
    await clock.advance(1000);
    expect(nodeOf('second')).toBe('node-1');
  });

  it('goes as soon as the node is uncordoned', async () => {
    await add(makeNode('node-1', { unschedulable: true }), makePod('web'));
    expect(scheduled('web')!.message).toContain('1 node(s) were unschedulable');
    server.change(resources.nodes, '', 'node-1', (node) => delete node.spec!.unschedulable);
    await clock.advance(1000);
    expect(nodeOf('web')).toBe('node-1');
  });
});

it('a gated pod waits for its gates to be lifted', async () => {
  await add(makeNode('node-1'), makePod('web', {}, { schedulingGates: [{ name: 'example.com/quota' }] }));
  expect(nodeOf('web')).toBeUndefined();
  server.change(resources.pods, 'default', 'web', (p) => delete p.spec!.schedulingGates);
  await settle();
  expect(nodeOf('web')).toBe('node-1');
});

it('a binding that the server refuses is tried again after the back-off, and the place is free meanwhile', async () => {
  let refusals = 1;
  server.intercept = (request) => {
    if (request.path.endsWith('/binding') && refusals-- > 0) throw failure(500, 'InternalError', 'not now');
  };
  await add(makeNode('node-1', { cpu: '1' }), makePod('web', {}, requesting({ cpu: '1' })));
  expect(nodeOf('web')).toBeUndefined();
  expect(scheduled('web')).toMatchObject({ reason: 'SchedulerError', message: 'running Bind plugin "DefaultBinder": not now' });
  await clock.advance(999);
  expect(nodeOf('web')).toBeUndefined();
  await clock.advance(1);
  expect(nodeOf('web')).toBe('node-1');
});

it('a more important pod takes the place of the least important ones', async () => {
  await add(makeNode('node-1', { cpu: '2' }), makePod('low', {}, { ...requesting({ cpu: '1' }), priority: 1 }));
  await add(makePod('middle', {}, { ...requesting({ cpu: '1' }), priority: 5 }));
  await add(makePod('high', {}, { ...requesting({ cpu: '1' }), priority: 10 }));
  expect(pod('low').metadata!.deletionTimestamp).toBeDefined();
  expect(pod('low').status!.conditions).toContainEqual(
    expect.objectContaining({
      type: 'DisruptionTarget',
      reason: 'PreemptionByScheduler',
      message: 'default-scheduler: preempting to accommodate a higher priority pod',
    }),
  );
  expect(pod('middle').metadata!.deletionTimestamp).toBeUndefined();
  expect(pod('high').status!.nominatedNodeName).toBe('node-1');
  expect(messages('low', 'Preempted')).toEqual([`Preempted by pod ${pod('high').metadata!.uid} on node node-1`]);
  server.drop(resources.pods, 'default', 'low');
  await clock.advance(2000);
  expect(nodeOf('high')).toBe('node-1');
});

describe('pods that have to make room', () => {
  const low = (name: string, spec: Partial<Pod['spec']> = {}) => makePod(name, {}, { ...requesting({ cpu: '1' }), priority: 1, ...spec });
  const high = () => makePod('high', {}, { ...requesting({ cpu: '1' }), priority: 10 });

  it('are those that began last, of the same importance', async () => {
    await add(makeNode('node-1', { cpu: '3' }));
    for (const [name, startTime] of [['old', '2026-01-01T00:00:01Z'], ['young', '2026-01-01T00:00:05Z'], ['still-pulling', undefined]] as const)
      server.seed(resources.pods, { ...low(name, { nodeName: 'node-1' }), status: { phase: 'Running', ...(startTime ? { startTime } : {}) } });
    await add(high());
    expect(server.all(resources.pods).filter((p) => p.metadata!.deletionTimestamp).map((p) => p.metadata!.name)).toEqual(['still-pulling']);
  });

  it('are told who takes their place', async () => {
    await add(makeNode('node-1', { cpu: '1' }), low('low'));
    await add(high());
    const event = server.all(resources.events).find(({ reason }) => reason === 'Preempted')!;
    expect(event).toMatchObject({ action: 'Preempting', related: { kind: 'Pod', namespace: 'default', name: 'high', uid: pod('high').metadata!.uid } });
  });

  it('are not told once more why they go, and have had to since the first time', async () => {
    await add(makeNode('node-1', { cpu: '1' }), low('low'));
    const since = '2026-01-01T00:00:00Z';
    const told = (reason: string) =>
      server.change(resources.pods, 'default', 'low', (p) => {
        const message = 'default-scheduler: preempting to accommodate a higher priority pod';
        p.status = { ...p.status, conditions: [{ type: 'DisruptionTarget', status: 'True', reason, message, lastTransitionTime: since }] };
      });
    told('PreemptionByScheduler');
    let refused = false;
    server.intercept = (request) => {
      if (request.method !== 'DELETE' || refused) return;
      refused = true;
      told('EvictionByEvictionAPI');
      throw failure(500, 'InternalError', 'not now');
    };
    const writes = () => server.requests.filter(({ method, path }) => method === 'PATCH' && path.endsWith('/low/status')).length;
    const before = writes();
    await add(high());
    expect(refused).toBe(true);
    expect(writes()).toBe(before);
    await clock.advance(10_000);
    expect(pod('low').metadata!.deletionTimestamp).toBeDefined();
    expect(pod('low').status!.conditions).toContainEqual(expect.objectContaining({ reason: 'PreemptionByScheduler', lastTransitionTime: since }));
  });

  it('are left alone when they go already', async () => {
    await add(makeNode('node-1', { cpu: '1' }), low('low'));
    server.change(resources.pods, 'default', 'low', (p) => (p.metadata!.finalizers = ['example.com/slow']));
    await server.client().of(resources.pods).delete('default', 'low');
    await settle();
    await add(high());
    expect(pod('high').status!.nominatedNodeName).toBe('node-1');
    expect(pod('low').status!.conditions ?? []).not.toContainEqual(expect.objectContaining({ type: 'DisruptionTarget' }));
    expect(messages('low', 'Preempted')).toEqual([]);
  });

  it('are asked again when that could not be written', async () => {
    await add(makeNode('node-1', { cpu: '1' }), low('low'));
    let refusals = 1;
    server.intercept = ({ method, path }) => {
      if (method === 'DELETE' && path.endsWith('/pods/low') && refusals-- > 0) throw failure(500, 'InternalError', 'not now');
    };
    await add(high());
    expect(pod('low').metadata!.deletionTimestamp).toBeUndefined();
    await clock.advance(2000);
    expect(pod('low').metadata!.deletionTimestamp).toBeDefined();
  });

  it('without labels are in no budget, whatever its selector says', async () => {
    const bare = { matchExpressions: [{ key: 'app', operator: 'DoesNotExist' }] };
    server.seed(resources.podDisruptionBudgets, { metadata: { name: 'all', namespace: 'default' }, spec: { selector: bare }, status: { disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 } });
    await add(makeNode('a', { cpu: '1' }), makeNode('b', { cpu: '1' }));
    await add({ ...low('bare', { nodeName: 'a' }), status: { phase: 'Running' } }, { ...low('labelled', { nodeName: 'b', priority: 2 }), metadata: { name: 'labelled', namespace: 'default', labels: { tier: 'x' } } });
    await add(high());
    expect(pod('bare').metadata!.deletionTimestamp).toBeDefined();
    expect(pod('labelled').metadata!.deletionTimestamp).toBeUndefined();
  });
});

it('an assumed pod counts before the watch has shown it', async () => {
  await add(makeNode('node-1', { cpu: '1' }));
  server.pause();
  const pods = server.client().of(resources.pods);
  await pods.create(makePod('a', {}, requesting({ cpu: '1' })));
  await pods.create(makePod('b', {}, requesting({ cpu: '1' })));
  server.resume();
  await settle();
  expect([nodeOf('a'), nodeOf('b')].filter(Boolean)).toEqual(['node-1']);
});

it('a promise that is of no use is taken back', async () => {
  const busy = makePod('busy', {}, { ...requesting({ cpu: '1' }), priority: 10, nodeName: 'node-1' });
  await add(makeNode('node-1', { cpu: '1' }), busy);
  const waiting = makePod('web', {}, { ...requesting({ cpu: '1' }), priority: 5 });
  server.seed(resources.pods, { ...waiting, status: { phase: 'Pending', nominatedNodeName: 'node-1' } });
  await settle();
  expect(scheduled('web')).toMatchObject({ status: 'False', reason: 'Unschedulable' });
  expect(pod('web').status!.nominatedNodeName).toBeUndefined();
});

it('a less important pod loses the node that was promised to it', async () => {
  await add(makeNode('node-1', { cpu: '1' }), makePod('low', {}, { ...requesting({ cpu: '1' }), priority: 1 }));
  server.change(resources.pods, 'default', 'low', (p) => (p.metadata!.finalizers = ['example.com/slow']));
  await add(makePod('middle', {}, { ...requesting({ cpu: '1' }), priority: 5 }));
  expect(pod('middle').status!.nominatedNodeName).toBe('node-1');
  await add(makePod('high', {}, { ...requesting({ cpu: '1' }), priority: 10 }));
  expect(pod('high').status!.nominatedNodeName).toBe('node-1');
  expect(pod('middle').status!.nominatedNodeName).toBeUndefined();
});

it('of many nodes only one is made free, however the first ones were looked at', async () => {
  const labels = { app: 'low' };
  for (const name of ['a', 'b', 'c']) {
    await add(makeNode(name), makePod(`low-${name}`, { labels }, { nodeName: name, priority: 1 }));
    await add(makePod(`old-${name}`, { labels }, { nodeName: name, priority: name === 'b' ? 1 : 20 }));
  }
  const required = [{ topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: labels } }];
  const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } };
  await add(makePod('high', {}, { priority: 10, affinity }));
  const going = server.all(resources.pods).filter((p) => p.metadata!.deletionTimestamp);
  expect(going.map((p) => p.metadata!.name).sort()).toEqual(['low-b', 'old-b']);
  expect(pod('high').status!.nominatedNodeName).toBe('b');
});

it('a promise that ends with its pod lets less important ones have the room', async () => {
  server.seed(resources.nodes, makeNode('a', { cpu: '2' }));
  server.seed(resources.pods, { ...makePod('promised', {}, { ...requesting({ cpu: '2' }), priority: 5, schedulerName: 'default-scheduler', schedulingGates: [{ name: 'later' }] }), status: { nominatedNodeName: 'a' } });
  await settle();
  await add(makePod('small', {}, requesting({ cpu: '1' })));
  expect(nodeOf('small')).toBeUndefined();
  await clock.advance(30_000);
  expect(nodeOf('small')).toBeUndefined();
  server.drop(resources.pods, 'default', 'promised');
  await settle();
  expect(nodeOf('small')).toBe('a');
});

it('a promise that somebody else makes counts', async () => {
  await add(makeNode('a', { cpu: '2' }), makePod('promised', {}, { ...requesting({ cpu: '2' }), schedulingGates: [{ name: 'later' }] }));
  server.seed(resources.pods, { ...pod('promised'), status: { ...pod('promised').status, nominatedNodeName: 'a' } });
  await settle();
  await add(makePod('small', {}, requesting({ cpu: '1' })));
  expect(nodeOf('small')).toBeUndefined();
});
