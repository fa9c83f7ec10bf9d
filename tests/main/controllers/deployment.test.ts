import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import fc from 'fast-check';
import type { Deployment, DeploymentCondition, ReplicaSet } from '../../../main/api/index.ts';
import { scaledValue } from '../../../main/api/intstr.ts';
import { resources } from '../../../main/client/index.ts';
import { DeploymentController } from '../../../main/controllers/deployment.ts';
import { ReplicaSetController } from '../../../main/controllers/replicaSet.ts';
import { settle } from '../../support/fakeClock.ts';
import { makeDeployment, seededRandom } from '../../support/objects.ts';
import { Cluster } from './harness.ts';

let cluster: Cluster;
const deployment = (name = 'web'): Deployment => cluster.server.find(resources.deployments, 'default', name)!;
const sets = (): ReplicaSet[] => cluster.server.all(resources.replicaSets);
const condition = (type: string): DeploymentCondition | undefined =>
  deployment().status?.conditions?.find((c) => c.type === type);

async function create(d: Deployment): Promise<void> {
  await cluster.client.of(resources.deployments).create(d);
  await settle();
}

async function change(edit: (d: Deployment) => void): Promise<void> {
  cluster.server.change(resources.deployments, 'default', 'web', (d) => {
    edit(d);
    d.metadata!.generation!++;
  });
  await settle();
}

const setImage = (image: string) => change((d) => (d.spec!.template.spec!.containers[0]!.image = image));

/** Lets pods become ready and go until nothing moves any more. */
async function rollOut(): Promise<void> {
  for (let i = 0; i < 30; i++) {
    await cluster.readyAll();
    await cluster.reap();
  }
}

beforeEach(async () => {
  cluster = new Cluster();
  await cluster.start(DeploymentController, ReplicaSetController);
});
afterEach(() => cluster.stop());

describe('a new deployment', () => {
  it('makes a replica set and its pods, and becomes available', async () => {
    await create(makeDeployment('web', 3));
    const [rs] = sets();
    expect(rs!.metadata!.name).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]+$/);
    const hash = rs!.metadata!.name!.slice('web-'.length);
    expect(rs!.spec!.selector.matchLabels).toEqual({ app: 'web', 'pod-template-hash': hash });
    expect(cluster.podsOf(rs!.metadata!.name!)).toHaveLength(3);
    expect(cluster.pods()[0]!.metadata!.labels).toEqual({ app: 'web', 'pod-template-hash': hash });
    expect(cluster.events('web')).toEqual([`Scaled up replica set ${rs!.metadata!.name} from 0 to 3`]);
    expect(condition('Available')).toMatchObject({ status: 'False', reason: 'MinimumReplicasUnavailable' });
    expect(condition('Progressing')).toMatchObject({ status: 'True', reason: 'ReplicaSetUpdated' });

    await cluster.readyAll();
    expect(deployment().status).toMatchObject({
      replicas: 3,
      updatedReplicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
    });
    expect(deployment().status!.unavailableReplicas).toBeUndefined();
    expect(deployment().metadata!.annotations!['deployment.kubernetes.io/revision']).toBe('1');
    expect(condition('Available')).toMatchObject({ status: 'True', message: 'Deployment has minimum availability.' });
    expect(condition('Progressing')).toMatchObject({
      status: 'True',
      reason: 'NewReplicaSetAvailable',
      message: `ReplicaSet "${rs!.metadata!.name}" has successfully progressed.`,
    });
  });

  it('names its replica set the same in another cluster', async () => {
    await create(makeDeployment('web', 1));
    const name = sets()[0]!.metadata!.name;
    const other = new Cluster();
    await other.start(DeploymentController);
    await other.client.of(resources.deployments).create(makeDeployment('web', 1));
    await settle();
    expect(other.server.all(resources.replicaSets)[0]!.metadata!.name).toBe(name);
    await other.stop();
  });

  it('writes as itself, because of the revision that woke it', async () => {
    await create(makeDeployment('web', 1));
    const creation = cluster.server.requests.find((r) => r.method === 'POST' && r.path.endsWith('/replicasets'))!;
    expect(creation.headers).toMatchObject({ 'user-agent': 'test/deployment-controller' });
    expect(creation.causeRevision).toBe(1);
  });

  it('comes to rest: nothing is written when nothing changes', async () => {
    await create(makeDeployment('web', 2));
    await cluster.readyAll();
    const revision = cluster.server.revision;
    await cluster.clock.advance(3_600_000);
    expect(cluster.server.revision).toBe(revision);
  });
});

describe('a change of the template', () => {
  it('counts revisions on, however large they are', async () => {
    await create(makeDeployment('web', 1));
    const [old] = sets();
    const revision = { 'deployment.kubernetes.io/revision': '3546343826724305832' };
    cluster.server.change(resources.replicaSets, 'default', old!.metadata!.name!, (rs) => (rs.metadata!.annotations = revision));
    await setImage('web:2');
    expect(deployment().metadata!.annotations!['deployment.kubernetes.io/revision']).toBe('3546343826724305833');
  });

  it('moves the pods over, step by step, and keeps the old set for a rollback', async () => {
    await create(makeDeployment('web', 4));
    await rollOut();
    const old = sets()[0]!;
    await setImage('web:2');
    expect(sets()).toHaveLength(2);
    const fresh = sets().find((rs) => rs.metadata!.name !== old.metadata!.name)!;
    // 25 % of 4: one more and one less.
    expect(fresh.spec!.replicas).toBe(2);
    await rollOut();
    expect(cluster.podsOf(fresh.metadata!.name!)).toHaveLength(4);
    expect(cluster.podsOf(old.metadata!.name!)).toHaveLength(0);
    expect(deployment().metadata!.annotations!['deployment.kubernetes.io/revision']).toBe('2');
    expect(condition('Progressing')).toMatchObject({ reason: 'NewReplicaSetAvailable' });

    await setImage('web:1');
    await rollOut();
    expect(sets()).toHaveLength(2);
    const back = cluster.server.find(resources.replicaSets, 'default', old.metadata!.name!)!;
    expect(back.spec!.replicas).toBe(4);
    expect(back.metadata!.annotations).toMatchObject({
      'deployment.kubernetes.io/revision': '3',
      'deployment.kubernetes.io/revision-history': '1',
    });
    expect(deployment().metadata!.annotations!['deployment.kubernetes.io/revision']).toBe('3');
  });

  it('keeps no more old sets than the history limit', async () => {
    await create(makeDeployment('web', 1, { revisionHistoryLimit: 2 }));
    for (const tag of [2, 3, 4, 5]) {
      await rollOut();
      await setImage(`web:${tag}`);
    }
    await rollOut();
    expect(
      sets()
        .map((rs) => rs.metadata!.annotations!['deployment.kubernetes.io/revision'])
        .sort(),
    ).toEqual(['3', '4', '5']);
  });

  it('with Recreate starts nothing before everything old is gone', async () => {
    await create(makeDeployment('web', 2, { strategy: { type: 'Recreate' } }));
    await rollOut();
    const old = sets()[0]!.metadata!.name!;
    await setImage('web:2');
    expect(sets()).toHaveLength(1);
    expect(cluster.podsOf(old).every((pod) => pod.metadata!.deletionTimestamp)).toBe(true);
    await cluster.reap();
    expect(sets()).toHaveLength(2);
    expect(cluster.pods()).toHaveLength(2);
    expect(cluster.podsOf(old)).toHaveLength(0);
  });

  it('that does not come up is told to be late', async () => {
    await create(makeDeployment('web', 2));
    await rollOut();
    await setImage('web:broken');
    await cluster.clock.advance(602_000);
    expect(condition('Progressing')).toMatchObject({ status: 'False', reason: 'ProgressDeadlineExceeded' });
    expect(condition('Progressing')!.message).toMatch(/^ReplicaSet "web-\w+" has timed out progressing\.$/);
    expect(condition('Available')).toMatchObject({ status: 'True' });
  });

  it('waits while the deployment is paused, and goes on when it is resumed', async () => {
    await create(makeDeployment('web', 2));
    await rollOut();
    await change((d) => (d.spec!.paused = true));
    expect(condition('Progressing')).toMatchObject({ status: 'Unknown', reason: 'DeploymentPaused' });
    await setImage('web:2');
    expect(sets()).toHaveLength(1);
    await change((d) => (d.spec!.replicas = 5));
    expect(sets()[0]!.spec!.replicas).toBe(5);
    await change((d) => delete d.spec!.paused);
    expect(sets()).toHaveLength(2);
  });
});

describe('an old client that asks for an earlier template', () => {
  const ask = (revision: string) =>
    change((d) => (d.metadata!.annotations = { ...d.metadata!.annotations, 'deprecated.deployment.rollback.to': revision }));
  const told = () => cluster.events('web').filter((message) => /oll(ed )?back|revision/.test(message));
  const image = () => deployment().spec!.template.spec!.containers[0]!.image;

  beforeEach(async () => {
    await create({ ...makeDeployment('web', 1), metadata: { name: 'web', namespace: 'default', annotations: { 'kubernetes.io/change-cause': 'first' } } });
    await rollOut();
    await change((d) => (d.metadata!.annotations!['kubernetes.io/change-cause'] = 'second'));
    await setImage('web:2');
    await rollOut();
  });

  it.each(['0', '1'])('gets it, with what was said of it then (%s)', async (revision) => {
    const first = sets().find((rs) => rs.metadata!.annotations!['deployment.kubernetes.io/revision'] === '1')!;
    await ask(revision);
    await rollOut();
    expect(image()).toBe(first.spec!.template!.spec!.containers[0]!.image);
    expect(deployment().metadata!.annotations).toMatchObject({ 'kubernetes.io/change-cause': 'second', 'deployment.kubernetes.io/revision': '3' });
    expect(deployment().metadata!.annotations).not.toHaveProperty(['deprecated.deployment.rollback.to']);
    expect(deployment().spec!.template.metadata!.labels).toEqual({ app: 'web' });
    expect(told()).toEqual(['Rolled back deployment "web" to revision 1']);
  });

  it('is told that it is there already', async () => {
    await ask('2');
    await rollOut();
    expect(image()).toBe('web:2');
    expect(told()).toEqual(['The rollback revision contains the same template as current deployment "web"']);
  });

  it('is told that it is not there', async () => {
    await ask('7');
    await rollOut();
    expect(deployment().metadata!.annotations).not.toHaveProperty(['deprecated.deployment.rollback.to']);
    expect(told()).toEqual(['Unable to find the revision to rollback to.']);
  });
});

describe('a change of the size', () => {
  it('is shared out between the sets in the middle of a rollout', async () => {
    await create(
      makeDeployment('web', 10, {
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } },
      }),
    );
    await rollOut();
    const old = sets()[0]!.metadata!.name!;
    await setImage('web:broken');
    await cluster.reap();
    const size = (isOld: boolean) => sets().find((rs) => (rs.metadata!.name === old) === isOld)!.spec!.replicas;
    expect([size(true), size(false)]).toEqual([8, 5]);
    await change((d) => (d.spec!.replicas = 15));
    // Upstream's own example: 8 and 5 become 11 and 7.
    expect([size(true), size(false)]).toEqual([11, 7]);
  });
});

it('a hash that another template has taken is counted up', async () => {
  await create(makeDeployment('web', 1));
  const name = sets()[0]!.metadata!.name!;
  await cluster.client.of(resources.deployments).delete('default', 'web');
  cluster.server.change(resources.replicaSets, 'default', name, (rs) => {
    delete rs.metadata!.ownerReferences;
    delete rs.metadata!.labels;
    rs.spec!.template!.spec!.containers[0]!.image = 'other:1';
  });
  await create(makeDeployment('web', 1));
  await cluster.clock.advance(1000);
  expect(deployment().status!.collisionCount).toBe(1);
  expect(sets().map((rs) => rs.metadata!.name)).toHaveLength(2);
});

it('a deployment that selects everything is refused with an event', async () => {
  await create(makeDeployment('web', 1, { selector: {} }));
  expect(sets()).toHaveLength(0);
  expect(cluster.events('web', 'SelectingAll')).toEqual([
    'This deployment is selecting all pods. A non-empty selector is required.',
  ]);
});

it('never has more pods than maxSurge allows nor fewer available ones than maxUnavailable allows', async () => {
  const bound = fc.oneof(
    fc.integer({ min: 0, max: 4 }),
    fc.integer({ min: 0, max: 100 }).map((p) => `${p}%`),
  );
  const scenario = fc.record({
    replicas: fc.integer({ min: 1, max: 7 }),
    maxSurge: bound,
    maxUnavailable: bound,
    seed: fc.nat(),
  });
  await fc.assert(
    fc.asyncProperty(scenario, async ({ replicas, maxSurge, maxUnavailable, seed }) => {
      const own = new Cluster();
      const chance = seededRandom(seed);
      await own.start(DeploymentController, ReplicaSetController);
      const rollingUpdate = { maxSurge, maxUnavailable };
      await own.client
        .of(resources.deployments)
        .create(makeDeployment('web', replicas, { strategy: { type: 'RollingUpdate', rollingUpdate } }));
      for (let i = 0; i < 12; i++) {
        await own.readyAll();
        await own.reap();
      }
      own.server.change(
        resources.deployments,
        'default',
        'web',
        (d) => (d.spec!.template.spec!.containers[0]!.image = 'web:2'),
      );
      await settle();
      const surge = scaledValue(maxSurge, replicas, true);
      const unavailable = scaledValue(maxUnavailable, replicas, false) || (surge === 0 ? 1 : 0);
      let steps = 0;
      const done = () =>
        own.pods().every((p) => p.spec!.containers[0]!.image === 'web:2' && p.status!.phase === 'Running');
      while (!(done() && own.pods().length === replicas)) {
        const live = own.pods().filter((pod) => !pod.metadata!.deletionTimestamp);
        const available = live.filter((pod) => pod.status!.phase === 'Running');
        expect(live.length).toBeLessThanOrEqual(replicas + surge);
        expect(available.length).toBeGreaterThanOrEqual(replicas - unavailable);
        const movable = own.pods().filter((pod) => pod.metadata!.deletionTimestamp || pod.status!.phase === 'Pending');
        const pod = movable[Math.floor(chance.next() * movable.length)];
        if (pod?.metadata!.deletionTimestamp) own.server.drop(resources.pods, 'default', pod.metadata!.name!);
        else if (pod) own.ready(pod);
        await settle();
        expect(++steps).toBeLessThan(200);
      }
      await own.stop();
    }),
    { numRuns: 25 },
  );
});
