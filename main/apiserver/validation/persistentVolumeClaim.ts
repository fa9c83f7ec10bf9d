import { isDns1123Label, isDns1123Subdomain } from '../../api/names.ts';
import { equalJson } from '../../api/json.ts';
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '../../api/index.ts';
import { diff } from './diff.ts';
import type { FieldErrors } from './field.ts';
import { fieldImmutable, labelSelector } from './names.ts';
import { notAQuantity, quantityOf, resourceValue } from './resources.ts';
import { shownClaim } from './volumeShapes.ts';

/* Mirrors pkg/apis/core/validation/validation.go (ValidatePersistentVolumeClaimSpec and -Update). */

const accessModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
export const volumeModes = ['Block', 'Filesystem'];
const betaClass = 'volume.beta.kubernetes.io/storage-class';

export function validateAccessModes(errors: FieldErrors, field: string, modes: string[] | undefined): void {
  for (const mode of modes ?? []) if (!accessModes.includes(mode)) errors.notSupported(field, mode, accessModes);
  if (modes?.includes('ReadWriteOncePod') && modes.some((mode) => mode !== 'ReadWriteOncePod' && accessModes.includes(mode)))
    errors.forbidden(field, 'may not use ReadWriteOncePod with other access modes');
}

export function claimSpec(errors: FieldErrors, field: string, spec: PersistentVolumeClaimSpec): void {
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
  dataSource(errors, `${field}.dataSource`, spec.dataSource);
  dataSource(errors, `${field}.dataSourceRef`, spec.dataSourceRef);
  const { dataSource: source, dataSourceRef: ref } = spec;
  if (ref?.namespace) {
    errors.invalidEach(`${field}.dataSourceRef.namespace`, ref.namespace, isDns1123Label(ref.namespace));
    if (source) errors.invalid(field, `${field}.dataSource`, 'may not be specified when dataSourceRef.namespace is specified');
  } else if (source && ref && (source.apiGroup !== ref.apiGroup || source.kind !== ref.kind || source.name !== ref.name)) {
    errors.invalid(field, `${field}.dataSource`, 'must match dataSourceRef');
  }
  if (spec.volumeAttributesClassName)
    errors.invalidEach(`${field}.volumeAttributesClassName`, spec.volumeAttributesClassName, isDns1123Subdomain(spec.volumeAttributesClassName));
}

function dataSource(errors: FieldErrors, field: string, source: { apiGroup?: string; kind?: string; name?: string } | undefined): void {
  if (!source) return;
  if (!source.name) errors.required(`${field}.name`);
  if (!source.kind) errors.required(`${field}.kind`);
  if (!source.apiGroup && source.kind !== 'PersistentVolumeClaim')
    errors.invalid(field, source.kind ?? '', "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
  if (source.apiGroup) errors.invalidEach(`${field}.apiGroup`, source.apiGroup, isDns1123Subdomain(source.apiGroup));
}

export function claimUpdate(errors: FieldErrors, claim: PersistentVolumeClaim, old: PersistentVolumeClaim): void {
  const before = { ...old.spec };
  const after: PersistentVolumeClaimSpec = { ...claim.spec };
  if (!before.volumeName) before.volumeName = after.volumeName;
  const oldClass = old.metadata?.annotations?.[betaClass];
  const newClass = claim.metadata?.annotations?.[betaClass];
  if (oldClass !== undefined && before.storageClassName === undefined && after.storageClassName === oldClass && (newClass === undefined || newClass === oldClass)) {
    after.storageClassName = undefined;
  } else {
    if (oldClass !== newClass) errors.invalid(`metadata.annotations[${betaClass}]`, newClass ?? '', fieldImmutable);
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
      `spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n${diff(shownClaim(before), shownClaim(after))}`,
    );
  const newSize = newText === undefined ? undefined : quantityOf(newText);
  const oldSize = oldText === undefined ? undefined : quantityOf(oldText);
  const capacity = quantityOf(old.status?.capacity?.storage ?? '0')!;
  if (newSize && oldSize && newSize.cmp(oldSize) < 0 && newSize.cmp(capacity) <= 0)
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
