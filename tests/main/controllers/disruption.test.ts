import { afterEach, beforeEach, expect, it } from 'vitest';
import type { PodDisruptionBudgetSpec } from '../../../main/api/index.ts';
import { timestamp } from '../../../main/api/meta.ts';
import { resources } from '../../../main/client/index.ts';
import { DeploymentController } from '../../../main/controllers/deployment.ts';
import { DisruptionController } from '../../../main/controllers/disruption/disruptionController.ts';
import { ReplicaSetController } from '../../../main/controllers/replicaSet.ts';
import { settle } from '../../support/fakeClock.ts';
import { makeDeployment, makePod } from '../../support/objects.ts';
import { Cluster } from './harness.ts';

let cluster: Cluster;
beforeEach(async () => {
  cluster = new Cluster();
  await cluster.start(DeploymentController, ReplicaSetController, DisruptionController);
});
afterEach(() => cluster.stop());

const budget = () => cluster.server.find(resources.podDisruptionBudgets, 'default', 'web')!;
const condition = () => budget().status!.conditions!.map(({ type, status, reason }) => `${type}=${status} ${reason}`);

async function create(spec: PodDisruptionBudgetSpec): Promise<void> {
  await cluster.client.of(resources.podDisruptionBudgets).create({
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { matchLabels: { app: 'web' } }, ...spec },
  });
  await settle(30);
}

async function deploy(replicas: number): Promise<void> {
  await cluster.client.of(resources.deployments).create(makeDeployment('web', replicas));
  await settle(30);
  await cluster.readyAll();
  await settle(30);
}

it('a budget allows as many evictions as pods are to spare', async () => {
  await deploy(4);
  await create({ minAvailable: 3 });
  expect(budget().status).toMatchObject({
    currentHealthy: 4,
    desiredHealthy: 3,
    expectedPods: 4,
    disruptionsAllowed: 1,
    observedGeneration: 1,
  });
  expect(condition()).toEqual(['DisruptionAllowed=True SufficientPods']);
  cluster.server.change(resources.pods, 'default', cluster.pods()[0]!.metadata!.name!, (pod) => {
    pod.status!.conditions = [{ type: 'Ready', status: 'False' }];
  });
  await settle(30);
  expect(budget().status).toMatchObject({ currentHealthy: 3, disruptionsAllowed: 0 });
  expect(condition()).toEqual(['DisruptionAllowed=False InsufficientPods']);
});

it('shares are shares of what the deployment wants, not of what there is', async () => {
  await deploy(4);
  await create({ maxUnavailable: '25%' });
  expect(budget().status).toMatchObject({ desiredHealthy: 3, expectedPods: 4, disruptionsAllowed: 1 });
  const [pod] = cluster.pods();
  await cluster.client.of(resources.pods).delete('default', pod!.metadata!.name!);
  await settle(30);
  expect(budget().status).toMatchObject({ currentHealthy: 3, expectedPods: 4, disruptionsAllowed: 0 });
});

it('an evicted pod counts as gone at once; one that does not go counts again later', async () => {
  await deploy(3);
  await create({ minAvailable: 1 });
  const { name } = cluster.pods()[0]!.metadata!;
  cluster.server.change(resources.podDisruptionBudgets, 'default', 'web', (pdb) => {
    pdb.status!.disruptedPods = { [name!]: timestamp(cluster.clock.now()) };
  });
  await settle(30);
  expect(budget().status).toMatchObject({ currentHealthy: 2, disruptionsAllowed: 1 });
  await cluster.clock.advance(121_000);
  expect(budget().status).toMatchObject({ currentHealthy: 3, disruptionsAllowed: 2 });
  expect(budget().status!.disruptedPods).toBeUndefined();
});

it('where nobody knows how many pods there should be, none may be evicted', async () => {
  const owner = { apiVersion: 'example.com/v1', kind: 'Thing', name: 'x', uid: 'x', controller: true };
  const pod = makePod('web-1', { labels: { app: 'web' } });
  cluster.server.seed(resources.pods, { ...pod, metadata: { ...pod.metadata, ownerReferences: [owner] } });
  await settle();
  await create({ maxUnavailable: 1 });
  expect(budget().status).toMatchObject({ disruptionsAllowed: 0 });
  expect(condition()).toEqual(['DisruptionAllowed=False SyncFailed']);
  expect(cluster.events('web', 'CalculateExpectedPodCountFailed')).toEqual([
    'Failed to calculate the number of expected pods: found no controllers for pod "web-1"',
  ]);
});

it('a pod that was to be disrupted and was not, says so no longer', async () => {
  cluster.server.seed(resources.pods, {
    ...makePod('web-1'),
    status: {
      phase: 'Running',
      conditions: [{ type: 'DisruptionTarget', status: 'True', lastTransitionTime: timestamp(cluster.clock.now()) }],
    },
  });
  await settle();
  await cluster.clock.advance(121_000);
  expect(cluster.pods()[0]!.status!.conditions).toMatchObject([{ type: 'DisruptionTarget', status: 'False' }]);
});

it('a pod that two budgets cover says so', async () => {
  await create({ minAvailable: 1 });
  await cluster.client.of(resources.podDisruptionBudgets).create({ metadata: { name: 'all', namespace: 'default' }, spec: { minAvailable: 1, selector: {} } });
  await settle(30);
  await deploy(1);
  const [pod] = cluster.pods();
  const { name } = pod!.metadata!;
  const told = cluster.events(name!, 'MultiplePodDisruptionBudgets');
  expect(told).toHaveLength(1);
  expect(told[0]).toMatch(new RegExp(`^Pod "default"/"${name}" matches multiple PodDisruptionBudgets\\.  Chose "(web|all)" arbitrarily\\.$`));
});

it('a budget without pods says so under the name that upstream has for who says it', async () => {
  await create({ minAvailable: 1 });
  const [event] = cluster.server.all(resources.events).filter(({ involvedObject }) => involvedObject.name === 'web');
  expect(event).toMatchObject({ reason: 'NoPods', message: 'No matching pods found', source: { component: 'controllermanager' } });
});
