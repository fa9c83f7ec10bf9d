import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { failure } from '../../../main/api/status.ts';
import { resources } from '../../../main/client/index.ts';
import { podsToDelete } from '../../../main/controllers/podRanking.ts';
import { ReplicaSetController, ReplicationManager } from '../../../main/controllers/replicaSet.ts';
import { settle } from '../../support/fakeClock.ts';
import { makePod, makeReplicaSet } from '../../support/objects.ts';
import { Cluster } from './harness.ts';

let cluster: Cluster;
beforeEach(async () => {
  cluster = new Cluster();
  await cluster.start(ReplicaSetController, ReplicationManager);
});
afterEach(() => cluster.stop());

const rs = () => cluster.server.find(resources.replicaSets, 'default', 'web')!;
const create = async (replicas: number, spec = {}) => {
  await cluster.client.of(resources.replicaSets).create(makeReplicaSet('web', replicas, spec));
  await settle();
};
const creations = () => cluster.server.requests.filter((r) => r.method === 'POST' && r.path.endsWith('/pods')).length;

it('replaces a pod that is deleted, before it is quite gone', async () => {
  await create(2);
  await cluster.readyAll();
  const [pod] = cluster.pods();
  await cluster.client.of(resources.pods).delete('default', pod!.metadata!.name!);
  await settle();
  expect(cluster.pods()).toHaveLength(3);
  expect(rs().status).toMatchObject({ replicas: 2, terminatingReplicas: 1 });
  await cluster.reap();
  expect(rs().status).toMatchObject({ replicas: 2, terminatingReplicas: 0 });
});

it('does not create twice while its cache lags behind', async () => {
  cluster.server.pause();
  await create(3);
  cluster.server.resume();
  await settle();
  expect(creations()).toBe(3);
  expect(cluster.pods()).toHaveLength(3);
});

it('tries one pod first: a refusal of all is not asked for a hundred times', async () => {
  cluster.server.intercept = (request) => {
    if (request.method === 'POST' && request.path.endsWith('/pods')) throw failure(403, 'Forbidden', 'exceeded quota');
  };
  await create(100);
  // One try, and one more when the status that tells of it comes back.
  expect(creations()).toBeLessThanOrEqual(2);
  expect(rs().status!.conditions).toMatchObject([
    { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'exceeded quota' },
  ]);
  expect(cluster.events('web', 'FailedCreate')).toEqual(['Error creating: exceeded quota']);
  cluster.server.intercept = undefined;
  await cluster.clock.advance(1000);
  expect(cluster.pods()).toHaveLength(100);
  expect(rs().status!.conditions).toBeUndefined();
});

it('adopts orphans that it selects, and releases what it selects no longer', async () => {
  const orphan = cluster.server.seed(resources.pods, makePod('orphan', { labels: { app: 'web' } }));
  await settle();
  await create(1);
  expect(cluster.podsOf('web').map((pod) => pod.metadata!.name)).toEqual([orphan.metadata!.name]);
  cluster.server.change(resources.pods, 'default', 'orphan', (pod) => (pod.metadata!.labels = { app: 'debug' }));
  await settle();
  expect(cluster.server.find(resources.pods, 'default', 'orphan')!.metadata!.ownerReferences).toEqual([]);
  expect(cluster.podsOf('web')).toHaveLength(1);
});

it('counts a pod as available only after minReadySeconds', async () => {
  await create(1, { minReadySeconds: 30 });
  await cluster.readyAll();
  expect(rs().status).toMatchObject({ readyReplicas: 1 });
  expect(rs().status!.availableReplicas).toBeUndefined();
  await cluster.clock.advance(30_000);
  expect(rs().status).toMatchObject({ availableReplicas: 1 });
});

it('a replication controller does the same', async () => {
  const { spec } = makeReplicaSet('old', 2);
  await cluster.client.of(resources.replicationControllers).create({
    metadata: { name: 'old', namespace: 'default' },
    spec: { replicas: 2, selector: { app: 'old' }, template: spec!.template },
  });
  await settle();
  await cluster.readyAll();
  const rc = () => cluster.server.find(resources.replicationControllers, 'default', 'old')!;
  expect(cluster.podsOf('old').map((pod) => pod.metadata!.ownerReferences![0]!.kind)).toEqual([
    'ReplicationController',
    'ReplicationController',
  ]);
  expect(rc().status).toEqual({
    replicas: 2,
    fullyLabeledReplicas: 2,
    readyReplicas: 2,
    availableReplicas: 2,
    observedGeneration: 1,
  });
  await cluster.client.of(resources.replicationControllers).patch('default', 'old', 'merge', { spec: { replicas: 1 } });
  await settle();
  await cluster.reap();
  expect(cluster.podsOf('old')).toHaveLength(1);
});

describe('of too many pods', () => {
  const now = Date.parse('2026-01-01T01:00:00Z');
  const candidate = (name: string, node?: string, ready?: string, annotations?: Record<string, string>) => ({
    ...makePod(name, { annotations }, { nodeName: node }),
    metadata: { name, uid: name, namespace: 'default', annotations, creationTimestamp: '2026-01-01T00:00:00Z' },
    status: {
      phase: node ? 'Running' : 'Pending',
      conditions: ready ? [{ type: 'Ready', status: 'True', lastTransitionTime: ready }] : [],
    },
  });
  const first = (...pods: ReturnType<typeof candidate>[]) =>
    podsToDelete(pods, pods, 1, now).map((pod) => pod.metadata!.name);

  it('one without a node goes first', () => {
    expect(first(candidate('a', 'n'), candidate('b'))).toEqual(['b']);
  });
  it('one that is not ready goes before one that is', () => {
    expect(first(candidate('a', 'n', '2026-01-01T00:00:10Z'), candidate('b', 'm'))).toEqual(['b']);
  });
  it('the cheaper one goes first, where costs are given', () => {
    const cost = { 'controller.kubernetes.io/pod-deletion-cost': '-5' };
    const at = '2026-01-01T00:00:10Z';
    expect(first(candidate('a', 'n', at), candidate('b', 'm', at, cost))).toEqual(['b']);
  });
  it('one on the more crowded node goes first', () => {
    const at = '2026-01-01T00:00:10Z';
    expect(first(candidate('a', 'n', at), candidate('b', 'm', at), candidate('c', 'm', at))).toEqual(['b']);
  });
  it('the one that became ready last goes first', () => {
    expect(first(candidate('a', 'n', '2026-01-01T00:00:10Z'), candidate('b', 'm', '2026-01-01T00:59:50Z'))).toEqual([
      'b',
    ]);
  });
});
