import { afterEach, beforeEach, expect, it } from 'vitest';
import { engineVolumeDriver } from '../../../main/api/engineVolumes.ts';
import type { PersistentVolumeClaim } from '../../../main/api/index.ts';
import type { VolumeSnapshot } from '../../../main/api/volumeSnapshots.ts';
import { resources } from '../../../main/client/index.ts';
import { PersistentVolumeBinder } from '../../../main/controllers/persistentVolumeBinder.ts';
import { VolumeProvisioner } from '../../../main/controllers/volumeProvisioner.ts';
import { volumeSnapshotClasses, volumeSnapshotContents, volumeSnapshots } from '../../../main/controllers/volumeSnapshot/kinds.ts';
import { SnapshotContentController } from '../../../main/controllers/volumeSnapshot/snapshotContentController.ts';
import { VolumeSnapshotController } from '../../../main/controllers/volumeSnapshot/volumeSnapshotController.ts';
import { settle } from '../../support/fakeClock.ts';
import { Cluster } from './harness.ts';

let cluster: Cluster;
beforeEach(async () => {
  cluster = new Cluster();
  cluster.server.customKinds.push(volumeSnapshots, volumeSnapshotContents, volumeSnapshotClasses);
  await cluster.start(PersistentVolumeBinder, VolumeProvisioner, SnapshotContentController, VolumeSnapshotController);
  cluster.server.seed(resources.storageClasses, {
    metadata: { name: 'standard' },
    provisioner: 'skiff.dev/docker-volume',
    reclaimPolicy: 'Delete',
    volumeBindingMode: 'Immediate',
  });
  await settle();
});
afterEach(() => cluster.stop());

const rest = async () => {
  await settle(60);
  await cluster.clock.advance(1000);
};

async function claim(name: string, spec: PersistentVolumeClaim['spec'] = {}): Promise<string> {
  const { metadata } = cluster.server.seed(resources.persistentVolumeClaims, {
    metadata: { name, namespace: 'default' },
    spec: { storageClassName: 'standard', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
  });
  await rest();
  return `pvc-${metadata!.uid}`;
}

function snapshotClass(deletionPolicy = 'Delete'): void {
  const annotations = { 'snapshot.storage.kubernetes.io/is-default-class': 'true' };
  cluster.server.seed(volumeSnapshotClasses, { metadata: { name: 'copies', annotations }, driver: engineVolumeDriver, deletionPolicy });
}

async function take(name = 'before', source: NonNullable<VolumeSnapshot['spec']>['source'] = { persistentVolumeClaimName: 'data' }): Promise<void> {
  cluster.server.seed(volumeSnapshots, { metadata: { name, namespace: 'default' }, spec: { source } });
  await rest();
}

const snapshot = (name = 'before') => cluster.server.find(volumeSnapshots, 'default', name);
const contents = () => cluster.server.all(volumeSnapshotContents);
const phase = (name: string) => cluster.server.find(resources.persistentVolumeClaims, 'default', name)!.status?.phase ?? 'Pending';
const fromSnapshot = { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 'before' };

it('a snapshot is a copy of the volume, and can be restored from', async () => {
  snapshotClass();
  const handle = await claim('data');
  await take();
  const [content] = contents();
  const copy = content!.status!.snapshotHandle!;
  expect(snapshot()!.status).toMatchObject({ boundVolumeSnapshotContentName: content!.metadata!.name, readyToUse: true, restoreSize: '1Gi' });
  expect(cluster.engineVolumes.has(copy)).toBe(true);
  expect(cluster.copiedVolumes).toEqual([`${handle} → ${copy}`]);
  const restored = await claim('again', { dataSource: fromSnapshot, dataSourceRef: fromSnapshot });
  expect(phase('again')).toBe('Bound');
  expect(cluster.copiedVolumes[1]).toBe(`${copy} → ${restored}`);
});

it('a copy that was cut short is begun anew, from nothing', async () => {
  snapshotClass();
  await claim('data');
  cluster.fail('PUT', 'volumesnapshotcontents');
  await take();
  expect(snapshot()!.status?.readyToUse).not.toBe(true);
  cluster.server.intercept = undefined;
  await cluster.clock.advance(60_000);
  const copy = contents()[0]!.status!.snapshotHandle!;
  expect(snapshot()!.status!.readyToUse).toBe(true);
  expect(cluster.removedVolumes).toContain(copy);
  expect(contents()).toHaveLength(1);
});

it.each([
  ['Delete', 0],
  ['Retain', 1],
])('with its snapshot the copy goes, unless the class retains it: %s', async (policy, left) => {
  snapshotClass(policy);
  await claim('data');
  await take();
  const copy = contents()[0]!.status!.snapshotHandle!;
  await cluster.client.of(volumeSnapshots).delete('default', 'before');
  await rest();
  expect(snapshot()).toBeUndefined();
  expect(contents()).toHaveLength(left);
  expect(cluster.engineVolumes.has(copy)).toBe(left === 1);
});

it('a snapshot of what cannot be copied says why', async () => {
  await claim('data');
  await take();
  expect(snapshot()!.status!.error!.message).toContain('cannot find default snapshot class');
  snapshotClass();
  await take('other', { persistentVolumeClaimName: 'nobody' });
  expect(snapshot('other')!.status!.error!.message).toContain('failed to retrieve PVC nobody from the lister');
  await cluster.clock.advance(20_000);
  expect(snapshot()!.status).toMatchObject({ readyToUse: true });
  expect(snapshot()!.status!.error).toBeUndefined();
});

it('a content that is deleted alone keeps its data as long as its snapshot stays', async () => {
  snapshotClass();
  await claim('data');
  await take();
  const { metadata, status } = contents()[0]!;
  await cluster.client.of(volumeSnapshotContents).delete('', metadata!.name!);
  await rest();
  expect(cluster.engineVolumes.has(status!.snapshotHandle!)).toBe(true);
  await cluster.client.of(volumeSnapshots).delete('default', 'before');
  await rest();
  expect([contents(), snapshot()]).toEqual([[], undefined]);
  expect(cluster.engineVolumes.has(status!.snapshotHandle!)).toBe(false);
});

it('data that somebody brings is a snapshot by a content that names both', async () => {
  const bring = (name: string, snapshotHandle: string) =>
    cluster.server.seed(volumeSnapshotContents, {
      metadata: { name },
      spec: { driver: engineVolumeDriver, deletionPolicy: 'Retain', source: { snapshotHandle }, volumeSnapshotRef: { name: 'before', namespace: 'default' } },
    });
  cluster.engineVolumes.set('kept', 0o777);
  bring('brought', 'kept');
  bring('nothing', 'unknown');
  await take('before', { volumeSnapshotContentName: 'brought' });
  expect(snapshot()!.status).toMatchObject({ readyToUse: true, boundVolumeSnapshotContentName: 'brought' });
  expect(contents()[0]!.spec!.volumeSnapshotRef.uid).toBe(snapshot()!.metadata!.uid);
  expect(contents()[1]!.status!.error!.message).toContain('there is no volume unknown of this cluster');
  await take('other', { volumeSnapshotContentName: 'brought' });
  expect(snapshot('other')!.status!.error!.message).toBe('VolumeSnapshotContent [brought] is bound to a different snapshot');
});

it('a claim of which a snapshot is being taken cannot go before it is', async () => {
  snapshotClass();
  await claim('data');
  cluster.fail('PUT', 'volumesnapshotcontents');
  await take();
  const finalizers = () => cluster.server.find(resources.persistentVolumeClaims, 'default', 'data')!.metadata!.finalizers ?? [];
  expect(finalizers()).toContain('snapshot.storage.kubernetes.io/pvc-as-source-protection');
  cluster.server.intercept = undefined;
  await cluster.clock.advance(60_000);
  expect(finalizers()).not.toContain('snapshot.storage.kubernetes.io/pvc-as-source-protection');
});

it('a claim is a copy of another one, and no smaller', async () => {
  const handle = await claim('data');
  const dataSource = { kind: 'PersistentVolumeClaim', name: 'data' };
  const clone = await claim('clone', { dataSource });
  expect(phase('clone')).toBe('Bound');
  expect(cluster.copiedVolumes).toEqual([`${handle} → ${clone}`]);
  await claim('small', { dataSource, resources: { requests: { storage: '1Mi' } } });
  expect(phase('small')).toBe('Pending');
  expect(cluster.events('small', 'ProvisioningFailed')[0]).toContain('must be greater than or equal in size');
});

it('a claim waits for the snapshot that it is to be made of', async () => {
  snapshotClass();
  await claim('data');
  await claim('again', { dataSourceRef: fromSnapshot });
  expect(phase('again')).toBe('Pending');
  expect(cluster.events('again', 'ProvisioningFailed')[0]).toContain('error getting snapshot before from api server: not found');
  await take();
  await cluster.clock.advance(60_000);
  expect(phase('again')).toBe('Bound');
});
