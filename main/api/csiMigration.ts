import type { NodeSelectorTerm, PersistentVolume, Volume, VolumeNodeAffinity } from './index.ts';
import { cloneJson } from './json.ts';

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

/**
 * Those for whose volumes the scheduler goes by what the CSI driver says, on nodes that have been given over to it. Mirrors
 * isCSIMigrationOnForPlugin of the scheduler's plugins.
 */
export const scheduledAsMigrated: ReadonlySet<string> = new Set(['aws-ebs', 'azure-disk', 'cinder', 'gce-pd', 'portworx-volume'].map((name) => `kubernetes.io/${name}`));

/** On a CSINode: the drivers, by their names in Kubernetes and with commas in between, for which the node leaves volumes to CSI drivers. */
export const migratedPluginsAnnotation = 'storage.alpha.kubernetes.io/migrated-plugins';

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

/** Under which label the CSI driver tells of a node's zone. */
const zoneKeys: Partial<Record<keyof typeof fields, string>> = {
  awsElasticBlockStore: 'topology.ebs.csi.aws.com/zone',
  cinder: 'topology.cinder.csi.openstack.org/zone',
  gcePersistentDisk: 'topology.gke.io/zone',
};

/** The labels by which Kubernetes tells where something is, and those that did before. */
const current = { zone: 'topology.kubernetes.io/zone', region: 'topology.kubernetes.io/region' };
const old = { zone: 'failure-domain.beta.kubernetes.io/zone', region: 'failure-domain.beta.kubernetes.io/region' };
const zoneSeparator = '__';

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
    const zones = (labels[old.zone] || labels[current.zone] || '').split(zoneSeparator);
    if (zones.length > 1) return `projects/${unspecified}/regions/${regionOf(zones)}/disks/${disk}`;
    return `projects/${unspecified}/zones/${zones[0] || unspecified}/disks/${disk}`;
  });
}

/**
 * From where the volume can be reached, in the labels of its CSI driver. Throws with upstream's words where the driver could not take
 * it. Mirrors TranslateInTreePVToCSI and plugins/in_tree_volume.go (translateTopologyFromInTreeToCSI).
 */
export function persistentAffinity(volume: PersistentVolume): VolumeNodeAffinity | undefined {
  persistentHandle(volume);
  const { nodeAffinity } = volume.spec!;
  const field = (Object.keys(zoneKeys) as (keyof typeof fields)[]).find((name) => volume.spec![name]);
  if (!field) return nodeAffinity;
  const key = zoneKeys[field]!;
  const labels = volume.metadata?.labels ?? {};
  const terms: NodeSelectorTerm[] = cloneJson(nodeAffinity?.required?.nodeSelectorTerms ?? []);
  const requirements = () => terms.flatMap(({ matchExpressions }) => matchExpressions ?? []);
  const has = (label: string) => requirements().some((requirement) => requirement.key === label);
  const rename = (from: string, to: string) => {
    for (const requirement of requirements()) if (requirement.key === from) requirement.key = to;
  };
  const isGiven = (label: string) => requirements().some((requirement) => requirement.key === label && requirement.values?.length);

  const names = has(current.zone) || (!has(old.zone) && (labels[current.zone] !== undefined || labels[old.zone] === undefined)) ? current : old;
  if (isGiven(names.zone)) rename(names.zone, key);
  else {
    const zones = [...new Set((labels[names.zone] ?? '').split(zoneSeparator).map((zone) => zone.trim()).filter(Boolean))].sort();
    if (zones.length > 0) {
      if (terms.length === 0) terms.push({});
      for (const term of terms) term.matchExpressions = [...(term.matchExpressions ?? []), { key, operator: 'In', values: zones }];
    }
  }
  if (names === old && isGiven(old.region)) rename(old.region, current.region);
  return terms.length > 0 ? { required: { nodeSelectorTerms: terms } } : nodeAffinity;
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
  const failed = (why: string) => new Error(`failed to get region from zones: ${why}`);
  const regions = new Set(
    zones.map((zone) => {
      const parts = zone.split('-');
      if (parts.length !== 3) throw failed(`zone in unexpected format, expected: {locale}-{region}-{zone}, got: ${zone}`);
      return parts.slice(0, 2).join('-');
    }),
  );
  if (regions.size !== 1) throw failed(`multiple or no regions gotten from zones, got: map[${[...regions].sort().map((region) => `${region}:{}`).join(' ')}]`);
  return [...regions][0]!;
}
