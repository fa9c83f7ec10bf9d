import { describe, expect, it } from 'vitest';
import type { Volume } from '../../../main/api/index.ts';
import { inlineHandle, migratedDrivers, migratedPlugin, persistentHandle, type MigratedSource } from '../../../main/api/csiMigration.ts';

const zone = 'topology.kubernetes.io/zone';
const oldZone = 'failure-domain.beta.kubernetes.io/zone';
const disk = (labels: Record<string, string>) => persistentHandle({ metadata: { name: 'pv', labels }, spec: { gcePersistentDisk: { pdName: 'd' } } });

describe('the name that a CSI driver has for a volume that a driver of Kubernetes had before', () => {
  it.each<[MigratedSource, string, string]>([
    [{ awsElasticBlockStore: { volumeID: 'vol-1' } }, 'ebs.csi.aws.com', 'vol-1'],
    [{ awsElasticBlockStore: { volumeID: 'aws:///vol-1' } }, 'ebs.csi.aws.com', 'vol-1'],
    [{ awsElasticBlockStore: { volumeID: 'aws://us-east-1a/vol-1' } }, 'ebs.csi.aws.com', 'vol-1'],
    [{ gcePersistentDisk: { pdName: 'd' } }, 'pd.csi.storage.gke.io', 'projects/UNSPECIFIED/zones/UNSPECIFIED/disks/d'],
    [{ azureDisk: { diskName: 'd', diskURI: '/subscriptions/d', kind: 'Managed' } }, 'disk.csi.azure.com', '/subscriptions/d'],
    [{ cinder: { volumeID: 'c' } }, 'cinder.csi.openstack.org', 'c'],
    [{ portworxVolume: { volumeID: 'p' } }, 'pxd.portworx.com', 'p'],
    [{ vsphereVolume: { volumePath: '[store] v' } }, 'csi.vsphere.vmware.com', '[store] v'],
  ])('%j', (source, driver, handle) => {
    expect([migratedDrivers[migratedPlugin(source)!], inlineHandle(source)]).toEqual([driver, handle]);
  });

  it('says where a PersistentVolume is', () => {
    expect(disk({})).toBe('projects/UNSPECIFIED/zones/UNSPECIFIED/disks/d');
    expect(disk({ [zone]: 'europe-west1-b' })).toBe('projects/UNSPECIFIED/zones/europe-west1-b/disks/d');
    expect(disk({ [zone]: 'europe-west1-b', [oldZone]: 'europe-west1-c' })).toBe('projects/UNSPECIFIED/zones/europe-west1-c/disks/d');
    expect(disk({ [zone]: 'europe-west1-b__europe-west1-c' })).toBe('projects/UNSPECIFIED/regions/europe-west1/disks/d');
  });

  it('is none where that driver could not take it', () => {
    expect(() => inlineHandle({ awsElasticBlockStore: { volumeID: 'aws://us-east-1a/disk' } })).toThrow('Invalid format for AWS volume (aws://us-east-1a/disk)');
    expect(() => inlineHandle({ azureDisk: { diskName: 'd', diskURI: 'u', kind: 'Shared' } })).toThrow('kind(Shared) is not supported in csi migration');
    expect(() => disk({ [zone]: 'europe-west1-b__asia-east1-c' })).toThrow('multiple or no regions gotten from zones');
    expect(() => disk({ [zone]: 'here__there' })).toThrow('zone in unexpected format');
  });
});

it('a volume of another kind is nobody else’s', () => {
  const volume: Volume = { name: 'v', emptyDir: {} };
  expect(migratedPlugin(volume)).toBeUndefined();
});
