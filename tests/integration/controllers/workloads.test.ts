import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Pod, PodSpec } from '../../../main/api/index.ts';
import { timestamp } from '../../../main/api/meta.ts';
import { bootstrapCluster } from '../../../main/bootstrap/index.ts';
import { InformerFactory, resources, type Client } from '../../../main/client/index.ts';
import { startControllers, type RunningControllers } from '../../../main/controllers/index.ts';
import { Scheduler } from '../../../main/scheduler/index.ts';
import { noLog } from '../../../main/util/log.ts';
import { TestCluster } from '../../main/apiserver/registry/testCluster.ts';
import { settle } from '../../support/fakeClock.ts';
import { makeNode, seededRandom } from '../../support/objects.ts';

let cluster: TestCluster;
let client: Client;
let informers: InformerFactory;
let controllers: RunningControllers;
let scheduler: Scheduler;
let removedVolumes: string[];

beforeEach(async () => {
  cluster = await TestCluster.start();
  client = cluster.client();
  const { clock } = cluster;
  await bootstrapCluster(client);
  for (const name of ['node-1', 'node-2']) {
    const node = makeNode(name);
    await client.of(resources.nodes).create(node);
    await client.of(resources.nodes).patch('', name, 'merge', { status: node.status }, { subresource: 'status' });
  }
  removedVolumes = [];
  informers = new InformerFactory(client, clock, noLog);
  const shared = { client, informers, clock, random: seededRandom(), log: noLog };
  const volumes = { createVolume: async () => {}, removeVolume: async (name: string) => void removedVolumes.push(name), hasVolume: async () => true, copyVolume: async () => {} };
  controllers = startControllers({ ...shared, volumes });
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
    await settle(40);
    await cluster.clock.advance(120);
  }
}

/** Time passes, and the nodes are heard of all the while. */
async function pass(seconds: number): Promise<void> {
  for (let left = seconds; left > 0; left -= 20) {
    for (const name of ['node-1', 'node-2']) {
      const heard = { type: 'Ready', status: 'True', lastHeartbeatTime: timestamp(cluster.clock.now()) };
      const patch = { status: { conditions: [heard] } };
      await client.of(resources.nodes).patch('', name, 'strategic', patch, { subresource: 'status' });
    }
    await cluster.clock.advance(Math.min(left, 20) * 1000);
  }
  await rest();
}

const pods = async (): Promise<Pod[]> => (await client.of(resources.pods).list('default')).items;
const setPodStatus = async (pod: Pod, status: Pod['status']) => {
  const { namespace, name } = pod.metadata!;
  await client.of(resources.pods).patch(namespace!, name!, 'strategic', { status }, { subresource: 'status' });
};

/** What the kubelet does: pods run and are ready, or end with `phase`, and those that are to go are gone. */
async function live(phase: 'Running' | 'Succeeded' | 'Failed' = 'Running'): Promise<void> {
  for (const pod of await pods()) {
    const { name, deletionTimestamp } = pod.metadata!;
    const at = timestamp(cluster.clock.now());
    if (deletionTimestamp) await client.of(resources.pods).delete('default', name!, { gracePeriodSeconds: 0 });
    else if (pod.spec!.nodeName && pod.status?.phase === 'Pending') {
      const ready = { type: 'Ready', status: phase === 'Running' ? 'True' : 'False', lastTransitionTime: at };
      await setPodStatus(pod, { phase, conditions: [ready] });
    }
  }
  await rest();
}

const template = (spec: Partial<PodSpec> = {}) => ({
  metadata: { labels: { app: 'work' } },
  spec: { containers: [{ name: 'main', image: 'work:1' }], ...spec },
});
const never = { restartPolicy: 'Never' };
const meta = { name: 'work', namespace: 'default' };
const selector = { matchLabels: { app: 'work' } };

it('a job runs its pods to their end and is complete', async () => {
  await client.of(resources.jobs).create({
    metadata: meta,
    spec: { completions: 3, parallelism: 2, template: { spec: template(never).spec } },
  });
  await rest();
  expect((await pods()).map((pod) => pod.metadata!.finalizers)).toEqual([
    ['batch.kubernetes.io/job-tracking'],
    ['batch.kubernetes.io/job-tracking'],
  ]);
  for (let i = 0; i < 3; i++) await live('Succeeded');
  const job = await client.of(resources.jobs).get('default', 'work');
  expect(job.status).toMatchObject({ succeeded: 3, ready: 0, terminating: 0 });
  expect(job.status!.conditions!.map(({ type }) => type)).toEqual(['SuccessCriteriaMet', 'Complete']);
  expect((await pods()).flatMap((pod) => pod.metadata!.finalizers ?? [])).toEqual([]);
  await client.of(resources.jobs).delete('default', 'work', { propagationPolicy: 'Background' });
  await rest();
  expect(await pods()).toEqual([]);
});

it('a job that fails says why', async () => {
  await client
    .of(resources.jobs)
    .create({ metadata: meta, spec: { backoffLimit: 0, template: { spec: template(never).spec } } });
  await rest();
  await live('Failed');
  const { status } = await client.of(resources.jobs).get('default', 'work');
  expect(status).toMatchObject({ failed: 1 });
  expect(status!.conditions!.map(({ type, reason }) => `${type} ${reason}`)).toEqual([
    'FailureTarget BackoffLimitExceeded',
    'Failed BackoffLimitExceeded',
  ]);
});

it('a cron job starts jobs, which run', async () => {
  await client.of(resources.cronJobs).create({
    metadata: meta,
    spec: { schedule: '*/5 * * * *', jobTemplate: { spec: { template: { spec: template(never).spec } } } },
  });
  await rest();
  await pass(301);
  await live('Succeeded');
  const cronJob = await client.of(resources.cronJobs).get('default', 'work');
  expect(cronJob.status).toMatchObject({ lastScheduleTime: '2026-01-01T00:05:00Z' });
  expect(cronJob.status!.lastSuccessfulTime).toBeDefined();
  expect(cronJob.status!.active).toBeUndefined();
});

it('a daemon set has a pod on every node', async () => {
  await client.of(resources.daemonSets).create({ metadata: meta, spec: { selector, template: template() } });
  await rest();
  await live();
  expect((await pods()).map((pod) => pod.spec!.nodeName).sort()).toEqual(['node-1', 'node-2']);
  const set = await client.of(resources.daemonSets).get('default', 'work');
  expect(set.status).toMatchObject({ desiredNumberScheduled: 2, numberReady: 2, updatedNumberScheduled: 2 });
  const image = { spec: { containers: [{ name: 'main', image: 'work:2' }] } };
  await client.of(resources.daemonSets).patch('default', 'work', 'strategic', { spec: { template: image } });
  await rest();
  for (let i = 0; i < 5; i++) await live();
  expect((await pods()).map((pod) => pod.spec!.containers[0]!.image)).toEqual(['work:2', 'work:2']);
});

it('a stateful set gets its volumes, keeps them, and they go with their claims', async () => {
  const volumeClaimTemplates = [
    {
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    },
  ];
  await client.of(resources.statefulSets).create({
    metadata: meta,
    spec: { replicas: 2, serviceName: 'work', selector, template: template(), volumeClaimTemplates },
  });
  await rest();
  for (let i = 0; i < 3; i++) await live();
  expect((await pods()).map((pod) => pod.metadata!.name)).toEqual(['work-0', 'work-1']);
  const volumes = (await client.of(resources.persistentVolumes).list()).items;
  expect(volumes.map((volume) => volume.status!.phase)).toEqual(['Bound', 'Bound']);
  const image = { spec: { containers: [{ name: 'main', image: 'work:2' }] } };
  await client.of(resources.statefulSets).patch('default', 'work', 'strategic', { spec: { template: image } });
  await rest();
  for (let i = 0; i < 6; i++) await live();
  expect((await pods()).map((pod) => pod.spec!.containers[0]!.image)).toEqual(['work:2', 'work:2']);
  const set = await client.of(resources.statefulSets).get('default', 'work');
  expect(set.status).toMatchObject({ readyReplicas: 2, currentReplicas: 2, updatedReplicas: 2 });
  expect(set.status!.currentRevision).toBe(set.status!.updateRevision);

  await client.of(resources.statefulSets).delete('default', 'work', { propagationPolicy: 'Background' });
  for (let i = 0; i < 2; i++) await live();
  expect(await pods()).toEqual([]);
  expect((await client.of(resources.persistentVolumes).list()).items).toHaveLength(2);
  for (const name of ['data-work-0', 'data-work-1'])
    await client.of(resources.persistentVolumeClaims).delete('default', name);
  await rest();
  expect((await client.of(resources.persistentVolumes).list()).items).toEqual([]);
  expect([...new Set(removedVolumes)].sort()).toEqual(volumes.map((volume) => volume.metadata!.name).sort());
});

it('a replication controller keeps its number of pods', async () => {
  await client
    .of(resources.replicationControllers)
    .create({ metadata: meta, spec: { replicas: 2, selector: { app: 'work' }, template: template() } });
  await rest();
  await live();
  const rc = await client.of(resources.replicationControllers).get('default', 'work');
  expect(rc.status).toMatchObject({ replicas: 2, readyReplicas: 2, availableReplicas: 2 });
});

it('a disruption budget lets only so many pods be evicted', async () => {
  await client
    .of(resources.statefulSets)
    .create({ metadata: meta, spec: { replicas: 2, serviceName: 'work', selector, template: template() } });
  await client.of(resources.podDisruptionBudgets).create({ metadata: meta, spec: { maxUnavailable: 1, selector } });
  await rest();
  for (let i = 0; i < 3; i++) await live();
  const budget = () => client.of(resources.podDisruptionBudgets).get('default', 'work');
  expect((await budget()).status).toMatchObject({ currentHealthy: 2, desiredHealthy: 1, disruptionsAllowed: 1 });
  const evict = (name: string) =>
    client.of(resources.pods).subresource('default', name, 'eviction', 'POST', {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name, namespace: 'default' },
    });
  await evict('work-0');
  await expect(evict('work-1')).rejects.toMatchObject({ status: { code: 429 } });
  await rest();
  expect((await budget()).status).toMatchObject({ currentHealthy: 1, disruptionsAllowed: 0 });
  for (let i = 0; i < 3; i++) await live();
  expect((await budget()).status).toMatchObject({ currentHealthy: 2, disruptionsAllowed: 1 });
});

it('nothing is written any more when everything is as it should be', async () => {
  await client.of(resources.daemonSets).create({ metadata: meta, spec: { selector, template: template() } });
  await client.of(resources.statefulSets).create({
    metadata: { ...meta, name: 'db' },
    spec: {
      replicas: 1,
      serviceName: 'db',
      selector: { matchLabels: { app: 'db' } },
      template: { ...template(), metadata: { labels: { app: 'db' } } },
    },
  });
  await client
    .of(resources.jobs)
    .create({ metadata: { ...meta, name: 'job' }, spec: { template: { spec: template(never).spec } } });
  for (let i = 0; i < 3; i++) await live();
  // The kinds of snapshots become known a little after the start.
  for (let i = 0; i < 3; i++) {
    await cluster.clock.advance(1_000);
    await rest();
  }
  const { revision } = cluster.store;
  await cluster.clock.advance(5_000);
  await rest();
  expect(cluster.store.revision).toBe(revision);
});
