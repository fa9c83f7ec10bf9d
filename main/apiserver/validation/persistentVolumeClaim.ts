import { isDns1123Label, isDns1123Subdomain } from '../../api/names.ts';
import { cloneGiven } from '../../api/normalize.ts';
import { equalJson } from '../../api/json.ts';
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '../../api/index.ts';
import { diff } from './diff.ts';
import type { FieldErrors } from './field.ts';
import { internal } from './internal.ts';
import { fieldImmutable, labelSelector, qualifiedName } from './names.ts';
import { isNative } from '../../api/resourceNames.ts';
import { basicResource, notAQuantity, quantityOf, resourceValue } from './resources.ts';

/* Mirrors pkg/apis/core/validation/validation.go (ValidatePersistentVolumeClaimSpec and -Update). */

const accessModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
export const volumeModes = ['Block', 'Filesystem'];
const claimType = 'core/v1.PersistentVolumeClaimSpec';
const betaClass = 'volume.beta.kubernetes.io/storage-class';

export function validateAccessModes(errors: FieldErrors, field: string, modes: string[] | undefined): void {
  for (const mode of modes ?? []) if (!accessModes.includes(mode)) errors.notSupported(field, mode, accessModes);
  if (modes?.includes('ReadWriteOncePod') && modes.some((mode) => mode !== 'ReadWriteOncePod' && accessModes.includes(mode)))
    errors.forbidden(field, 'may not use ReadWriteOncePod with other access modes');
}

/** `old`: what had a source from an API group may have one from a group that is badly named. */
export function claimSpec(errors: FieldErrors, field: string, spec: PersistentVolumeClaimSpec, old?: PersistentVolumeClaimSpec): void {
  if (!spec.accessModes?.length) errors.required(`${field}.accessModes`, 'at least 1 access mode is required');
  labelSelector(errors, `${field}.selector`, spec.selector);
  validateAccessModes(errors, `${field}.accessModes`, spec.accessModes);
  const storage = spec.resources?.requests?.storage;
  const path = `${field}.resources[storage]`;
  if (storage === undefined) errors.required(path);
  else {
    const quantity = quantityOf(storage);
    if (!quantity) errors.invalid(path, storage, notAQuantity);
    else if (quantity.sign() <= 0) errors.invalid(path, quantity.toString(), 'must be greater than zero');
    else resourceValue(errors, path, 'storage', quantity);
  }
  if (spec.storageClassName) errors.invalidEach(`${field}.storageClassName`, spec.storageClassName, isDns1123Subdomain(spec.storageClassName));
  if (spec.volumeMode !== undefined && !volumeModes.includes(spec.volumeMode))
    errors.notSupported(`${field}.volumeMode`, spec.volumeMode, volumeModes);
  const anyGroup = old?.dataSource?.apiGroup !== undefined || old?.dataSourceRef?.apiGroup !== undefined;
  dataSource(errors, `${field}.dataSource`, spec.dataSource, anyGroup);
  dataSource(errors, `${field}.dataSourceRef`, spec.dataSourceRef, anyGroup);
  const { dataSource: source, dataSourceRef: ref } = spec;
  if (ref?.namespace) {
    errors.invalidEach(`${field}.dataSourceRef.namespace`, ref.namespace, isDns1123Label(ref.namespace));
    if (source) errors.invalid(field, {}, 'may not be specified when dataSourceRef.namespace is specified');
  } else if (source && ref && (source.apiGroup !== ref.apiGroup || source.kind !== ref.kind || source.name !== ref.name)) {
    errors.invalid(field, {}, 'must match dataSourceRef');
  }
  if (spec.volumeAttributesClassName)
    errors.invalidEach(`${field}.volumeAttributesClassName`, spec.volumeAttributesClassName, isDns1123Subdomain(spec.volumeAttributesClassName));
}

function dataSource(errors: FieldErrors, field: string, source: { apiGroup?: string; kind?: string; name?: string } | undefined, anyGroup: boolean): void {
  if (!source) return;
  if (!source.name) errors.required(`${field}.name`);
  if (!source.kind) errors.required(`${field}.kind`);
  if (!source.apiGroup && source.kind !== 'PersistentVolumeClaim')
    errors.invalid(field, source.kind ?? '', "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
  if (source.apiGroup && !anyGroup) errors.invalidEach(`${field}.apiGroup`, source.apiGroup, isDns1123Subdomain(source.apiGroup));
}

export function claimUpdate(errors: FieldErrors, claim: PersistentVolumeClaim, old: PersistentVolumeClaim): void {
  const before = { ...old.spec };
  const after: PersistentVolumeClaimSpec = cloneGiven(claim.spec ?? {});
  if (!before.volumeName) before.volumeName = after.volumeName;
  const oldClass = old.metadata?.annotations?.[betaClass];
  const newClass = claim.metadata?.annotations?.[betaClass];
  if (oldClass !== undefined && before.storageClassName === undefined && after.storageClassName === oldClass && (newClass === undefined || newClass === oldClass)) {
    after.storageClassName = undefined;
  } else {
    if (oldClass !== newClass) errors.invalid(`metadata.annotations.${betaClass}`, newClass ?? '', fieldImmutable);
    if (after.storageClassName !== undefined && before.storageClassName === undefined && (oldClass === undefined || after.storageClassName === oldClass))
      after.storageClassName = before.storageClassName;
  }
  const bound = claim.status?.phase === 'Bound';
  const [newText, oldText] = [claim.spec?.resources?.requests?.storage, old.spec?.resources?.requests?.storage];
  if (bound) {
    if (after.resources?.requests && oldText !== undefined)
      after.resources = { ...after.resources, requests: { ...after.resources.requests, storage: oldText } };
    after.volumeAttributesClassName = before.volumeAttributesClassName;
  }
  if (!equalJson(after, before))
    errors.forbidden(
      'spec',
      `spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n${diff(internal(claimType, before), internal(claimType, after))}`,
    );
  const [newSize, oldSize, capacity] = [newText, oldText, old.status?.capacity?.storage].map((text) => quantityOf(text ?? '0'));
  if (newSize && oldSize && capacity && newSize.cmp(oldSize) < 0 && newSize.cmp(capacity) <= 0)
    errors.forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity');
  if (claim.spec?.volumeMode !== old.spec?.volumeMode) errors.invalid('volumeMode', claim.spec?.volumeMode, fieldImmutable);
  const attributes = claim.spec?.volumeAttributesClassName;
  if (attributes !== old.spec?.volumeAttributesClassName && old.status?.currentVolumeAttributesClassName !== undefined) {
    if (attributes === undefined)
      errors.forbidden('spec.volumeAttributesClassName', 'update to nil is forbidden when status.currentVolumeAttributesClassName is not nil');
    else if (!attributes)
      errors.forbidden('spec.volumeAttributesClassName', 'update to empty string is forbidden when status.currentVolumeAttributesClassName is not nil');
  }
}

const resizeStatuses = ['ControllerResizeInProgress', 'ControllerResizeInfeasible', 'NodeResizeInProgress', 'NodeResizeInfeasible', 'NodeResizePending'];

export function claimStatus(errors: FieldErrors, { spec, status = {} }: PersistentVolumeClaim): void {
  if (!spec?.accessModes?.length) errors.required('Spec.accessModes');
  const { capacity = {}, allocatedResourceStatuses: statuses = {}, allocatedResources: allocated = {} } = status;
  for (const name in capacity) basicResource(errors, `status.capacity[${name}]`, quantityOf(capacity[name]!)!);
  for (const name in statuses) {
    resourceKey(errors, 'status.allocatedResourceStatuses', name);
    if (!resizeStatuses.includes(statuses[name]!)) errors.notSupported('status.allocatedResourceStatuses', name, resizeStatuses);
  }
  for (const name in allocated) {
    const quantity = quantityOf(allocated[name]!)!;
    const path = `status.allocatedResources[${name}]`;
    if (resourceKey(errors, 'status.allocatedResources', name) && basicResource(errors, path, quantity)) resourceValue(errors, path, 'storage', quantity);
  }
}

function resourceKey(errors: FieldErrors, field: string, name: string): boolean {
  const before = errors.length;
  qualifiedName(errors, field, name);
  if (errors.length === before && isNative(name) && name !== 'storage') errors.notSupported(field, name, ['storage']);
  return errors.length === before;
}
