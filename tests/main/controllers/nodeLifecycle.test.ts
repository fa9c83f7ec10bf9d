import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Node } from '../../../main/api/index.ts';
import { microTimestamp, timestamp } from '../../../main/api/meta.ts';
import { resources } from '../../../main/client/index.ts';
import { NodeLifecycleController } from '../../../main/controllers/nodeLifecycle.ts';
import { PodGCController } from '../../../main/controllers/podGC.ts';
import { TaintEvictionController, toleratedFor } from '../../../main/controllers/taintEviction.ts';
import { settle } from '../../support/fakeClock.ts';
import { makeNode, makePod } from '../../support/objects.ts';
import { Cluster } from './harness.ts';

let cluster: Cluster;
const silent = new Set<string>();
const names = ['node-1', 'node-2', 'node-3'];

beforeEach(async () => {
  cluster = new Cluster();
  silent.clear();
  for (const name of names) {
    cluster.server.seed(resources.nodes, makeNode(name));
    cluster.server.seed(resources.leases, { metadata: { name, namespace: 'kube-node-lease' }, spec: {} });
  }
  await cluster.start(NodeLifecycleController, TaintEvictionController, PodGCController);
});
afterEach(() => cluster.stop());

const node = (name: string): Node => cluster.server.find(resources.nodes, '', name)!;
const taints = (name: string) => (node(name).spec!.taints ?? []).map((taint) => `${taint.key}:${taint.effect}`).sort();
const ready = (name: string) => node(name).status!.conditions!.find((c) => c.type === 'Ready');
const pod = (name: string) => cluster.server.find(resources.pods, 'default', name);

/** Time passes, in which every node that is not silent renews its lease. */
async function pass(seconds: number): Promise<void> {
  for (let i = 0; i < seconds; i += 10) {
    for (const name of names) {
      if (silent.has(name) || !cluster.server.find(resources.nodes, '', name)) continue;
      cluster.server.change(resources.leases, 'kube-node-lease', name, (lease) => {
        lease.spec!.renewTime = microTimestamp(cluster.clock.now());
      });
    }
    await settle();
    await cluster.clock.advance(10_000);
  }
}

const tolerating = (seconds: number) => ({
  nodeName: 'node-1',
  tolerations: ['not-ready', 'unreachable'].map((what) => ({
    key: `node.kubernetes.io/${what}`,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: seconds,
  })),
});

describe('a node that has fallen silent', () => {
  it('is unknown after the grace period, tainted, and loses its pods when they no longer tolerate it', async () => {
    cluster.server.seed(resources.pods, makePod('patient', {}, tolerating(300)));
    cluster.server.seed(resources.pods, makePod('strict', {}, { nodeName: 'node-1' }));
    await pass(30);
    silent.add('node-1');
    await pass(40);
    expect(ready('node-1')!.status).toBe('True');
    await pass(40);
    expect(ready('node-1')).toMatchObject({
      status: 'Unknown',
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
    });
    expect(taints('node-1')).toEqual([
      'node.kubernetes.io/unreachable:NoExecute',
      'node.kubernetes.io/unreachable:NoSchedule',
    ]);
    expect(cluster.events('node-1', 'NodeNotReady')).toEqual(['Node node-1 status is now: NodeNotReady']);
    expect(pod('strict')!.metadata!.deletionTimestamp).toBeDefined();
    expect(pod('strict')!.status!.conditions).toMatchObject([
      { type: 'DisruptionTarget', reason: 'DeletionByTaintManager' },
    ]);
    expect(pod('patient')!.metadata!.deletionTimestamp).toBeUndefined();
    await pass(300);
    expect(pod('patient')!.metadata!.deletionTimestamp).toBeDefined();
    expect(taints('node-2')).toEqual([]);
  });

  it('keeps its pods when it is heard again in time', async () => {
    cluster.server.seed(resources.pods, makePod('patient', {}, tolerating(300)));
    silent.add('node-1');
    await pass(90);
    expect(taints('node-1')).toHaveLength(2);
    silent.clear();
    cluster.server.change(resources.nodes, '', 'node-1', (n) => {
      Object.assign(
        n.status!.conditions!.find((c) => c.type === 'Ready')!,
        { status: 'True', lastHeartbeatTime: 'later' },
      );
    });
    await pass(400);
    expect(taints('node-1')).toEqual([]);
    expect(pod('patient')!.metadata!.deletionTimestamp).toBeUndefined();
    expect(cluster.events('patient')).toEqual(['Cancelling deletion of Pod default/patient']);
  });

  it('loses a pod when it was to, whatever the pod tolerates by then', async () => {
    cluster.server.seed(resources.pods, makePod('patient', {}, tolerating(300)));
    silent.add('node-1');
    await pass(100);
    cluster.server.change(resources.pods, 'default', 'patient', (p) => {
      for (const toleration of p.spec!.tolerations!) toleration.tolerationSeconds = 3000;
    });
    await pass(300);
    expect(pod('patient')!.metadata!.deletionTimestamp).toBeDefined();
  });

  it('says of a pod that went by itself that it is not waited for any more', async () => {
    cluster.server.seed(resources.pods, makePod('patient', {}, tolerating(300)));
    silent.add('node-1');
    await pass(100);
    cluster.server.drop(resources.pods, 'default', 'patient');
    await settle();
    expect(cluster.events('patient')).toEqual(['Cancelling deletion of Pod default/patient']);
  });

  it('is unknown at once when it has never said anything, and was made long before this began', async () => {
    const creationTimestamp = timestamp(cluster.clock.now() - 3_600_000);
    cluster.server.seed(resources.nodes, { metadata: { name: 'mute', creationTimestamp }, spec: {}, status: {} });
    await pass(10);
    expect(ready('mute')).toMatchObject({ status: 'Unknown', reason: 'NodeStatusNeverUpdated', lastHeartbeatTime: creationTimestamp });
  });

  it('evicts nobody when every node is silent: it is we who do not hear', async () => {
    cluster.server.seed(resources.pods, makePod('strict', {}, { nodeName: 'node-1' }));
    for (const name of names) silent.add(name);
    await pass(200);
    expect(ready('node-1')!.status).toBe('Unknown');
    expect(taints('node-1')).toEqual(['node.kubernetes.io/unreachable:NoSchedule']);
    expect(pod('strict')!.metadata!.deletionTimestamp).toBeUndefined();
  });

  it('takes back what it has begun when all others fall silent as well', async () => {
    cluster.server.seed(resources.pods, makePod('patient', {}, tolerating(300)));
    silent.add('node-1');
    await pass(100);
    expect(taints('node-1')).toContain('node.kubernetes.io/unreachable:NoExecute');
    for (const name of names) silent.add(name);
    await pass(400);
    expect(taints('node-1')).toEqual(['node.kubernetes.io/unreachable:NoSchedule']);
    expect(pod('patient')!.metadata!.deletionTimestamp).toBeUndefined();
    expect(cluster.events('patient')).toContain('Cancelling deletion of Pod default/patient');
  });
});

it('a cordoned node is tainted at once, and cleared when it is uncordoned', async () => {
  cluster.server.change(resources.nodes, '', 'node-1', (n) => (n.spec!.unschedulable = true));
  await settle();
  const tainted = [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule', timeAdded: timestamp(cluster.clock.now()) }];
  expect(node('node-1').spec!.taints).toEqual(tainted);
  await pass(30);
  expect(node('node-1').spec!.taints).toEqual(tainted);
  cluster.server.change(resources.nodes, '', 'node-1', (n) => delete n.spec!.unschedulable);
  await settle();
  expect(taints('node-1')).toEqual([]);
});

it('pods of a node that only the cache does not know stay', async () => {
  cluster.server.pause(resources.nodes);
  cluster.server.seed(resources.nodes, makeNode('node-late'));
  cluster.server.seed(resources.pods, makePod('early', {}, { nodeName: 'node-late' }));
  await cluster.clock.advance(100_000);
  expect(pod('early')!.metadata!.deletionTimestamp).toBeUndefined();
  cluster.server.resume();
});

it('pods of a node that is gone are deleted, after a while to make sure', async () => {
  cluster.server.seed(resources.pods, makePod('left', {}, { nodeName: 'node-3' }));
  await pass(10);
  cluster.server.drop(resources.nodes, '', 'node-3');
  await pass(30);
  expect(pod('left')).toBeDefined();
  await pass(40);
  expect(pod('left')).toBeUndefined();
});

it('a pod that was to go before its node was gone keeps the time since when, and says why now', async () => {
  const told = { type: 'DisruptionTarget', status: 'True', reason: 'DeletionByTaintManager', message: 'Taint manager: deleting due to NoExecute taint', lastTransitionTime: '2020-01-01T00:00:00Z' };
  cluster.server.seed(resources.pods, { ...makePod('left', {}, { nodeName: 'node-3' }), status: { phase: 'Running', conditions: [told] } });
  cluster.server.change(resources.pods, 'default', 'left', ({ metadata }) => (metadata!.finalizers = ['example.com/kept']));
  cluster.server.drop(resources.nodes, '', 'node-3');
  await pass(80);
  expect(pod('left')!.status).toMatchObject({ phase: 'Failed', conditions: [{ ...told, reason: 'DeletionByPodGC', message: 'PodGC: node no longer exists' }] });
});

it('pods of a silent node are not ready, even if that could not be written at first', async () => {
  cluster.server.seed(resources.pods, { ...makePod('web', {}, tolerating(300)), status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } });
  let refusals = 1;
  cluster.server.intercept = ({ method, path }) => {
    if (method === 'PATCH' && path.endsWith('/pods/web/status') && refusals-- > 0) throw new Error('no');
  };
  silent.add('node-1');
  await pass(80);
  expect(pod('web')!.status!.conditions).toMatchObject([{ type: 'Ready', status: 'False' }]);
});

it('a pod that comes to a silent node is not ready there', async () => {
  silent.add('node-1');
  await pass(80);
  cluster.server.seed(resources.pods, { ...makePod('late', {}, tolerating(300)), status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } });
  await settle();
  expect(pod('late')!.status!.conditions).toMatchObject([{ type: 'Ready', status: 'False' }]);
});

it('a node has the labels that older clients look for, the same as the stable ones', async () => {
  cluster.server.change(resources.nodes, '', 'node-1', (n) => Object.assign(n.metadata!.labels!, { 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'arm64', 'beta.kubernetes.io/arch': 'amd64' }));
  await settle();
  expect(node('node-1').metadata!.labels).toMatchObject({ 'beta.kubernetes.io/os': 'linux', 'beta.kubernetes.io/arch': 'arm64' });
  expect(node('node-2').metadata!.labels).not.toHaveProperty(['beta.kubernetes.io/os']);
});

describe('a node that is said to be out of service', () => {
  const outOfService = () =>
    cluster.server.change(resources.nodes, '', 'node-3', (n) => (n.spec!.taints = [{ key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' }]));
  const seedGoing = () => {
    const { metadata, ...rest } = makePod('going', {}, { nodeName: 'node-3' });
    const going = { deletionTimestamp: timestamp(cluster.clock.now()), deletionGracePeriodSeconds: 600, finalizers: ['example.com/kept'] };
    cluster.server.seed(resources.pods, { ...rest, metadata: { ...metadata, ...going } });
  };
  const tolerant = { tolerations: [{ operator: 'Exists' }] };

  it('keeps pods that are ending as long as it is ready', async () => {
    seedGoing();
    outOfService();
    await pass(30);
    expect(pod('going')!.status?.phase).not.toBe('Failed');
    cluster.server.seed(resources.pods, makePod('tolerant', {}, { nodeName: 'node-3', ...tolerant }));
    await pass(30);
    expect(pod('tolerant')).toBeDefined();
  });

  it('loses them at once when it is not', async () => {
    seedGoing();
    outOfService();
    cluster.server.change(resources.nodes, '', 'node-3', (n) => (n.status!.conditions!.find(({ type }) => type === 'Ready')!.status = 'False'));
    await pass(30);
    expect(pod('going')!.status!.phase).toBe('Failed');
  });
});

it('of too many finished pods the evicted go first, then the oldest', async () => {
  const finished = (name: string, creationTimestamp: string, reason?: string) => {
    const { metadata, ...rest } = makePod(name);
    cluster.server.seed(resources.pods, { ...rest, metadata: { ...metadata, creationTimestamp }, status: { phase: 'Failed', ...(reason ? { reason } : {}) } });
  };
  finished('oldest', '2020-01-01T00:00:00Z');
  finished('evicted', '2025-01-01T00:00:00Z', 'Evicted');
  for (let i = 0; i < 12_499; i++) finished(`other-${i}`, '2024-01-01T00:00:00Z');
  await pass(30);
  expect(pod('evicted')).toBeUndefined();
  expect(pod('oldest')).toBeDefined();
});

it('of several tolerations of a taint the first says for how long', () => {
  const taint = { key: 'gone', effect: 'NoExecute' };
  const [always, briefly] = [{ operator: 'Exists' }, { key: 'gone', operator: 'Exists', tolerationSeconds: 10 }];
  expect(toleratedFor(makePod('p', {}, { tolerations: [always, briefly] }), [taint])).toBe(Infinity);
  expect(toleratedFor(makePod('p', {}, { tolerations: [briefly, always] }), [taint])).toBe(10_000);
  expect(toleratedFor(makePod('p', {}, { tolerations: [{ key: 'other', operator: 'Exists' }] }), [taint])).toBeUndefined();
});
