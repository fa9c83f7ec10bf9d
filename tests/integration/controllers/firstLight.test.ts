import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Deployment, Pod } from '../../../main/api/index.ts';
import { controllerOf, timestamp } from '../../../main/api/meta.ts';
import { isNotFound } from '../../../main/api/status.ts';
import { InformerFactory, resources, type Client } from '../../../main/client/index.ts';
import { startControllers, type RunningControllers } from '../../../main/controllers/index.ts';
import { Scheduler } from '../../../main/scheduler/index.ts';
import { noLog } from '../../../main/util/log.ts';
import { TestCluster } from '../../main/apiserver/registry/testCluster.ts';
import { settle } from '../../support/fakeClock.ts';
import { makeNode, makeService, seededRandom } from '../../support/objects.ts';

let cluster: TestCluster;
let client: Client;
let informers: InformerFactory;
let controllers: RunningControllers;
let scheduler: Scheduler;

beforeEach(async () => {
  cluster = await TestCluster.start();
  client = cluster.client();
  const { clock } = cluster;
  for (const name of ['default', 'kube-node-lease'])
    await client.of(resources.namespaces).create({ metadata: { name } });
  const node = makeNode('node-1');
  await client.of(resources.nodes).create(node);
  await client.of(resources.nodes).patch('', 'node-1', 'merge', { status: node.status }, { subresource: 'status' });
  informers = new InformerFactory(client, clock, noLog);
  const shared = { client, informers, clock, random: seededRandom(), log: noLog };
  controllers = startControllers({ ...shared, rootCA: 'PEM' });
  scheduler = new Scheduler(shared);
  await Promise.all([controllers.ready, scheduler.start()]);
  await rest();
});

afterEach(async () => {
  informers.stop();
  await scheduler.stop();
  await controllers.stop();
  await cluster.close();
});

/** Until everything that is under way has come to rest. */
async function rest(): Promise<void> {
  for (let revision = -1; revision !== cluster.store.revision;) {
    revision = cluster.store.revision;
    await settle(60);
    await cluster.clock.advance(20);
  }
}

const pods = async (): Promise<Pod[]> => (await client.of(resources.pods).list('default')).items;

/** What the kubelet does: pods run and are ready, and those that are to go are gone. */
async function live(): Promise<void> {
  for (const pod of await pods()) {
    const { name, deletionTimestamp } = pod.metadata!;
    if (deletionTimestamp) await client.of(resources.pods).delete('default', name!, { gracePeriodSeconds: 0 });
    else if (pod.spec!.nodeName && pod.status?.phase === 'Pending') {
      const ip = `10.244.1.${(cluster.store.revision % 250) + 1}`;
      const ready = { type: 'Ready', status: 'True', lastTransitionTime: timestamp(cluster.clock.now()) };
      const status = { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions: [ready] };
      await client.of(resources.pods).patch('default', name!, 'strategic', { status }, { subresource: 'status' });
    }
  }
  await rest();
}

async function roll(): Promise<void> {
  for (let i = 0; i < 12; i++) await live();
}

const web = (): Promise<Deployment> => client.of(resources.deployments).get('default', 'web');

async function createWeb(replicas = 3): Promise<void> {
  const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'web:1' }] } };
  const spec = { replicas, selector: { matchLabels: { app: 'web' } }, template };
  await client.of(resources.deployments).create({ metadata: { name: 'web', namespace: 'default' }, spec });
  await rest();
}

it('a deployment becomes pods on nodes, and available', async () => {
  await createWeb();
  expect((await pods()).map((pod) => pod.spec!.nodeName)).toEqual(['node-1', 'node-1', 'node-1']);
  await roll();
  expect((await web()).status).toMatchObject({
    replicas: 3,
    readyReplicas: 3,
    availableReplicas: 3,
    updatedReplicas: 3,
  });
  expect((await web()).metadata!.annotations).toMatchObject({ 'deployment.kubernetes.io/revision': '1' });
  const revision = cluster.store.revision;
  await rest();
  expect(cluster.store.revision).toBe(revision);
});

it('a service finds them', async () => {
  await client
    .of(resources.services)
    .create({ ...makeService('web', { clusterIP: undefined, clusterIPs: undefined }) });
  await createWeb(2);
  await roll();
  const { items } = await client
    .of(resources.endpointSlices)
    .list('default', { labelSelector: 'kubernetes.io/service-name=web' });
  expect(items).toHaveLength(1);
  expect(items[0]!.endpoints).toHaveLength(2);
  const endpoints = await client.of(resources.endpoints).get('default', 'web');
  expect(endpoints.subsets![0]!.addresses).toHaveLength(2);
});

it('a new image rolls out, and undoing it rolls back', async () => {
  await createWeb(2);
  await roll();
  const setImage = async (image: string) => {
    const template = { spec: { containers: [{ name: 'web', image }] } };
    await client.of(resources.deployments).patch('default', 'web', 'strategic', { spec: { template } });
    await rest();
    await roll();
  };
  await setImage('web:2');
  expect((await pods()).map((pod) => pod.spec!.containers[0]!.image)).toEqual(['web:2', 'web:2']);
  await setImage('web:1');
  expect((await pods()).map((pod) => pod.spec!.containers[0]!.image)).toEqual(['web:1', 'web:1']);
  expect((await client.of(resources.replicaSets).list('default')).items).toHaveLength(2);
  expect((await web()).metadata!.annotations).toMatchObject({ 'deployment.kubernetes.io/revision': '3' });
});

it('a deleted deployment takes its replica sets and pods along', async () => {
  await createWeb(2);
  await roll();
  await client.of(resources.deployments).delete('default', 'web');
  await roll();
  expect(await pods()).toEqual([]);
  expect((await client.of(resources.replicaSets).list('default')).items).toEqual([]);
});

it('a deleted namespace goes with everything in it', async () => {
  await client.of(resources.namespaces).create({ metadata: { name: 'shop' } });
  await rest();
  expect((await client.of(resources.configMaps).get('shop', 'kube-root-ca.crt')).data).toEqual({ 'ca.crt': 'PEM' });
  await client.of(resources.serviceAccounts).get('shop', 'default');
  await client.of(resources.namespaces).delete('', 'shop');
  await rest();
  await expect(client.of(resources.namespaces).get('', 'shop')).rejects.toSatisfy(isNotFound);
});

it('every write says who made it, and because of what', async () => {
  await createWeb(1);
  const history = await cluster.store.history({ after: 0 });
  const of = (kind: string) => history.find((event) => event.entry.key.includes(`/${kind}/`) && !event.previous)!.entry;
  const [deployment, replicaSet] = [of('deployments'), of('replicasets')];
  const pod = history.find((event) => event.entry.value.includes('"kind":"Pod"') && !event.previous)!.entry;
  expect(replicaSet.cause).toEqual({ who: 'test/deployment-controller', revision: deployment.modRevision });
  expect(pod.cause).toEqual({ who: 'test/replicaset-controller', revision: replicaSet.modRevision });
  expect(controllerOf(JSON.parse(pod.value) as Pod)!.kind).toBe('ReplicaSet');
});
