import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StatefulSet, StatefulSetSpec } from '../../../main/api/index.ts';
import { failure } from '../../../main/api/status.ts';
import { resources } from '../../../main/client/index.ts';
import { StatefulSetController } from '../../../main/controllers/statefulSet/statefulSetController.ts';
import { settle } from '../../support/fakeClock.ts';
import { makePod, seededRandom } from '../../support/objects.ts';
import { Cluster } from './harness.ts';

let cluster: Cluster;
beforeEach(async () => {
  cluster = new Cluster();
  await cluster.start(StatefulSetController);
});
afterEach(() => cluster.stop());

const set = () => cluster.server.find(resources.statefulSets, 'default', 'db')!;
const names = () =>
  cluster
    .podsOf('db')
    .map((pod) => pod.metadata!.name)
    .sort();
const pod = (name: string) => cluster.server.find(resources.pods, 'default', name);
const image = (name: string) => pod(name)?.spec!.containers[0]!.image;
const claims = () => cluster.server.all(resources.persistentVolumeClaims);
const revisions = () => cluster.server.all(resources.controllerRevisions);

async function create(replicas: number, spec: Partial<StatefulSetSpec> = {}): Promise<void> {
  await cluster.client.of(resources.statefulSets).create({
    metadata: { name: 'db', namespace: 'default' },
    spec: {
      replicas,
      serviceName: 'db',
      podManagementPolicy: 'OrderedReady',
      revisionHistoryLimit: 10,
      selector: { matchLabels: { app: 'db' } },
      template: { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'main', image: 'db:1' }] } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      ...spec,
    },
  });
  await settle(30);
}

const withClaims: Partial<StatefulSetSpec> = {
  volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'] } }],
};

async function patch(spec: object): Promise<void> {
  await cluster.client.of(resources.statefulSets).patch('default', 'db', 'merge', { spec });
  await settle(30);
}

const setImage = (name: string) => patch({ template: { spec: { containers: [{ name: 'main', image: name }] } } });

/** The kubelet does its part until nothing changes any more. */
async function live(rounds = 10): Promise<void> {
  for (let i = 0; i < rounds; i++) {
    await cluster.readyAll();
    await cluster.reap();
    await settle(30);
  }
}

describe('a stateful set', () => {
  it('starts its pods one after the other, each with its name', async () => {
    await create(3);
    expect(names()).toEqual(['db-0']);
    expect(pod('db-0')).toMatchObject({
      metadata: { generateName: 'db-', labels: { 'statefulset.kubernetes.io/pod-name': 'db-0', 'apps.kubernetes.io/pod-index': '0' } },
      spec: { hostname: 'db-0', subdomain: 'db' },
    });
    await cluster.readyAll();
    await settle();
    expect(names()).toEqual(['db-0', 'db-1']);
    await live();
    expect(names()).toEqual(['db-0', 'db-1', 'db-2']);
    expect(set().status).toMatchObject({
      replicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
      currentReplicas: 3,
      updatedReplicas: 3,
      collisionCount: 0,
    });
    expect(set().status!.currentRevision).toBe(set().status!.updateRevision);
    expect(cluster.events('db', 'SuccessfulCreate')).toContain('Create Pod db-2 in StatefulSet db successful');
  });

  it('starts them all at once when it is parallel', async () => {
    await create(3, { podManagementPolicy: 'Parallel' });
    expect(names()).toEqual(['db-0', 'db-1', 'db-2']);
  });

  it('can begin with another number', async () => {
    await create(2, { ordinals: { start: 5 } });
    await live();
    expect(names()).toEqual(['db-5', 'db-6']);
  });

  it('shrinks from the highest number, one after the other', async () => {
    await create(3);
    await live();
    await patch({ replicas: 1 });
    expect(pod('db-2')!.metadata!.deletionTimestamp).toBeDefined();
    expect(pod('db-1')!.metadata!.deletionTimestamp).toBeUndefined();
    await live();
    expect(names()).toEqual(['db-0']);
  });

  it('replaces a failed pod only when the old one is gone', async () => {
    await create(1);
    await live();
    const { uid } = pod('db-0')!.metadata!;
    cluster.server.change(resources.pods, 'default', 'db-0', (p) => (p.status = { phase: 'Failed' }));
    await settle();
    expect(pod('db-0')!.metadata).toMatchObject({ uid });
    expect(pod('db-0')!.metadata!.deletionTimestamp).toBeDefined();
    await cluster.reap();
    await settle();
    expect(pod('db-0')!.metadata!.uid).not.toBe(uid);
  });

  it('adopts a pod of its name, and no other', async () => {
    cluster.server.seed(resources.pods, makePod('db-0', { labels: { app: 'db' } }));
    cluster.server.seed(resources.pods, makePod('other', { labels: { app: 'db' } }));
    await settle();
    await create(1);
    expect(names()).toEqual(['db-0']);
  });

  it('counts a pod as available only after minReadySeconds', async () => {
    await create(2, { minReadySeconds: 30 });
    await live(1);
    expect(set().status).toMatchObject({ readyReplicas: 1, availableReplicas: 0 });
    expect(names()).toEqual(['db-0']);
    await cluster.clock.advance(30_000);
    expect(names()).toEqual(['db-0', 'db-1']);
  });
});

describe('an update', () => {
  it('goes from the highest number to the lowest, and waits for each', async () => {
    await create(3);
    await live();
    const told: unknown[] = [];
    cluster.server.onChange = ({ def, object }) => {
      if (def.resource === 'statefulsets' && pod('db-2')?.metadata!.deletionTimestamp) told.push((object as StatefulSet).status?.currentReplicas);
    };
    await setImage('db:2');
    expect(pod('db-2')!.metadata!.deletionTimestamp).toBeDefined();
    expect(told).toEqual([2]);
    expect(pod('db-1')!.metadata!.deletionTimestamp).toBeUndefined();
    await cluster.reap();
    await settle(30);
    expect(image('db-2')).toBe('db:2');
    expect(pod('db-1')!.metadata!.deletionTimestamp).toBeUndefined();
    expect(set().status).toMatchObject({ currentReplicas: 2, updatedReplicas: 1 });
    await live();
    expect(['db-0', 'db-1', 'db-2'].map(image)).toEqual(['db:2', 'db:2', 'db:2']);
    expect(set().status!.currentRevision).toBe(set().status!.updateRevision);
    expect(revisions().map(({ revision }) => revision)).toEqual([1, 2]);
  });

  it('stops at the partition', async () => {
    await create(3, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } });
    await live();
    await setImage('db:2');
    await live();
    expect(['db-0', 'db-1', 'db-2'].map(image)).toEqual(['db:1', 'db:1', 'db:2']);
    // What comes back below the partition comes back as it was.
    await cluster.client.of(resources.pods).delete('default', 'db-0');
    await live();
    expect(image('db-0')).toBe('db:1');
    expect(set().status).toMatchObject({ currentReplicas: 2, updatedReplicas: 1 });
  });

  describe('with maxUnavailable', () => {
    const going = () => cluster.podsOf('db').filter((each) => each.metadata!.deletionTimestamp).map((each) => each.metadata!.name!).sort();
    const rolling = (maxUnavailable: number | string, partition = 0) => ({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition, maxUnavailable } } });

    it.each([
      { maxUnavailable: 2, first: ['db-3', 'db-4'] },
      { maxUnavailable: '60%', first: ['db-2', 'db-3', 'db-4'] },
      // Rounded down, but never to nothing.
      { maxUnavailable: '10%', first: ['db-4'] },
    ])('replaces so many at a time ($maxUnavailable)', async ({ maxUnavailable, first }) => {
      await create(5, { podManagementPolicy: 'Parallel', ...rolling(maxUnavailable) });
      await live();
      await setImage('db:2');
      expect(going()).toEqual(first);
      await live(12);
      expect(cluster.podsOf('db').sort((a, b) => (a.metadata!.name! < b.metadata!.name! ? -1 : 1)).map(({ metadata }) => image(metadata!.name!))).toEqual(Array(5).fill('db:2'));
      expect(set().status).toMatchObject({ updatedReplicas: 5, currentReplicas: 5, readyReplicas: 5 });
    });

    it('counts what is unavailable for another reason, and stops at the partition', async () => {
      await create(5, { podManagementPolicy: 'Parallel', ...rolling(3, 1) });
      await live();
      cluster.server.change(resources.pods, 'default', 'db-0', (each) => (each.status!.conditions = [{ type: 'Ready', status: 'False' }]));
      await settle(30);
      await setImage('db:2');
      expect(going()).toEqual(['db-3', 'db-4']);
      await live(12);
      expect(cluster.podsOf('db').sort((a, b) => (a.metadata!.name! < b.metadata!.name! ? -1 : 1)).map(({ metadata }) => image(metadata!.name!))).toEqual(['db:1', ...Array(4).fill('db:2')]);
    });
  });

  it('waits for the user when it is on delete', async () => {
    await create(2, { updateStrategy: { type: 'OnDelete' } });
    await live();
    await setImage('db:2');
    await live();
    expect(['db-0', 'db-1'].map(image)).toEqual(['db:1', 'db:1']);
    await cluster.client.of(resources.pods).delete('default', 'db-0');
    await live();
    expect(['db-0', 'db-1'].map(image)).toEqual(['db:2', 'db:1']);
  });

  it('back to an old template brings its revision to the front again', async () => {
    await create(1);
    await live();
    const first = set().status!.currentRevision;
    await setImage('db:2');
    await live();
    await setImage('db:1');
    await live();
    expect(set().status!.currentRevision).toBe(first);
    expect(revisions().find(({ metadata }) => metadata!.name === first)!.revision).toBe(3);
    expect(revisions()).toHaveLength(2);
  });

  it('keeps only so much history', async () => {
    await create(1, { revisionHistoryLimit: 1 });
    for (const name of ['db:2', 'db:3', 'db:4']) {
      await live();
      await setImage(name);
    }
    await live();
    expect(revisions().map(({ revision }) => revision)).toEqual([3, 4]);
  });
});

describe('the claims', () => {
  it('are made before the pod, and stay when it goes', async () => {
    await create(2, withClaims);
    await live();
    expect(claims().map(({ metadata }) => metadata!.name)).toEqual(['data-db-0', 'data-db-1']);
    expect(claims()[0]!.metadata!.labels).toEqual({ app: 'db' });
    expect(pod('db-0')!.spec!.volumes).toEqual([{ name: 'data', persistentVolumeClaim: { claimName: 'data-db-0' } }]);
    expect(cluster.events('db', 'SuccessfulCreate')).toContain(
      'Create Claim data-db-0 Pod db-0 in StatefulSet db success',
    );
    await patch({ replicas: 1 });
    await live();
    expect(claims().map(({ metadata }) => metadata!.ownerReferences ?? [])).toEqual([[], []]);
  });

  it('go with the set or with a pod that is scaled away, where the set says so', async () => {
    const persistentVolumeClaimRetentionPolicy = { whenDeleted: 'Delete', whenScaled: 'Delete' };
    await create(2, { ...withClaims, persistentVolumeClaimRetentionPolicy });
    await live();
    const owners = () =>
      claims().map(({ metadata }) => metadata!.ownerReferences?.map((ref) => `${ref.kind} ${ref.name}`));
    expect(owners()).toEqual([['StatefulSet db'], ['StatefulSet db']]);
    await patch({ replicas: 1 });
    expect(owners()).toEqual([['StatefulSet db'], ['Pod db-1']]);
  });
});

it('never runs two pods with one number, whatever fails on the way', async () => {
  for (let seed = 1; seed <= 12; seed++) {
    await cluster.stop();
    cluster = new Cluster();
    await cluster.start(StatefulSetController);
    const random = seededRandom(seed);
    const running = new Map<string, string>();
    cluster.server.intercept = ({ method, path }) => {
      const ours = /\/(statefulsets\/|pods|persistentvolumeclaims)/.test(path) && method !== 'GET';
      if (ours && random.next() < 0.2) throw failure(500, 'InternalError', 'bad luck');
    };
    const podManagementPolicy = seed % 2 === 0 ? 'Parallel' : 'OrderedReady';
    cluster.server.seed(resources.statefulSets, {
      metadata: { name: 'db', namespace: 'default' },
      spec: {
        replicas: 3,
        serviceName: 'db',
        podManagementPolicy,
        selector: { matchLabels: { app: 'db' } },
        template: { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'main', image: 'db:0' }] } },
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
        ...withClaims,
      },
    });
    for (let step = 1; step <= 40; step++) {
      if (random.next() < 0.3) cluster.server.pause();
      if (random.next() < 0.2)
        cluster.server.change(resources.statefulSets, 'default', 'db', (s) => {
          s.spec!.replicas = Math.floor(random.next() * 5);
          if (random.next() < 0.5) s.spec!.template.spec!.containers[0]!.image = `db:${step}`;
          s.metadata!.generation!++;
        });
      for (const each of cluster.podsOf('db')) {
        const { name, uid, deletionTimestamp } = each.metadata!;
        // What a node has once had under this name has left the node first.
        expect(running.get(name!) ?? uid).toBe(uid);
        if (each.spec!.nodeName) running.set(name!, uid!);
        if (random.next() < 0.5) continue;
        if (deletionTimestamp) {
          cluster.server.drop(resources.pods, 'default', name!);
          running.delete(name!);
        } else if (random.next() < 0.8) cluster.ready(each);
        else cluster.server.change(resources.pods, 'default', name!, (p) => (p.status = { phase: 'Failed' }));
      }
      for (const name of running.keys()) expect(pod(name)).toBeDefined();
      await settle();
      cluster.server.resume();
      await cluster.clock.advance(2_000);
    }
    cluster.server.intercept = undefined;
    await cluster.clock.advance(600_000);
    await live(25);
    const wanted = set().spec!.replicas!;
    expect(names()).toEqual(Array.from({ length: wanted }, (_, i) => `db-${i}`));
    expect(set().status!.readyReplicas ?? 0).toBe(wanted);
  }
});

it('a set whose cache does not show yet that a pod of it has been deleted begins no other number', async () => {
  await create(1);
  await live(2);
  cluster.server.pause(resources.pods);
  await patch({ template: { spec: { containers: [{ name: 'main', image: 'db:2' }] } } });
  expect(pod('db-0')!.metadata!.deletionTimestamp).toBeDefined();
  await patch({ replicas: 2 });
  await settle(30);
  expect(names()).toEqual(['db-0']);
  cluster.server.resume();
  await live(4);
  expect(names()).toEqual(['db-0', 'db-1']);
});
