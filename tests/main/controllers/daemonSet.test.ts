import { afterEach, beforeEach, expect, it } from 'vitest';
import type { DaemonSetSpec } from '../../../main/api/index.ts';
import { resources } from '../../../main/client/index.ts';
import { DaemonSetController } from '../../../main/controllers/daemonSet/daemonSetController.ts';
import { targetNode } from '../../../main/controllers/daemonSet/nodes.ts';
import { settle } from '../../support/fakeClock.ts';
import { makeNode, type NodeShape } from '../../support/objects.ts';
import { Cluster } from './harness.ts';

let cluster: Cluster;
beforeEach(async () => {
  cluster = new Cluster();
  await cluster.start(DaemonSetController);
  for (const name of ['a', 'b', 'c']) await addNode(name);
});
afterEach(() => cluster.stop());

async function addNode(name: string, shape: NodeShape = {}): Promise<void> {
  cluster.server.seed(resources.nodes, makeNode(name, shape));
  await settle();
}

const set = () => cluster.server.find(resources.daemonSets, 'default', 'agent')!;
const pods = () => cluster.podsOf('agent').filter((pod) => !pod.metadata!.deletionTimestamp);
const nodes = () => pods().map(targetNode).sort();
const onNode = (name: string) => pods().filter((pod) => targetNode(pod) === name);
const images = () =>
  pods()
    .map((pod) => pod.spec!.containers[0]!.image)
    .sort();
const setTaints = async (name: string, taints: NodeShape['taints']) => {
  cluster.server.change(resources.nodes, '', name, (node) => (node.spec!.taints = taints));
  await settle(30);
};

async function create(spec: Partial<DaemonSetSpec> = {}): Promise<void> {
  await cluster.client.of(resources.daemonSets).create({
    metadata: { name: 'agent', namespace: 'default' },
    spec: {
      selector: { matchLabels: { app: 'agent' } },
      template: { metadata: { labels: { app: 'agent' } }, spec: { containers: [{ name: 'main', image: 'agent:1' }] } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
      revisionHistoryLimit: 10,
      ...spec,
    },
  });
  await settle(30);
}

async function setImage(image: string): Promise<void> {
  const template = { spec: { containers: [{ name: 'main', image }] } };
  await cluster.client.of(resources.daemonSets).patch('default', 'agent', 'merge', { spec: { template } });
  await settle(30);
}

/** Scheduler and kubelet do their part. */
async function live(rounds = 1): Promise<void> {
  for (let i = 0; i < rounds; i++) {
    for (const pod of pods()) if (pod.status?.phase === 'Pending') cluster.ready(pod, targetNode(pod));
    await cluster.reap();
    await settle(30);
  }
}

it('a pod comes onto every node, also one that comes later, and goes with what keeps it off', async () => {
  await create();
  expect(nodes()).toEqual(['a', 'b', 'c']);
  await live();
  expect(set().status).toMatchObject({
    desiredNumberScheduled: 3,
    currentNumberScheduled: 3,
    numberReady: 3,
    numberAvailable: 3,
    updatedNumberScheduled: 3,
    numberMisscheduled: 0,
    observedGeneration: 1,
  });
  await addNode('d');
  expect(nodes()).toEqual(['a', 'b', 'c', 'd']);
  await setTaints('a', [{ key: 'gone', effect: 'NoExecute' }]);
  expect(nodes()).toEqual(['b', 'c', 'd']);
});

it('a pod stays where only new ones are kept off, and counts as misplaced', async () => {
  await create();
  await live();
  await setTaints('b', [{ key: 'full', effect: 'NoSchedule' }]);
  expect(nodes()).toEqual(['a', 'b', 'c']);
  expect(set().status).toMatchObject({ desiredNumberScheduled: 2, numberMisscheduled: 1 });
});

it('a pod bears what is wrong with its node', async () => {
  await setTaints('a', [
    { key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' },
    { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' },
  ]);
  await create();
  expect(nodes()).toEqual(['a', 'b', 'c']);
  expect(onNode('a')[0]!.spec!.tolerations!.map(({ key }) => key)).toContain('node.kubernetes.io/disk-pressure');
});

it('a node selector chooses the nodes', async () => {
  await addNode('d', { labels: { disk: 'ssd' } });
  const template = {
    metadata: { labels: { app: 'agent' } },
    spec: { nodeSelector: { disk: 'ssd' }, containers: [{ name: 'main', image: 'agent:1' }] },
  };
  await create({ template });
  expect(nodes()).toEqual(['d']);
});

it('a deleted pod is replaced once it is gone, a failed one ever more slowly', async () => {
  await create();
  await live();
  const fail = async () => {
    cluster.server.change(
      resources.pods,
      'default',
      onNode('a')[0]!.metadata!.name!,
      (pod) => (pod.status = { phase: 'Failed' }),
    );
    await settle();
  };
  await fail();
  expect(onNode('a')).toHaveLength(1);
  expect(onNode('a')[0]!.status!.phase).toBe('Pending');
  expect(cluster.events('agent', 'FailedDaemonPod')).toHaveLength(1);
  await live();
  await fail();
  expect(onNode('a')[0]!.status!.phase).toBe('Failed');
  await cluster.clock.advance(1_000);
  expect(onNode('a').map((pod) => pod.status!.phase)).toEqual(['Pending']);
});

it('an update replaces the pods of one node after the other', async () => {
  await create();
  await live();
  await setImage('agent:2');
  expect(images()).toEqual(['agent:1', 'agent:1']);
  await cluster.reap();
  expect(images()).toEqual(['agent:1', 'agent:1', 'agent:2']);
  await live();
  expect(images()).toEqual(['agent:1', 'agent:2']);
  await live(5);
  expect(images()).toEqual(['agent:2', 'agent:2', 'agent:2']);
  expect(set().status).toMatchObject({ updatedNumberScheduled: 3, numberAvailable: 3, observedGeneration: 2 });
  expect(cluster.server.all(resources.controllerRevisions).map(({ revision }) => revision)).toEqual([1, 2]);
});

it('an update with a surge lets the new pod come first', async () => {
  await create({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } });
  await live();
  await setImage('agent:2');
  expect(images()).toEqual(['agent:1', 'agent:1', 'agent:1', 'agent:2']);
  await live(6);
  expect(images()).toEqual(['agent:2', 'agent:2', 'agent:2']);
});

it('an update on delete waits for the user', async () => {
  await create({ updateStrategy: { type: 'OnDelete' } });
  await live();
  await setImage('agent:2');
  await live(2);
  expect(images()).toEqual(['agent:1', 'agent:1', 'agent:1']);
  await cluster.client.of(resources.pods).delete('default', onNode('b')[0]!.metadata!.name!);
  await live(2);
  expect(images()).toEqual(['agent:1', 'agent:1', 'agent:2']);
});

it('of old revisions only so many are kept, those included that pods still have', async () => {
  await create({ updateStrategy: { type: 'OnDelete' }, revisionHistoryLimit: 1 });
  await live();
  const kept = () =>
    cluster.server
      .all(resources.controllerRevisions)
      .map(({ data }) => JSON.stringify(data).match(/agent:\d/)![0])
      .sort();
  await setImage('agent:2');
  expect(kept()).toEqual(['agent:1', 'agent:2']);
  await setImage('agent:3');
  // Pods have the first one: the second has to go for it.
  expect(kept()).toEqual(['agent:1', 'agent:3']);
});

it('does not create twice while its cache lags behind', async () => {
  cluster.server.pause();
  await create();
  cluster.server.resume();
  await settle(30);
  expect(nodes()).toEqual(['a', 'b', 'c']);
});

it('a revision keeps the template as Go writes it: clients compare it letter by letter', async () => {
  await create();
  const [revision] = cluster.server.all(resources.controllerRevisions);
  expect(JSON.stringify(revision!.data)).toBe(
    '{"spec":{"template":{"$patch":"replace","metadata":{"labels":{"app":"agent"}},"spec":{"containers":[{"image":"agent:1","name":"main"}]}}}}',
  );
});

it('a daemon is bound to its node by name alone: which nodes its template wants has been decided', async () => {
  cluster.server.change(resources.nodes, '', 'b', (node) => (node.metadata!.labels = { disk: 'ssd' }));
  const ssd = { nodeSelectorTerms: [{ matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }] }] };
  const spec = { containers: [{ name: 'main', image: 'agent:1' }], affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: ssd } } };
  await create({ template: { metadata: { labels: { app: 'agent' } }, spec } });
  expect(pods().map((pod) => pod.spec!.affinity!.nodeAffinity)).toEqual([
    { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['b'] }] }] } },
  ]);
});
