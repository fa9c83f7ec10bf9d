import { isDns1123Label, isDns1123Subdomain } from '../../api/names.ts';
import type { DownwardAPIVolumeFile, KeyToPath, ObjectMeta, ProjectedVolumeSource, Volume } from '../../api/index.ts';
import { claimSpec } from './persistentVolumeClaim.ts';
import { objectFieldSelector, resourceFieldSelector } from './env.ts';
import { FieldErrors } from './field.ts';
import { templateMeta } from './names.ts';
import { fileMode, localDescendingPath, localNonReservedPath, noBacksteps } from './paths.ts';
import { quantityOf } from './resources.ts';

/* Mirrors pkg/apis/core/validation/validation.go (ValidateVolumes and what it calls). */

const volumeFieldPaths = ['metadata.annotations', 'metadata.labels', 'metadata.name', 'metadata.namespace', 'metadata.uid'];
const hostPathTypes = ['', 'BlockDevice', 'CharDevice', 'Directory', 'DirectoryOrCreate', 'File', 'FileOrCreate', 'Socket'];

const cachingModes = ['None', 'ReadOnly', 'ReadWrite'];
const diskKinds = ['Dedicated', 'Managed', 'Shared'];
const managedDisk = '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}';
const blobDisk = 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd';

/** Returns the volumes that are sound, by name: those that containers may mount. */
export function validateVolumes(
  errors: FieldErrors,
  field: string,
  volumes: Volume[] | undefined,
  podMeta: ObjectMeta | undefined,
): Map<string, Volume> {
  const sound = new Map<string, Volume>();
  const ephemeralClaims = new Set<string>();
  if (podMeta?.name) for (const volume of volumes ?? []) if (volume.ephemeral) ephemeralClaims.add(`${podMeta.name}-${volume.name}`);
  volumes?.forEach((volume, i) => {
    const path = `${field}[${i}]`;
    const found = new FieldErrors();
    validateVolumeSource(found, path, volume, podMeta);
    if (!volume.name) found.required(`${path}.name`);
    else found.invalidEach(`${path}.name`, volume.name, isDns1123Label(volume.name));
    if (sound.has(volume.name)) found.duplicate(`${path}.name`, volume.name);
    if (found.length) errors.add(found.all);
    else sound.set(volume.name, volume);
    const claim = volume.persistentVolumeClaim?.claimName;
    if (claim && ephemeralClaims.has(claim))
      errors.invalid(`${path}.persistentVolumeClaim.claimName`, claim, 'must not reference a PVC that gets created for an ephemeral volume');
  });
  return sound;
}

type SourceChecks = { [K in Exclude<keyof Volume, 'name'>]-?: (errors: FieldErrors, field: string, source: NonNullable<Volume[K]>, volume: Volume) => void };

const requireFields =
  (...names: string[]) =>
  (errors: FieldErrors, field: string, source: object) => {
    for (const name of names) {
      const value = (source as Record<string, unknown>)[name];
      if (value === undefined || value === '' || (Array.isArray(value) && !value.length)) errors.required(`${field}.${name}`);
    }
  };

// In the order in which upstream looks at them, which decides which of two sources is the one too many.
export const sourceChecks: SourceChecks = {
  emptyDir(errors, field, source) {
    if (source.sizeLimit !== undefined && (quantityOf(source.sizeLimit)?.sign() ?? -1) < 0)
      errors.forbidden(`${field}.sizeLimit`, 'SizeLimit field must be a valid resource quantity');
  },
  hostPath(errors, field, source) {
    if (!source.path) return errors.required(`${field}.path`);
    noBacksteps(errors, `${field}.path`, source.path);
    if (source.type !== undefined && !hostPathTypes.includes(source.type)) errors.notSupported(`${field}.type`, source.type, hostPathTypes);
  },
  gitRepo(errors, field, source) {
    if (!source.repository) errors.required(`${field}.repository`);
    localDescendingPath(errors, `${field}.directory`, source.directory ?? '');
  },
  gcePersistentDisk(errors, field, source) {
    if (!source.pdName) errors.required(`${field}.pdName`);
    if ((source.partition ?? 0) < 0 || (source.partition ?? 0) > 255)
      errors.invalid(`${field}.partition`, source.partition, 'must be between 0 and 255, inclusive');
  },
  awsElasticBlockStore(errors, field, source) {
    if (!source.volumeID) errors.required(`${field}.volumeID`);
    if ((source.partition ?? 0) < 0 || (source.partition ?? 0) > 255)
      errors.invalid(`${field}.partition`, source.partition, 'must be between 0 and 255, inclusive');
  },
  secret(errors, field, source) {
    if (!source.secretName) errors.required(`${field}.secretName`);
    fileMode(errors, `${field}.defaultMode`, source.defaultMode);
    keysToPaths(errors, `${field}.items`, source.items);
  },
  nfs(errors, field, source) {
    if (!source.server) errors.required(`${field}.server`);
    if (!source.path) errors.required(`${field}.path`);
    if (!source.path?.startsWith('/')) errors.invalid(`${field}.path`, source.path ?? '', 'must be an absolute path');
  },
  iscsi(errors, field, source, volume) {
    requireFields('targetPortal', 'iqn')(errors, field, source);
    if (source.iqn) iscsiName(errors, `${field}.iqn`, source.iqn);
    if ((source.lun ?? 0) < 0 || (source.lun ?? 0) > 255) errors.invalid(`${field}.lun`, source.lun, 'must be between 0 and 255, inclusive');
    if ((source.chapAuthDiscovery || source.chapAuthSession) && !source.secretRef) errors.required(`${field}.secretRef`);
    if (source.initiatorName !== undefined) iscsiName(errors, `${field}.initiatorname`, source.initiatorName);
    if (source.initiatorName !== undefined && `${volume.name}:${source.targetPortal}`.length > 64)
      errors.invalid(
        field.replace(/\.iscsi$/, '.name'),
        volume.name,
        'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.',
      );
  },
  glusterfs: requireFields('endpoints', 'path'),
  flocker(errors, field, source) {
    if (!source.datasetName && !source.datasetUUID) errors.required(field, 'one of datasetName and datasetUUID is required');
    if (source.datasetName && source.datasetUUID) errors.invalid(field, 'resource', 'datasetName and datasetUUID can not be specified simultaneously');
    if (source.datasetName?.includes('/')) errors.invalid(`${field}.datasetName`, source.datasetName, "must not contain '/'");
  },
  persistentVolumeClaim: requireFields('claimName'),
  rbd: requireFields('monitors', 'image'),
  cinder(errors, field, source) {
    if (!source.volumeID) errors.required(`${field}.volumeID`);
    if (source.secretRef && !source.secretRef.name) errors.required(`${field}.secretRef.name`);
  },
  cephfs: requireFields('monitors'),
  quobyte(errors, field, source) {
    if (!source.registry) errors.required(`${field}.registry`, "must be a host:port pair or multiple pairs separated by commas");
    else if ((source.tenant?.length ?? 0) >= 65) errors.required(`${field}.tenant`, 'must be a UUID and may not exceed a length of 64 characters');
    else
      for (const pair of source.registry.split(','))
        if (!/^(\[[^[\]]*\]|[^:[\]]*):[^:]*$/.test(pair)) errors.invalid(`${field}.registry`, source.registry, 'must be a host:port pair or multiple pairs separated by commas');
    if (!source.volume) errors.required(`${field}.volume`);
  },
  downwardAPI(errors, field, source) {
    fileMode(errors, `${field}.defaultMode`, source.defaultMode);
    for (const file of source.items ?? []) downwardFile(errors, field, file);
  },
  fc(errors, field, source) {
    const names = source.targetWWNs ?? [];
    const wwids = source.wwids ?? [];
    if (!names.length && !wwids.length) errors.required(`${field}.targetWWNs`, 'must specify either targetWWNs or wwids, but not both');
    if (names.length && wwids.length) errors.invalid(`${field}.targetWWNs`, names, 'targetWWNs and wwids can not be specified simultaneously');
    if (names.length) {
      if (source.lun === undefined) errors.required(`${field}.lun`, 'lun is required if targetWWNs is specified');
      else if (source.lun < 0 || source.lun > 255) errors.invalid(`${field}.lun`, source.lun, 'must be between 0 and 255, inclusive');
    }
  },
  flexVolume(errors, field, source) {
    if (!source.driver) errors.required(`${field}.driver`);
    for (const key in source.options)
      if (/(^|\.)(kubernetes|k8s)\.io$/i.test(key.split('/')[0]!)) errors.invalid(`${field}.options[${key}]`, key, 'kubernetes.io and k8s.io namespaces are reserved');
  },
  configMap(errors, field, source) {
    if (!source.name) errors.required(`${field}.name`);
    fileMode(errors, `${field}.defaultMode`, source.defaultMode);
    keysToPaths(errors, `${field}.items`, source.items);
  },
  azureFile: requireFields('secretName', 'shareName'),
  vsphereVolume: requireFields('volumePath'),
  photonPersistentDisk: requireFields('pdID'),
  portworxVolume: requireFields('volumeID'),
  azureDisk(errors, field, source) {
    requireFields('diskName', 'diskURI')(errors, field, source);
    const { cachingMode, kind, diskURI = '' } = source;
    if (cachingMode !== undefined && !cachingModes.includes(cachingMode)) errors.notSupported(`${field}.cachingMode`, cachingMode, cachingModes);
    if (kind === undefined) return;
    if (!diskKinds.includes(kind)) errors.notSupported(`${field}.kind`, kind, diskKinds);
    const form = kind === 'Managed' ? managedDisk : blobDisk;
    if (!diskURI.startsWith(kind === 'Managed' ? '/subscriptions/' : 'https://')) errors.notSupported(`${field}.diskURI`, diskURI, [form]);
  },
  storageos(errors, field, source) {
    if (!source.volumeName) errors.required(`${field}.volumeName`);
    else errors.invalidEach(`${field}.volumeName`, source.volumeName, isDns1123Label(source.volumeName));
    if (source.volumeNamespace) errors.invalidEach(`${field}.volumeNamespace`, source.volumeNamespace, isDns1123Label(source.volumeNamespace));
    if (source.secretRef && !source.secretRef.name) errors.required(`${field}.secretRef.name`);
  },
  projected(errors, field, source) {
    fileMode(errors, `${field}.defaultMode`, source.defaultMode);
    projectionSources(errors, field, source);
  },
  scaleIO: requireFields('gateway', 'system', 'volumeName'),
  csi(errors, field, source) {
    csiDriverName(errors, `${field}.driver`, source.driver);
    if (source.nodePublishSecretRef && !source.nodePublishSecretRef.name) errors.required(`${field}.nodePublishSecretRef.name`);
  },
  ephemeral(errors, field, source) {
    const template = source.volumeClaimTemplate;
    if (!template) return errors.required(`${field}.volumeClaimTemplate`);
    templateMeta(errors, `${field}.volumeClaimTemplate.metadata`, template.metadata);
    claimSpec(errors, `${field}.volumeClaimTemplate.spec`, template.spec ?? {});
  },
  image(errors, field, source) {
    if (!source.reference) errors.required(`${field}.reference`);
    pullPolicy(errors, `${field}.pullPolicy`, source.pullPolicy);
  },
};

const allSourceChecks = Object.entries(sourceChecks) as [keyof SourceChecks, (errors: FieldErrors, field: string, source: object, volume: Volume) => void][];

function validateVolumeSource(errors: FieldErrors, field: string, volume: Volume, podMeta: ObjectMeta | undefined): void {
  let count = 0;
  for (const [name, check] of allSourceChecks) {
    const source = volume[name];
    if (source === undefined) continue;
    if (count++) errors.forbidden(`${field}.${misnamedSources[name] ?? name}`, 'may not specify more than 1 volume type');
    else check(errors, `${field}.${name === 'gcePersistentDisk' ? 'persistentDisk' : name}`, source, volume);
  }
  if (!count) errors.required(field, 'must specify a volume type');
  if (volume.ephemeral && podMeta?.name && volume.name) {
    const claim = `${podMeta.name}-${volume.name}`;
    for (const message of isDns1123Subdomain(claim)) errors.invalid(`${field}.name`, volume.name, `PVC name ${JSON.stringify(claim)}: ${message}`);
  }
}

// Upstream's own slips of the pen, which clients may match.
export const misnamedSources: Partial<Record<keyof SourceChecks, string>> = { cephfs: 'cephFS', downwardAPI: 'downwarAPI' };

export function pullPolicy(errors: FieldErrors, field: string, policy: string | undefined): void {
  if (!policy) errors.required(field);
  else if (!['Always', 'IfNotPresent', 'Never'].includes(policy)) errors.notSupported(field, policy, ['Always', 'IfNotPresent', 'Never']);
}

const iscsiForms = { iqn: /iqn\.\d{4}-\d{2}\.([a-zA-Z0-9.-]+)(:[^,;*&$|\s]+)$/, eui: /^eui.[a-zA-Z0-9]{16}$/, naa: /^naa.[a-zA-Z0-9]{32}$/ };

function iscsiName(errors: FieldErrors, field: string, name: string): void {
  const form = iscsiForms[name.slice(0, 3) as keyof typeof iscsiForms] as RegExp | undefined;
  if (!form) errors.invalid(field, name, 'must be valid format starting with iqn, eui, or naa');
  else if (!form.test(name)) errors.invalid(field, name, 'must be valid format');
}

export function csiDriverName(errors: FieldErrors, field: string, name: string | undefined): void {
  if (!name) return errors.required(field);
  if (name.length > 63) errors.tooLong(field, 63);
  errors.invalidEach(field, name, isDns1123Subdomain(name.toLowerCase()));
}

function keysToPaths(errors: FieldErrors, field: string, items: KeyToPath[] | undefined): void {
  items?.forEach((item, i) => {
    const path = `${field}[${i}]`;
    if (!item.key) errors.required(`${path}.key`);
    if (!item.path) errors.required(`${path}.path`);
    localNonReservedPath(errors, `${path}.path`, item.path ?? '');
    fileMode(errors, `${path}.mode`, item.mode);
  });
}

function downwardFile(errors: FieldErrors, field: string, file: DownwardAPIVolumeFile): void {
  if (!file.path) errors.required(`${field}.path`);
  localNonReservedPath(errors, `${field}.path`, file.path ?? '');
  if (file.fieldRef) {
    objectFieldSelector(errors, `${field}.fieldRef`, file.fieldRef, volumeFieldPaths);
    if (file.resourceFieldRef) errors.invalid(field, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously');
  } else if (file.resourceFieldRef) {
    resourceFieldSelector(errors, `${field}.resourceFieldRef`, file.resourceFieldRef, true);
  } else {
    errors.required(field, 'one of fieldRef and resourceFieldRef is required');
  }
  fileMode(errors, `${field}.mode`, file.mode);
}

function projectionSources(errors: FieldErrors, field: string, projection: ProjectedVolumeSource): void {
  const paths = new Set<string>();
  const take = (path: string | undefined, value: unknown) => {
    if (!path) return;
    if (paths.has(path)) errors.invalid(field, value, 'conflicting duplicate paths');
    paths.add(path);
  };
  projection.sources?.forEach((source, i) => {
    const path = `${field}.sources[${i}]`;
    let count = 0;
    for (const kind of ['secret', 'configMap'] as const) {
      const projected = source[kind];
      if (!projected) continue;
      count++;
      if (!projected.name) errors.required(`${path}.${kind}.name`);
      keysToPaths(errors, `${path}.${kind}.items`, projected.items);
      for (const item of projected.items ?? []) take(item.path, projected.name ?? '');
    }
    if (source.downwardAPI) {
      count++;
      for (const file of source.downwardAPI.items ?? []) {
        downwardFile(errors, `${path}.downwardAPI`, file);
        take(file.path, file.path);
      }
    }
    if (source.serviceAccountToken) {
      count++;
      const token = source.serviceAccountToken;
      const seconds = token.expirationSeconds ?? 0;
      if (seconds < 600) errors.invalid(`${path}.serviceAccountToken.expirationSeconds`, seconds, 'may not specify a duration less than 10 minutes');
      if (seconds > 2 ** 32)
        errors.invalid(`${path}.serviceAccountToken.expirationSeconds`, seconds, 'may not specify a duration larger than 2^32 seconds');
      if (!token.path) errors.required(`${field}.path`);
      else localNonReservedPath(errors, `${field}.path`, token.path);
    }
    if (count > 1) errors.forbidden(path, 'may not specify more than 1 volume type per source');
  });
}
