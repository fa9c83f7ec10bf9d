import type { CSIDriver, CSINode, CSINodeDriver, CSIStorageCapacity, VolumeAttachment } from '../../../api/index.ts';
import { equalJson } from '../../../api/json.ts';
import { isDns1123Subdomain, isQualifiedName } from '../../../api/names.ts';
import { cloneGiven } from '../../../api/normalize.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { internal } from '../../validation/internal.ts';
import { byteLength, fieldImmutable, isNegative, labelSelector } from '../../validation/names.ts';
import { quantityOf } from '../../validation/resources.ts';
import { csiDriverName } from '../../validation/volumes.ts';
import { nodeLabelSelectorWarnings } from '../../validation/warnings.ts';
import { check, columns, define, statusSubresource } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/storage/{csidriver,csinode,csistoragecapacity,volumeattachment}/strategy.go. */

const group = 'storage.k8s.io';

export const csiDriver: Strategy<CSIDriver> = {
  definition: define(group, 'v1', 'CSIDriver', 'csidrivers', { namespaced: false }),
  // Counted, but not from the beginning.
  hasGeneration: false,
  allowUnconditionalUpdate: false,
  nameRule: 'dnsSubdomain',
  returnsDeletedObject: true,
  defaults(object) {
    const spec = (object.spec ??= {});
    // Of a feature that is off as long as it is an alpha one.
    delete spec.preventPodSchedulingIfMissing;
    spec.attachRequired ??= true;
    spec.podInfoOnMount ??= false;
    spec.storageCapacity ??= false;
    spec.requiresRepublish ??= false;
    spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType';
    spec.seLinuxMount ??= false;
    if (!spec.volumeLifecycleModes?.length) spec.volumeLifecycleModes = ['Persistent'];
  },
  prepareForUpdate(_context, object, old) {
    if (!equalJson(object.spec, old.spec)) object.metadata!.generation = (old.metadata?.generation ?? 0) + 1;
  },
  warnings: ({ spec }, old) =>
    spec?.tokenRequests?.length && spec.serviceAccountTokenInSecrets === undefined && !equalJson(spec.tokenRequests, old?.spec?.tokenRequests)
      ? ['spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes']
      : [],
  validate: (_context, object) => check((errors) => validateDriver(errors, object)),
  validateUpdate: (_context, object, old) => check((errors) => {
    validateDriver(errors, object);
    if (object.spec?.attachRequired !== old.spec?.attachRequired) errors.invalid('spec.attachedRequired', object.spec?.attachRequired, fieldImmutable);
    if (!equalJson(object.spec?.volumeLifecycleModes, old.spec?.volumeLifecycleModes))
      errors.invalid('spec.volumeLifecycleModes', object.spec?.volumeLifecycleModes, fieldImmutable);
  }),
  columns: columns('Name', 'AttachRequired?', 'PodInfoOnMount?', 'StorageCapacity?', 'TokenRequests', 'RequiresRepublish?', 'Modes', 'Age'),
  row: (object, now) => [
    nameOf(object),
    object.spec?.attachRequired ?? true,
    object.spec?.podInfoOnMount ?? false,
    object.spec?.storageCapacity ?? false,
    object.spec?.tokenRequests?.map((request) => request.audience).join(',') ?? '<unset>',
    object.spec?.requiresRepublish ?? false,
    object.spec?.volumeLifecycleModes?.join(',') || '<none>',
    age(object, now),
  ],
};

const lifecycleModes = ['Persistent', 'Ephemeral'];
const groupPolicies = ['File', 'None', 'ReadWriteOnceWithFSType'];

function validateDriver(errors: FieldErrors, { spec, ...object }: CSIDriver): void {
  const name = nameOf(object);
  // What is wrong with it as a name of any object has been said already.
  if (name.length > 63 && name.length <= 253) errors.tooLong('metadata.name', 63);
  for (const mode of spec?.volumeLifecycleModes ?? [])
    if (!lifecycleModes.includes(mode)) errors.notSupported('spec.volumeLifecycleModes', mode, lifecycleModes);
  const policy = spec?.fsGroupPolicy;
  if (policy !== undefined && !groupPolicies.includes(policy)) errors.notSupported('spec.fsGroupPolicy', policy, groupPolicies);
  if (spec?.serviceAccountTokenInSecrets !== undefined && !spec.tokenRequests?.length)
    errors.invalid('spec.serviceAccountTokenInSecrets', spec.serviceAccountTokenInSecrets, 'serviceAccountTokenInSecrets is set but no tokenRequests are specified');
  const audiences = new Set<string>();
  spec?.tokenRequests?.forEach(({ audience, expirationSeconds }, i) => {
    const path = `spec.tokenRequests[${i}]`;
    if (audiences.has(audience)) errors.duplicate(`${path}.audience`, audience);
    audiences.add(audience);
    if (expirationSeconds === undefined) return;
    if (expirationSeconds < 600) errors.invalid(`${path}.expirationSeconds`, expirationSeconds, 'may not specify a duration less than 10 minutes');
    if (expirationSeconds > 2 ** 32) errors.invalid(`${path}.expirationSeconds`, expirationSeconds, 'may not specify a duration larger than 2^32 seconds');
  });
  const period = spec?.nodeAllocatableUpdatePeriodSeconds;
  if (period !== undefined && period < 10) errors.invalid('spec.nodeAllocatableUpdatePeriodSeconds', period, 'must be greater than or equal to 10 seconds');
}

export const csiNode: Strategy<CSINode> = {
  definition: define(group, 'v1', 'CSINode', 'csinodes', { namespaced: false }),
  hasGeneration: false,
  allowUnconditionalUpdate: false,
  nameRule: 'dnsSubdomain',
  returnsDeletedObject: true,
  validate: (_context, object) => check((errors) => validateDrivers(errors, object)),
  validateUpdate: (_context, object, old) => check((errors) => {
    validateDrivers(errors, object);
    const drivers = (object.spec?.drivers ?? []).map(withoutAllocatable);
    for (const before of (old.spec?.drivers ?? []).map(withoutAllocatable))
      for (const driver of drivers)
        if (driver.name === before.name && !equalJson(driver, before)) errors.invalid('spec.drivers', internal('storage/v1.CSINodeDriver', driver), fieldImmutable);
  }),
  columns: columns('Name', 'Drivers#', 'Age'),
  row: (object, now) => [nameOf(object), object.spec?.drivers?.length ?? 0, age(object, now)],
};

/** How many volumes a node takes may change. */
function withoutAllocatable(driver: CSINodeDriver): CSINodeDriver {
  const copy = cloneGiven(driver);
  delete copy.allocatable;
  return copy;
}

function validateDrivers(errors: FieldErrors, object: CSINode): void {
  const names = new Set<string>();
  object.spec?.drivers?.forEach((driver, i) => {
    const path = `spec.drivers[${i}]`;
    csiDriverName(errors, `${path}.name`, driver.name);
    if (!driver.nodeID) errors.required(`${path}.nodeID`);
    else if (byteLength(driver.nodeID) > 256) errors.invalid(`${path}.nodeID`, driver.nodeID, 'must be 256 characters or less');
    if ((driver.allocatable?.count ?? 0) < 0) errors.invalid(`${path}.allocatable.count`, driver.allocatable!.count, isNegative);
    const keys = new Set<string>();
    for (const key of driver.topologyKeys ?? []) {
      if (!key) errors.required(path);
      if (keys.has(key)) errors.duplicate(path, key);
      keys.add(key);
      errors.invalidEach(path, key, isQualifiedName(key));
    }
    if (names.has(driver.name)) errors.duplicate(`${path}.name`, driver.name);
    names.add(driver.name);
  });
}

const attachment = define(group, 'v1', 'VolumeAttachment', 'volumeattachments', { namespaced: false });

export const volumeAttachment: Strategy<VolumeAttachment> = {
  definition: attachment,
  hasGeneration: false,
  allowUnconditionalUpdate: false,
  nameRule: 'dnsSubdomain',
  resetFields: (subresource) => (subresource === 'status' ? [['metadata'], ['spec']] : undefined),
  returnsDeletedObject: true,
  defaults(object) {
    (object.status ??= { attached: false }).attached ??= false;
  },
  prepareForCreate(_context, object) {
    object.status = { attached: false };
  },
  prepareForUpdate(_context, object, old) {
    object.status = old.status;
  },
  validate: (_context, object) => check((errors) => validateAttachment(errors, object)),
  validateUpdate: (_context, object, old) => check((errors) => {
    validateAttachment(errors, object);
    if (!equalJson(object.spec, old.spec)) errors.invalid('spec', internal('storage/v1.VolumeAttachmentSpec', object.spec), fieldImmutable);
  }),
  columns: columns('Name', 'Attacher', 'PV', 'Node', 'Attached?', 'Age').map((column) => (column.name === 'Attacher' ? { ...column, format: 'name' } : column)),
  row: (object, now) => [
    nameOf(object),
    object.spec?.attacher ?? '',
    object.spec?.source?.persistentVolumeName ?? '',
    object.spec?.nodeName ?? '',
    object.status?.attached ?? false,
    age(object, now),
  ],
  subresources: { status: statusSubresource<VolumeAttachment>(attachment) },
};

function validateAttachment(errors: FieldErrors, object: VolumeAttachment): void {
  csiDriverName(errors, 'spec.attacher', object.spec?.attacher);
  const { persistentVolumeName: volume, inlineVolumeSpec: inline } = object.spec?.source ?? {};
  if (volume === undefined && !inline) errors.required('spec.source', 'must specify exactly one of inlineVolumeSpec and persistentVolumeName');
  else if (volume !== undefined && inline) errors.forbidden('spec.source', 'must specify exactly one of inlineVolumeSpec and persistentVolumeName');
  else if (volume !== undefined) {
    if (!volume) errors.required('spec.source.persistentVolumeName', 'must specify non empty persistentVolumeName');
    errors.invalidEach('spec.source.persistentVolumeName', volume, isDns1123Subdomain(volume));
  }
  errors.invalidEach('spec.nodeName', object.spec?.nodeName ?? '', isDns1123Subdomain(object.spec?.nodeName ?? ''));
}

/** How much a driver can still provision of a class, where. */
export const csiStorageCapacity: Strategy<CSIStorageCapacity> = {
  definition: define(group, 'v1', 'CSIStorageCapacity', 'csistoragecapacities'),
  hasGeneration: false,
  allowUnconditionalUpdate: false,
  nameRule: 'dnsSubdomain',
  validate: (_context, object) => check((errors) => validateCapacity(errors, object)),
  validateUpdate: (_context, object, old) => check((errors) => {
    validateCapacity(errors, object);
    if (!equalJson(object.nodeTopology, old.nodeTopology)) errors.invalid('nodeTopology', object.nodeTopology ?? null, fieldImmutable);
    if (object.storageClassName !== old.storageClassName) errors.invalid('storageClassName', object.storageClassName, fieldImmutable);
  }),
  warnings: ({ nodeTopology }) => nodeLabelSelectorWarnings('nodeTopology', nodeTopology),
  columns: columns('Name', 'Created At@'),
  row: (object) => [nameOf(object), object.metadata?.creationTimestamp],
};

function validateCapacity(errors: FieldErrors, object: CSIStorageCapacity): void {
  labelSelector(errors, 'nodeTopology', object.nodeTopology);
  const className = object.storageClassName ?? '';
  errors.invalidEach('storageClassName', className, isDns1123Subdomain(className));
  if (object.capacity !== undefined && (quantityOf(object.capacity)?.sign() ?? 0) < 0) errors.invalid('capacity', object.capacity, isNegative);
}
