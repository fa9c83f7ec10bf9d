import type { PersistentVolume, Volume } from './index.ts';

// Volumes of drivers that Kubernetes once had itself, as the CSI drivers see them that stand in for those. Mirrors k8s.io/csi-translation-lib.

/** Name that the driver had in Kubernetes → the CSI driver that stands in for it. */
export const migratedDrivers: Record<string, string> = {
  'kubernetes.io/aws-ebs': 'ebs.csi.aws.com',
  'kubernetes.io/azure-disk': 'disk.csi.azure.com',
  'kubernetes.io/azure-file': 'file.csi.azure.com',
  'kubernetes.io/cinder': 'cinder.csi.openstack.org',
  'kubernetes.io/gce-pd': 'pd.csi.storage.gke.io',
  'kubernetes.io/portworx-volume': 'pxd.portworx.com',
  'kubernetes.io/vsphere-volume': 'csi.vsphere.vmware.com',
};

/** Field of a volume's source → whose it is, by its name in Kubernetes. */
const fields = {
  awsElasticBlockStore: 'kubernetes.io/aws-ebs',
  azureDisk: 'kubernetes.io/azure-disk',
  azureFile: 'kubernetes.io/azure-file',
  cinder: 'kubernetes.io/cinder',
  gcePersistentDisk: 'kubernetes.io/gce-pd',
  portworxVolume: 'kubernetes.io/portworx-volume',
  vsphereVolume: 'kubernetes.io/vsphere-volume',
} as const;

/** What a pod's volume and a PersistentVolume say alike of such a driver. */
export type MigratedSource = Pick<Volume, Exclude<keyof typeof fields, 'azureFile'>> & { azureFile?: { shareName: string } };

/** The driver's name in Kubernetes; undefined: no CSI driver stands in for it. */
export function migratedPlugin(source: MigratedSource): string | undefined {
  for (const field in fields) if (source[field as keyof typeof fields]) return fields[field as keyof typeof fields];
  return undefined;
}

/** The CSI driver's name for a pod's volume. Throws with upstream's words where the driver could not take it. */
export function inlineHandle(source: MigratedSource): string {
  return handleOf(source, (disk) => `projects/${unspecified}/zones/${unspecified}/disks/${disk}`);
}

/** The same for a PersistentVolume, whose labels may say where it is. */
export function persistentHandle({ metadata, spec }: PersistentVolume): string {
  return handleOf(spec!, (disk) => {
    const labels = metadata?.labels ?? {};
    const zones = (labels['failure-domain.beta.kubernetes.io/zone'] || labels['topology.kubernetes.io/zone'] || '').split('__');
    if (zones.length > 1) return `projects/${unspecified}/regions/${regionOf(zones)}/disks/${disk}`;
    return `projects/${unspecified}/zones/${zones[0] || unspecified}/disks/${disk}`;
  });
}

const unspecified = 'UNSPECIFIED';

function handleOf(source: MigratedSource, googleDisk: (name: string) => string): string {
  if (source.awsElasticBlockStore) return amazonId(source.awsElasticBlockStore.volumeID);
  if (source.gcePersistentDisk) return googleDisk(source.gcePersistentDisk.pdName);
  if (source.azureDisk) {
    const { kind, diskURI } = source.azureDisk;
    if (kind !== undefined && kind.toLowerCase() !== 'managed') throw new Error(`kind(${kind}) is not supported in csi migration`);
    return diskURI;
  }
  // Who mounts a share of files is nobody's limit: its full name is never asked for.
  return source.cinder?.volumeID ?? source.portworxVolume?.volumeID ?? source.vsphereVolume?.volumePath ?? source.azureFile?.shareName ?? '';
}

/** `aws://ZONE/vol-1`, `aws:///vol-1` and `vol-1` are the same. */
function amazonId(id: string): string {
  if (!id.startsWith('aws://')) return id;
  const invalid = (why: string) => new Error(`failed to translate Kubernetes ID to EBS Volume ID ${why}`);
  if (!URL.canParse(id)) throw invalid(`Invalid disk name (${id})`);
  const volume = new URL(id).pathname.replace(/^\/+|\/+$/g, '');
  if (!/^vol-[^/]*$/.test(volume)) throw invalid(`Invalid format for AWS volume (${id})`);
  return volume;
}

/** Of zones like `europe-west1-b`, all of one region. */
function regionOf(zones: string[]): string {
  const regions = new Set(
    zones.map((zone) => {
      const parts = zone.split('-');
      if (parts.length !== 3) throw new Error(`zone in unexpected format, expected: {locale}-{region}-{zone}, got: ${zone}`);
      return parts.slice(0, 2).join('-');
    }),
  );
  if (regions.size !== 1) throw new Error(`multiple or no regions gotten from zones, got: ${[...regions].join(' ')}`);
  return [...regions][0]!;
}
