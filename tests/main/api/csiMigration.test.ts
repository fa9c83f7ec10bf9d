import { describe, expect, it } from 'vitest';
import type { NodeSelectorTerm, PersistentVolume, Volume } from '../../../main/api/index.ts';
import { inlineHandle, migratedDrivers, migratedPlugin, persistentAffinity, persistentHandle, type MigratedSource } from '../../../main/api/csiMigration.ts';

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
    expect(() => disk({ [zone]: 'europe-west1-b__asia-east1-c' })).toThrow('failed to get region from zones: multiple or no regions gotten from zones, got: map[asia-east1:{} europe-west1:{}]');
    expect(() => disk({ [zone]: 'here__there' })).toThrow('zone in unexpected format');
  });
});

describe('from where such a volume can be reached, in the words of its CSI driver', () => {
  const region = 'topology.kubernetes.io/region';
  const oldRegion = 'failure-domain.beta.kubernetes.io/region';
  const isIn = (key: string, ...values: string[]) => ({ key, operator: 'In', values });
  const terms = (given: NodeSelectorTerm[] | undefined, labels: Record<string, string> = {}, source: PersistentVolume['spec'] = { awsElasticBlockStore: { volumeID: 'vol-1' } }) =>
    persistentAffinity({ metadata: { name: 'pv', labels }, spec: { ...source, ...(given ? { nodeAffinity: { required: { nodeSelectorTerms: given } } } : {}) } })?.required?.nodeSelectorTerms;
  const ebs = 'topology.ebs.csi.aws.com/zone';

  it.each<[string, NodeSelectorTerm[] | undefined, Record<string, string>, NodeSelectorTerm[] | undefined]>([
    ['nothing is said where nothing was', undefined, {}, undefined],
    ['its labels say the zone, older ones too', undefined, { [oldZone]: 'us-1a' }, [{ matchExpressions: [isIn(ebs, 'us-1a')] }]],
    ['of several zones each counts once', undefined, { [zone]: 'b__a__ __a' }, [{ matchExpressions: [isIn(ebs, 'a', 'b')] }]],
    ['of two labels the newer counts', undefined, { [zone]: 'new', [oldZone]: 'old' }, [{ matchExpressions: [isIn(ebs, 'new')] }]],
    ['a label without a zone says nothing', undefined, { [zone]: '' }, undefined],
    ['what it says itself counts more than its labels', [{ matchExpressions: [isIn(zone, 'a'), isIn(region, 'r')] }], { [zone]: 'b' }, [{ matchExpressions: [isIn(ebs, 'a'), isIn(region, 'r')] }]],
    ['labels of old go with their regions', [{ matchExpressions: [isIn(oldZone, 'a')] }, { matchExpressions: [isIn(oldRegion, 'r')] }], {}, [{ matchExpressions: [isIn(ebs, 'a')] }, { matchExpressions: [isIn(region, 'r')] }]],
    ['a region of old stays where the zone is not of old', [{ matchExpressions: [isIn(zone, 'a'), isIn(oldRegion, 'r')] }], {}, [{ matchExpressions: [isIn(ebs, 'a'), isIn(oldRegion, 'r')] }]],
    ['each term gets the zone where none has one', [{ matchExpressions: [isIn('disk', 'ssd')] }, { matchFields: [isIn('metadata.name', 'n')] }], { [zone]: 'a' }, [
      { matchExpressions: [isIn('disk', 'ssd'), isIn(ebs, 'a')] },
      { matchFields: [isIn('metadata.name', 'n')], matchExpressions: [isIn(ebs, 'a')] },
    ]],
  ])('%s', (_name, given, labels, told) => expect(terms(given, labels)).toEqual(told));

  it('is named by each driver in its own way, and by some in none', () => {
    const key = (source: PersistentVolume['spec']) => terms([{ matchExpressions: [isIn(zone, 'a')] }], {}, source)![0]!.matchExpressions![0]!.key;
    expect(key({ gcePersistentDisk: { pdName: 'd' } })).toBe('topology.gke.io/zone');
    expect(key({ cinder: { volumeID: 'c' } })).toBe('topology.cinder.csi.openstack.org/zone');
    expect(key({ azureDisk: { diskName: 'd', diskURI: 'u' } })).toBe(zone);
    expect(key({ portworxVolume: { volumeID: 'p' } })).toBe(zone);
  });

  it('leaves the volume as it is, and is none where the driver could not take it', () => {
    const volume: PersistentVolume = { metadata: { name: 'pv' }, spec: { gcePersistentDisk: { pdName: 'd' }, nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [isIn(zone, 'a')] }] } } } };
    const before = JSON.stringify(volume);
    persistentAffinity(volume);
    expect(JSON.stringify(volume)).toBe(before);
    expect(() => persistentAffinity({ ...volume, metadata: { labels: { [zone]: 'here__there' } } })).toThrow('failed to get region from zones: zone in unexpected format, expected: {locale}-{region}-{zone}, got: here');
  });
});

it('a volume of another kind is nobody else’s', () => {
  const volume: Volume = { name: 'v', emptyDir: {} };
  expect(migratedPlugin(volume)).toBeUndefined();
});
