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

it('a volume that can do only what is asked for comes before one that can do more', async () => {
  await addVolume('able', '1Gi', { accessModes: ['ReadWriteOnce', 'ReadWriteMany'] });
  await addVolume('plain', '5Gi');
  await addClaim('data', '1Gi');
  expect(claim('data')!.spec!.volumeName).toBe('plain');
});

it('a claim from before there was a default class gets it, and its volume with it', async () => {
  await addClaim('old', '1Gi');
  await addClaim('none', '1Gi', { storageClassName: '' });
  const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
  cluster.server.seed(resources.storageClasses, { metadata: { name: 'standard', annotations }, provisioner: 'example.com/disk' });
  await settle(30);
  expect(claim('old')!.spec!.storageClassName).toBe('standard');
  expect(claim('old')!.metadata!.annotations).toMatchObject({
    'volume.kubernetes.io/storage-provisioner': 'example.com/disk',
    'volume.beta.kubernetes.io/storage-provisioner': 'example.com/disk',
  });
  expect(claim('none')!.spec!.storageClassName).toBe('');
});

it('a claim of a class that is not there says so, and goes on when it comes', async () => {
  await addClaim('data', '1Gi', { storageClassName: 'fast' });
  expect(cluster.events('data', 'ProvisioningFailed')).toEqual(['storageclass.storage.k8s.io "fast" not found']);
  cluster.server.seed(resources.storageClasses, { metadata: { name: 'fast' }, provisioner: 'example.com/disk' });
  await settle(30);
  expect(cluster.events('data', 'ExternalProvisioning')).toHaveLength(1);
});

it.each([
  ['kubernetes.io/gce-pd', "external provisioner 'pd.csi.storage.gke.io' or manually"],
  ['kubernetes.io/flocker', 'no volume plugin matched name: kubernetes.io/flocker'],
])('a class of a provisioner that Kubernetes had once: %s', async (provisioner, told) => {
  cluster.server.seed(resources.storageClasses, { metadata: { name: 'old' }, provisioner });
  await addClaim('data', '1Gi', { storageClassName: 'old' });
  expect(cluster.events('data').join()).toContain(told);
});

it('a volume that is reserved for a claim is not bound when it cannot do what the claim asks for', async () => {
  await addVolume('mine', '1Gi', { claimRef: { namespace: 'default', name: 'data' } });
  await addVolume('free', '1Gi', { accessModes: ['ReadWriteMany'] });
  await addClaim('data', '1Gi', { accessModes: ['ReadWriteMany'] });
  expect(claim('data')!.spec!.volumeName).toBe('free');
});

it('a claim that asks for a volume it cannot have says why', async () => {
  await addVolume('small', '1Gi');
  await addClaim('data', '2Gi', { volumeName: 'small' });
  expect(cluster.events('data', 'VolumeMismatch')).toEqual(['Cannot bind to requested volume "small": requested PV is too small']);
  await addVolume('taken', '1Gi', { claimRef: { namespace: 'other', name: 'theirs' } });
  await addClaim('late', '1Gi', { volumeName: 'taken' });
  expect(cluster.events('late', 'FailedBinding')).toEqual(['volume "taken" already bound to a different claim.']);
  expect(volume('taken')!.spec!.claimRef).toEqual({ namespace: 'other', name: 'theirs' });
});

it('a claim that this controller gave a volume, and the volume is of another, stays as it is', async () => {
  await addVolume('taken', '1Gi', { claimRef: { namespace: 'other', name: 'theirs', uid: 'theirs' } });
  cluster.server.seed(resources.persistentVolumeClaims, {
    metadata: { name: 'data', namespace: 'default', annotations: { 'pv.kubernetes.io/bound-by-controller': 'yes' } },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, volumeName: 'taken' },
    status: { phase: 'Bound' },
  });
  await settle(20);
  expect(claim('data')!.status).toEqual({ phase: 'Bound' });
});

it('a claim whose volume was given to another is lost, and the other keeps it', async () => {
  await addVolume('pv', '1Gi');
  await addClaim('data', '1Gi');
  cluster.server.change(resources.persistentVolumes, '', 'pv', (v) => {
    v.spec!.claimRef = { namespace: 'default', name: 'other', uid: 'another-uid' };
  });
  await settle(30);
  expect(claim('data')!.status).toEqual({ phase: 'Lost' });
  expect(cluster.events('data', 'ClaimMisbound')).toEqual([
    'Two claims are bound to the same volume, this one is bound incorrectly',
  ]);
});

it('what was expanded is not set back by the binding', async () => {
  await addVolume('pv', '1Gi');
  await addClaim('data', '1Gi');
  cluster.server.change(resources.persistentVolumes, '', 'pv', (v) => (v.spec!.capacity = { storage: '2Gi' }));
  await settle(30);
  expect(claim('data')!.status).toMatchObject({ phase: 'Bound', capacity: { storage: '1Gi' } });
});

it.each([
  ['on a node', { hostPath: undefined, local: { path: '/data' } }, 'error getting deleter volume plugin for volume "pv": no volume plugin matched'],
  ['elsewhere', { hostPath: undefined, nfs: { server: 'nas', path: '/' } }, 'error getting deleter volume plugin for volume "pv": no deletable volume plugin matched'],
  ['on the machine', {}, 'host_path deleter only supports /tmp/.+ but received provided /data/pv'],
])('a volume that nobody can give back fails when it is released: %s', async (_name, source, message) => {
  await addVolume('pv', '1Gi', { persistentVolumeReclaimPolicy: 'Delete', ...source });
  await addClaim('data', '1Gi');
  await cluster.client.of(resources.persistentVolumeClaims).delete('default', 'data');
  await settle(30);
  expect(volume('pv')!.status).toMatchObject({ phase: 'Failed', message });
  expect(cluster.events('pv', 'VolumeFailedDelete')).toEqual([message]);
});

const recycler = () => cluster.server.find(resources.pods, 'default', 'recycler-for-pv');

async function recycle(outcome: object): Promise<void> {
  await addVolume('pv', '1Gi', { persistentVolumeReclaimPolicy: 'Recycle' });
  await addClaim('data', '1Gi');
  await cluster.client.of(resources.persistentVolumeClaims).delete('default', 'data');
  await settle(30);
  expect(volume('pv')!.status!.phase).toBe('Released');
  expect(recycler()!.spec!.volumes).toEqual([{ name: 'vol', hostPath: { path: '/data/pv' } }]);
  cluster.server.change(resources.pods, 'default', 'recycler-for-pv', (pod) => (pod.status = outcome));
  await settle(30);
  expect(recycler()).toBeUndefined();
}

it('a volume that is recycled is emptied by a pod, and anybody may claim it again', async () => {
  await recycle({ phase: 'Succeeded' });
  expect(volume('pv')!.status!.phase).toBe('Available');
  expect(volume('pv')!.spec!.claimRef).toBeUndefined();
  expect(cluster.events('pv', 'VolumeRecycled')).toEqual(['Volume recycled']);
  await addClaim('next', '1Gi');
  expect(claim('next')!.status!.phase).toBe('Bound');
});

it('a volume is not emptied, nor given up, while pods of its claim are there', async () => {
  await addVolume('pv', '1Gi', { persistentVolumeReclaimPolicy: 'Recycle', hostPath: undefined, gcePersistentDisk: { pdName: 'disk' } });
  await addClaim('data', '1Gi');
  cluster.server.seed(resources.pods, makePod('user', {}, { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] }));
  cluster.server.change(resources.persistentVolumeClaims, 'default', 'data', ({ metadata }) => (metadata!.finalizers = []));
  cluster.server.drop(resources.persistentVolumeClaims, 'default', 'data');
  await settle(30);
  expect(volume('pv')!.status!.phase).toBe('Released');
  expect(cluster.events('pv', 'VolumeFailedRecycle')).toEqual(['Volume is used by pods: default/user']);
  cluster.server.drop(resources.pods, 'default', 'user');
  await cluster.clock.advance(16_000);
  await settle(30);
  expect(volume('pv')!.status).toMatchObject({ phase: 'Failed', message: 'No recycler plugin found for the volume!' });
});

it('a volume that cannot be emptied fails', async () => {
  await recycle({ phase: 'Failed', message: 'deadline exceeded' });
  const message = 'Recycle failed: failed to recycle volume: deadline exceeded';
  expect(volume('pv')!.status).toMatchObject({ phase: 'Failed', message });
  expect(volume('pv')!.spec!.claimRef).toBeDefined();
  expect(cluster.events('pv', 'VolumeFailedRecycle')).toEqual([message]);
});

it('a volume that could not be emptied is tried again after a while, and is free when that succeeds', async () => {
  await recycle({ phase: 'Failed' });
  await cluster.clock.advance(10_000);
  expect(recycler()).toBeUndefined();
  await cluster.clock.advance(5000);
  await settle(30);
  expect(volume('pv')!.status!.phase).toBe('Failed');
  cluster.server.change(resources.pods, 'default', 'recycler-for-pv', (pod) => (pod.status = { phase: 'Succeeded' }));
  await settle(30);
  expect(volume('pv')!.status).toEqual({ phase: 'Available' });
  expect(cluster.events('pv', 'VolumeFailedRecycle')).toHaveLength(1);
});

it('a claim that waits for a pod says for which', async () => {
  cluster.server.seed(resources.storageClasses, {
    metadata: { name: 'late' },
    provisioner: 'example.com/disk',
    volumeBindingMode: 'WaitForFirstConsumer',
  });
  await addClaim('data', '1Gi', { storageClassName: 'late' });
  const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
  cluster.server.seed(resources.pods, makePod('db', {}, { volumes }));
  await settle(30);
  expect(cluster.events('data', 'WaitForPodScheduled')).toEqual(['waiting for pod db to be scheduled']);
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
  // A pod that has ended still is a pod that names it.
  cluster.server.change(resources.pods, 'default', 'db', (pod) => (pod.status = { phase: 'Succeeded' }));
  await settle(20);
  expect(claim('data')!.metadata!.finalizers).toEqual(['kubernetes.io/pvc-protection']);
  cluster.server.drop(resources.pods, 'default', 'db');
  await settle(20);
  expect([claim('data'), volume('pv')]).toEqual([undefined, undefined]);
});

it.each([
  ['was made for one pod', { ephemeral: { volumeClaimTemplate: { spec: {} } } }],
  // As that of a StatefulSet's pod which is scaled away: in the foreground the pod waits for the claim.
  ['one pod owns', { persistentVolumeClaim: { claimName: 'db-scratch' } }],
])('a claim that %s goes when the kubelet is done with that pod', async (_, source) => {
  const { uid } = cluster.server.seed(resources.pods, makePod('db', {}, { nodeName: 'node-1', volumes: [{ name: 'scratch', ...source }] })).metadata!;
  const owner = { apiVersion: 'v1', kind: 'Pod', name: 'db', uid: uid!, controller: true };
  cluster.server.seed(resources.persistentVolumeClaims, {
    metadata: { name: 'db-scratch', namespace: 'default', ownerReferences: [owner], finalizers: ['kubernetes.io/pvc-protection'] },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  });
  await cluster.client.of(resources.persistentVolumeClaims).delete('default', 'db-scratch');
  await settle(20);
  expect(claim('db-scratch')).toBeDefined();
  cluster.server.change(resources.pods, 'default', 'db', ({ metadata }) => {
    metadata!.deletionTimestamp = '2026-01-01T00:00:00Z';
    metadata!.deletionGracePeriodSeconds = 0;
  });
  await settle(20);
  expect(claim('db-scratch')).toBeUndefined();
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
