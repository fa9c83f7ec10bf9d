import { afterEach, beforeEach, expect, it } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim } from '../../../main/api/index.ts';
import { resources } from '../../../main/client/index.ts';
import { PersistentVolumeBinder } from '../../../main/controllers/persistentVolumeBinder.ts';
import { PVCProtectionController, PVProtectionController } from '../../../main/controllers/volumeProtection.ts';
import { Scheduler } from '../../../main/scheduler/index.ts';
import { noLog } from '../../../main/util/log.ts';
import { settle } from '../../support/fakeClock.ts';
import { makeNode, makePod, seededRandom } from '../../support/objects.ts';
import { Cluster } from './harness.ts';

let cluster: Cluster;
beforeEach(async () => {
  cluster = new Cluster();
  await cluster.start(PersistentVolumeBinder, PVCProtectionController, PVProtectionController);
});
afterEach(() => cluster.stop());

async function addVolume(name: string, storage: string, spec: PersistentVolume['spec'] = {}): Promise<void> {
  const hostPath = { path: `/data/${name}` };
  cluster.server.seed(resources.persistentVolumes, {
    metadata: { name },
    spec: {
      capacity: { storage },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
      hostPath,
      ...spec,
    },
  });
  await settle();
}

async function addClaim(name: string, storage: string, spec: PersistentVolumeClaim['spec'] = {}): Promise<void> {
  cluster.server.seed(resources.persistentVolumeClaims, {
    metadata: { name, namespace: 'default' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } }, ...spec },
  });
  await settle(20);
}

const claim = (name: string) => cluster.server.find(resources.persistentVolumeClaims, 'default', name);
const volume = (name: string) => cluster.server.find(resources.persistentVolumes, '', name);

it('a claim gets the smallest volume that will do', async () => {
  await addVolume('big', '10Gi');
  await addVolume('small', '2Gi');
  await addVolume('tiny', '500Mi');
  await addClaim('data', '1Gi');
  expect(claim('data')).toMatchObject({
    spec: { volumeName: 'small' },
    status: { phase: 'Bound', capacity: { storage: '2Gi' }, accessModes: ['ReadWriteOnce'] },
  });
  expect(claim('data')!.metadata!.annotations).toMatchObject({ 'pv.kubernetes.io/bind-completed': 'yes' });
  expect(volume('small')).toMatchObject({
    spec: { claimRef: { namespace: 'default', name: 'data' } },
    status: { phase: 'Bound' },
  });
  expect(volume('big')!.status!.phase).toBe('Available');
});

it('a claim that finds nothing waits and says so, until a volume comes', async () => {
  await addClaim('data', '1Gi');
  expect(claim('data')!.status!.phase).toBe('Pending');
  expect(cluster.events('data', 'FailedBinding')).toEqual([
    'no persistent volumes available for this claim and no storage class is set',
  ]);
  await addVolume('late', '1Gi');
  await cluster.clock.advance(20_000);
  expect(claim('data')!.spec!.volumeName).toBe('late');
});

it('two claims never get one volume', async () => {
  await Promise.all([addClaim('a', '1Gi'), addClaim('b', '1Gi')]);
  await addVolume('only', '1Gi');
  await cluster.clock.advance(20_000);
  expect([claim('a')!.status!.phase, claim('b')!.status!.phase].sort()).toEqual(['Bound', 'Pending']);
});

it('a volume whose claim is gone is released, and kept', async () => {
  await addVolume('pv', '1Gi');
  await addClaim('data', '1Gi');
  await cluster.client.of(resources.persistentVolumeClaims).delete('default', 'data');
  await settle(20);
  expect(claim('data')).toBeUndefined();
  expect(volume('pv')!.status!.phase).toBe('Released');
  await addClaim('data', '1Gi');
  expect(claim('data')!.status!.phase).toBe('Pending');
});

it('a claim whose volume is gone is lost', async () => {
  await addVolume('pv', '1Gi');
  await addClaim('data', '1Gi');
  cluster.server.drop(resources.persistentVolumes, '', 'pv');
  await settle(20);
  expect(claim('data')!.status!.phase).toBe('Lost');
  expect(cluster.events('data', 'ClaimLost')).toEqual([
    'Bound claim has lost its PersistentVolume. Data on the volume is lost!',
  ]);
});

it('a claim in use, and a volume that is bound, stay until they are free', async () => {
  await addVolume('pv', '1Gi');
  await addClaim('data', '1Gi');
  const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
  cluster.server.seed(resources.pods, makePod('db', {}, { nodeName: 'node-1', volumes }));
  await settle();
  await cluster.client.of(resources.persistentVolumeClaims).delete('default', 'data');
  await cluster.client.of(resources.persistentVolumes).delete('', 'pv');
  await settle(20);
  expect(claim('data')!.metadata!.finalizers).toEqual(['kubernetes.io/pvc-protection']);
  expect(volume('pv')!.metadata!.deletionTimestamp).toBeDefined();
  cluster.server.drop(resources.pods, 'default', 'db');
  await settle(20);
  expect([claim('data'), volume('pv')]).toEqual([undefined, undefined]);
});

it('a claim that waits for its first consumer gets a volume that the consumer can reach', async () => {
  const { client, informers, clock } = cluster;
  cluster.server.seed(resources.storageClasses, {
    metadata: { name: 'local' },
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode: 'WaitForFirstConsumer',
  });
  for (const name of ['node-1', 'node-2']) cluster.server.seed(resources.nodes, makeNode(name));
  const matchExpressions = [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['node-2'] }];
  await addVolume('disk', '1Gi', {
    storageClassName: 'local',
    nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions }] } },
  });
  await addClaim('data', '1Gi', { storageClassName: 'local' });
  expect(claim('data')!.status!.phase).toBe('Pending');
  expect(cluster.events('data', 'WaitForFirstConsumer')).toEqual([
    'waiting for first consumer to be created before binding',
  ]);

  const scheduler = new Scheduler({ client, informers, clock, random: seededRandom(), log: noLog });
  await scheduler.start();
  const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
  cluster.server.seed(resources.pods, makePod('db', {}, { volumes }));
  await settle(40);
  expect(cluster.server.find(resources.pods, 'default', 'db')!.spec!.nodeName).toBe('node-2');
  expect(claim('data')).toMatchObject({ spec: { volumeName: 'disk' }, status: { phase: 'Bound' } });
  await scheduler.stop();
});
