import { afterEach, beforeEach, expect, it } from 'vitest';
import { engineVolumeDriver } from '../../../main/api/engineVolumes.ts';
import type { PersistentVolumeClaim } from '../../../main/api/index.ts';
import { resources } from '../../../main/client/index.ts';
import { VolumeExpander } from '../../../main/controllers/volumeExpander.ts';
import { VolumeModifier } from '../../../main/controllers/volumeModifier.ts';
import { VACProtectionController } from '../../../main/controllers/volumeProtection.ts';
import { settle } from '../../support/fakeClock.ts';
import { Cluster } from './harness.ts';

let cluster: Cluster;
beforeEach(async () => {
  cluster = new Cluster();
  await cluster.start(VolumeExpander, VolumeModifier, VACProtectionController);
});
afterEach(() => cluster.stop());

const claim = () => cluster.server.find(resources.persistentVolumeClaims, 'default', 'data')!;
const volume = () => cluster.server.find(resources.persistentVolumes, '', 'pv')!;
const change = (edit: (claim: PersistentVolumeClaim) => void) =>
  cluster.server.change(resources.persistentVolumeClaims, 'default', 'data', edit);

async function bound(driver = engineVolumeDriver): Promise<void> {
  const { metadata } = cluster.server.seed(resources.persistentVolumeClaims, {
    metadata: { name: 'data', namespace: 'default' },
    spec: { volumeName: 'pv', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    status: { phase: 'Bound', capacity: { storage: '1Gi' } },
  });
  cluster.server.seed(resources.persistentVolumes, {
    metadata: { name: 'pv' },
    spec: {
      capacity: { storage: '1Gi' },
      claimRef: { namespace: 'default', name: 'data', uid: metadata!.uid },
      csi: { driver, volumeHandle: 'pv' },
    },
  });
  await settle(20);
}

const attributes = (name: string, driverName = engineVolumeDriver) =>
  cluster.server.seed(resources.volumeAttributesClasses, { metadata: { name }, driverName });

it('a claim that asks for more gets it', async () => {
  await bound();
  change((c) => (c.spec!.resources!.requests!.storage = '3Gi'));
  await settle(40);
  expect(volume().spec!.capacity).toEqual({ storage: '3Gi' });
  expect(claim().status).toEqual({
    phase: 'Bound',
    capacity: { storage: '3Gi' },
    allocatedResources: { storage: '3Gi' },
  });
  expect(cluster.events('data')).toEqual(['External resizer is resizing volume pv', 'Resize volume succeeded']);
});

it('a claim that was to grow when everything stopped grows afterwards', async () => {
  await bound();
  cluster.fail('PATCH', 'persistentvolumes');
  change((c) => (c.spec!.resources!.requests!.storage = '3Gi'));
  await settle(40);
  expect(claim().status).toMatchObject({
    capacity: { storage: '1Gi' },
    conditions: [{ type: 'Resizing', status: 'True' }],
    allocatedResourceStatuses: { storage: 'ControllerResizeInProgress' },
  });
  cluster.server.intercept = undefined;
  await cluster.clock.advance(10_000);
  expect(claim().status).toEqual({
    phase: 'Bound',
    capacity: { storage: '3Gi' },
    allocatedResources: { storage: '3Gi' },
  });
});

it('a claim on a volume of somebody else says who is waited for', async () => {
  await bound('example.com');
  change((c) => (c.spec!.resources!.requests!.storage = '3Gi'));
  await settle(40);
  expect(cluster.events('data')).toEqual(['waiting for an external controller to expand this PVC']);
  expect(volume().spec!.capacity).toEqual({ storage: '1Gi' });
});

it('a claim gets the attributes class that it asks for, as soon as there is one', async () => {
  await bound();
  change((c) => (c.spec!.volumeAttributesClassName = 'gold'));
  await settle(40);
  expect(claim().status!.modifyVolumeStatus).toEqual({ targetVolumeAttributesClassName: 'gold', status: 'Pending' });
  attributes('gold');
  await settle(40);
  expect(volume().spec!.volumeAttributesClassName).toBe('gold');
  expect(claim().status).toEqual({ phase: 'Bound', capacity: { storage: '1Gi' }, currentVolumeAttributesClassName: 'gold' });
});

it('a class of attributes stays while a claim has it', async () => {
  attributes('gold');
  await bound();
  change((c) => (c.spec!.volumeAttributesClassName = 'gold'));
  await settle(40);
  await cluster.client.of(resources.volumeAttributesClasses).delete('', 'gold');
  await settle(20);
  const gold = () => cluster.server.find(resources.volumeAttributesClasses, '', 'gold');
  expect(gold()!.metadata!.finalizers).toEqual(['kubernetes.io/vac-protection']);
  cluster.server.drop(resources.persistentVolumeClaims, 'default', 'data');
  cluster.server.drop(resources.persistentVolumes, '', 'pv');
  await settle(20);
  expect(gold()).toBeUndefined();
});
