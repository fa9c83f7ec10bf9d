import { afterEach, beforeEach, expect, it } from 'vitest';
import type { PersistentVolumeClaim } from '../../../main/api/index.ts';
import { engineVolumeDriver } from '../../../main/api/engineVolumes.ts';
import { timestamp } from '../../../main/api/meta.ts';
import { resources } from '../../../main/client/index.ts';
import { PersistentVolumeBinder } from '../../../main/controllers/persistentVolumeBinder.ts';
import { PVCProtectionController, PVProtectionController } from '../../../main/controllers/volumeProtection.ts';
import { VolumeProvisioner } from '../../../main/controllers/volumeProvisioner.ts';
import { settle } from '../../support/fakeClock.ts';
import { Cluster } from './harness.ts';

let cluster: Cluster;
beforeEach(async () => {
  cluster = new Cluster();
  await cluster.start(PersistentVolumeBinder, VolumeProvisioner, PVCProtectionController, PVProtectionController);
});
afterEach(() => cluster.stop());

async function claimOf(
  volumeBindingMode: string,
  reclaimPolicy = 'Delete',
  spec: PersistentVolumeClaim['spec'] = {},
): Promise<void> {
  cluster.server.seed(resources.storageClasses, {
    metadata: { name: 'standard' },
    provisioner: 'skiff.dev/docker-volume',
    reclaimPolicy,
    volumeBindingMode,
  });
  await settle();
  cluster.server.seed(resources.persistentVolumeClaims, {
    metadata: { name: 'data', namespace: 'default' },
    spec: {
      storageClassName: 'standard',
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      ...spec,
    },
  });
  await settle(30);
}

const making = 'skiff.dev/volume-in-the-making';
const claim = () => cluster.server.find(resources.persistentVolumeClaims, 'default', 'data');
const volumes = () => cluster.server.all(resources.persistentVolumes);
const deleteClaim = async () => {
  await cluster.client.of(resources.persistentVolumeClaims).delete('default', 'data');
  await settle(60);
};

it('a claim gets a volume of the engine, of its own', async () => {
  await claimOf('Immediate');
  const name = `pvc-${claim()!.metadata!.uid}`;
  expect(volumes()).toMatchObject([
    {
      metadata: { name, annotations: { 'pv.kubernetes.io/provisioned-by': 'skiff.dev/docker-volume' } },
      spec: {
        capacity: { storage: '1Gi' },
        accessModes: ['ReadWriteOnce'],
        persistentVolumeReclaimPolicy: 'Delete',
        storageClassName: 'standard',
        claimRef: { namespace: 'default', name: 'data', uid: claim()!.metadata!.uid },
        csi: { driver: engineVolumeDriver, volumeHandle: name },
      },
      status: { phase: 'Bound' },
    },
  ]);
  expect(claim()).toMatchObject({ spec: { volumeName: name }, status: { phase: 'Bound' } });
  expect(cluster.events('data', 'ExternalProvisioning')).toHaveLength(1);
  expect(cluster.events('data', 'ProvisioningSucceeded')).toEqual([`Successfully provisioned volume ${name}`]);
});

it('the engine has the volume before anybody can mount it, and whoever mounts it can write', async () => {
  cluster.engineProblem = 'the engine is away';
  await claimOf('Immediate');
  expect(volumes()).toEqual([]);
  expect(cluster.events('data', 'ProvisioningFailed')).toEqual([
    'failed to provision volume with StorageClass "standard": the engine is away',
  ]);
  cluster.engineProblem = undefined;
  await cluster.clock.advance(60_000);
  expect([...cluster.engineVolumes]).toEqual([[volumes()[0]!.spec!.csi!.volumeHandle, 0o777]]);
  expect(claim()!.status!.phase).toBe('Bound');
});

it('what was made for a claim that went meanwhile is removed', async () => {
  cluster.fail('POST', 'persistentvolumes');
  await claimOf('Immediate');
  const [made] = cluster.engineVolumes.keys();
  expect(volumes()).toEqual([]);
  await deleteClaim();
  expect(cluster.removedVolumes).toEqual([made]);
});

it.each(['kubernetes.io/pvc-protection', making])('what a killed engine had made for a claim goes, when the claim is on its way out as the next engine starts (%s)', async (finalizer) => {
  await cluster.stop();
  cluster = new Cluster();
  const metadata = {
    name: 'data',
    namespace: 'default',
    annotations: { 'volume.kubernetes.io/storage-provisioner': 'skiff.dev/docker-volume' },
    finalizers: [finalizer],
    deletionTimestamp: timestamp(cluster.clock.now()),
  };
  const { uid } = cluster.server.seed(resources.persistentVolumeClaims, { metadata, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } }).metadata!;
  cluster.engineVolumes.set(`pvc-${uid}`, 0o777);
  await cluster.start(PersistentVolumeBinder, VolumeProvisioner, PVCProtectionController, PVProtectionController);
  await settle(60);
  expect(claim()).toBeUndefined();
  expect([...cluster.engineVolumes.keys()]).toEqual([]);
});

it('a claim is held before anything is made for it', async () => {
  cluster.engineProblem = 'the engine is away';
  await claimOf('Immediate');
  expect(claim()!.metadata!.finalizers).toContain(making);
  expect(cluster.engineVolumes.size).toBe(0);
});

it('a claim that has its volume is held by nothing of the provisioner', async () => {
  await claimOf('Immediate');
  expect(claim()!.status!.phase).toBe('Bound');
  expect(claim()!.metadata!.finalizers).toEqual(['kubernetes.io/pvc-protection']);
});

it('what was begun for a claim that another volume then took is removed, and the claim let go', async () => {
  cluster.fail('POST', 'persistentvolumes');
  await claimOf('Immediate');
  cluster.server.change(resources.persistentVolumeClaims, 'default', 'data', (c) => void (c.spec!.volumeName = 'by-hand'));
  await settle(60);
  expect([...cluster.engineVolumes.keys()]).toEqual([]);
  expect(claim()!.metadata!.finalizers).not.toContain(making);
});

it('a volume is made with the attributes class of its claim', async () => {
  cluster.server.seed(resources.volumeAttributesClasses, { metadata: { name: 'gold' }, driverName: engineVolumeDriver });
  await claimOf('Immediate', 'Delete', { volumeAttributesClassName: 'gold' });
  expect(volumes()[0]!.spec!.volumeAttributesClassName).toBe('gold');
  expect(claim()!.status).toMatchObject({ phase: 'Bound', currentVolumeAttributesClassName: 'gold' });
});

it('a claim that waits for its first consumer gets none before a node is chosen', async () => {
  await claimOf('WaitForFirstConsumer');
  expect(volumes()).toEqual([]);
  cluster.server.change(resources.persistentVolumeClaims, 'default', 'data', (c) => {
    c.metadata!.annotations = { ...c.metadata!.annotations, 'volume.kubernetes.io/selected-node': 'node-1' };
  });
  await settle(60);
  expect(volumes()).toHaveLength(1);
  expect(claim()!.status!.phase).toBe('Bound');
});

it('with its claim the volume goes, and its data', async () => {
  await claimOf('Immediate');
  const [volume] = volumes();
  await deleteClaim();
  expect(volumes()).toEqual([]);
  expect(cluster.removedVolumes).toContain(volume!.spec!.csi!.volumeHandle);
});

it('a volume that a container still has goes with the container, and soon somebody is told', async () => {
  await claimOf('Immediate');
  const [volume] = volumes();
  const handle = volume!.spec!.csi!.volumeHandle;
  cluster.volumesInUse.add(handle);
  cluster.server.change(resources.persistentVolumes, '', volume!.metadata!.name!, (v) => {
    v.status!.lastPhaseTransitionTime = timestamp(cluster.clock.now());
  });
  await deleteClaim();
  await cluster.clock.advance(20_000);
  expect(volumes()).toHaveLength(1);
  expect(cluster.events(handle, 'VolumeFailedDelete')).toEqual([]);
  await cluster.clock.advance(20_000);
  expect(cluster.events(handle, 'VolumeFailedDelete')).toEqual([`remove ${handle}: volume is in use`]);
  cluster.volumesInUse.clear();
  await cluster.clock.advance(20_000);
  expect(volumes()).toEqual([]);
});

it('a volume that is deleted before its claim keeps its data until the claim goes', async () => {
  await claimOf('Immediate');
  const [volume] = volumes();
  await cluster.client.of(resources.persistentVolumes).delete('', volume!.metadata!.name!);
  await settle(30);
  expect(volumes()).toHaveLength(1);
  expect(cluster.removedVolumes).toEqual([]);
  await deleteClaim();
  expect(volumes()).toEqual([]);
  expect(cluster.removedVolumes).toContain(volume!.spec!.csi!.volumeHandle);
});

it('a retained volume keeps its data, even when it is deleted', async () => {
  await claimOf('Immediate', 'Retain');
  const [volume] = volumes();
  await deleteClaim();
  expect(volumes()).toMatchObject([{ status: { phase: 'Released' } }]);
  await cluster.client.of(resources.persistentVolumes).delete('', volume!.metadata!.name!);
  await settle(30);
  expect(volumes()).toEqual([]);
  expect(cluster.removedVolumes).toEqual([]);
});

it('a volume that is not to be kept any more is protected until its data is gone', async () => {
  await claimOf('Immediate', 'Retain');
  const name = volumes()[0]!.metadata!.name!;
  const held = () => volumes()[0]!.metadata!.finalizers ?? [];
  expect(held()).not.toContain('external-provisioner.volume.kubernetes.io/finalizer');
  await cluster.client.of(resources.persistentVolumes).patch('', name, 'merge', { spec: { persistentVolumeReclaimPolicy: 'Delete' } });
  await settle(30);
  expect(held()).toContain('external-provisioner.volume.kubernetes.io/finalizer');
});

it('a claim that somebody else fills is left to him', async () => {
  cluster.server.seed(resources.storageClasses, { metadata: { name: 'standard' }, provisioner: 'skiff.dev/docker-volume', volumeBindingMode: 'Immediate' });
  await settle();
  cluster.server.seed(resources.persistentVolumeClaims, {
    metadata: { name: 'greeted', namespace: 'default' },
    spec: { storageClassName: 'standard', dataSourceRef: { apiGroup: 'hello.example.com', kind: 'Hello', name: 'x' }, resources: { requests: { storage: '1Gi' } } },
  });
  await settle(60);
  expect(volumes()).toEqual([]);
  expect(cluster.events('greeted', 'Provisioning')).toEqual(['Assuming an external populator will provision the volume']);
  expect(cluster.events('greeted', 'ProvisioningFailed')).toEqual([]);
});

it('what the engine cannot give is refused, and said', async () => {
  cluster.server.seed(resources.storageClasses, {
    metadata: { name: 'standard' },
    provisioner: 'skiff.dev/docker-volume',
    volumeBindingMode: 'Immediate',
  });
  await settle();
  cluster.server.seed(resources.persistentVolumeClaims, {
    metadata: { name: 'raw', namespace: 'default' },
    spec: { storageClassName: 'standard', volumeMode: 'Block', resources: { requests: { storage: '1Gi' } } },
  });
  await settle(60);
  expect(volumes()).toEqual([]);
  expect(cluster.events('raw', 'ProvisioningFailed')).toEqual([
    'failed to provision volume with StorageClass "standard": volumes of mode Block are not supported',
  ]);
});
