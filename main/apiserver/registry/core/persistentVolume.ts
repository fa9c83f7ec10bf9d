import type { PersistentVolume } from '../../../api/index.ts';
import { equalJson } from '../../../api/json.ts';
import { diff } from '../../validation/diff.ts';
import { fieldImmutable } from '../../validation/names.ts';
import { sourceOf, validatePersistentVolume } from '../../validation/persistentVolume.ts';
import { canonicalQuantities } from '../../validation/resources.ts';
import { shownSource } from '../../validation/volumeShapes.ts';
import { persistentVolumeWarnings } from '../../validation/volumeWarnings.ts';
import { check, columns, define, statusSubresource } from '../define.ts';
import { accessModes, age, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/core/persistentvolume/strategy.go. */

const definition = define('', 'v1', 'PersistentVolume', 'persistentvolumes', { namespaced: false, shortNames: ['pv'] });

export const persistentVolume: Strategy<PersistentVolume> = {
  definition,
  hasGeneration: false,
  nameRule: 'dnsSubdomain',
  allowUnconditionalUpdate: true,
  returnsDeletedObject: true,
  defaults(object) {
    const spec = (object.spec ??= {});
    spec.persistentVolumeReclaimPolicy ||= 'Retain';
    spec.volumeMode ??= 'Filesystem';
    canonicalQuantities(spec.capacity);
    if (spec.hostPath) spec.hostPath.type ??= '';
    (object.status ??= {}).phase ||= 'Pending';
  },
  prepareForCreate(context, object) {
    object.status = { phase: 'Pending', lastPhaseTransitionTime: new Date(context.now).toISOString().replace(/\.\d+Z/, 'Z') };
  },
  prepareForUpdate(_context, object, old) {
    object.status = old.status;
  },
  validate: (_context, object) => check((errors) => validatePersistentVolume(errors, object)),
  validateUpdate: (_context, object, old) => check((errors) => {
    validatePersistentVolume(errors, object);
    const [before, after] = [sourceOf(old.spec!), sourceOf(object.spec!)];
    // A secret for expanding may be added later.
    if (before.csi && !before.csi.controllerExpandSecretRef && after.csi) after.csi = { ...after.csi, controllerExpandSecretRef: undefined };
    if (!equalJson(before, after))
      errors.forbidden('spec.persistentvolumesource', `spec.persistentvolumesource is immutable after creation\n${diff(shownSource(before), shownSource(after))}`);
    if (object.spec?.volumeMode !== old.spec?.volumeMode) errors.invalid('volumeMode', object.spec?.volumeMode, fieldImmutable);
    if (old.spec?.nodeAffinity && !equalJson(object.spec?.nodeAffinity, old.spec.nodeAffinity))
      errors.invalid('nodeAffinity', object.spec?.nodeAffinity, `${fieldImmutable}, except for updating from beta label to GA`);
    if (old.spec?.volumeAttributesClassName !== undefined && object.spec?.volumeAttributesClassName === undefined)
      errors.forbidden('spec.volumeAttributesClassName', 'update from non-nil value to nil is forbidden');
  }),
  warnings: persistentVolumeWarnings,
  columns: columns(
    'Name', 'Capacity', 'Access Modes', 'Reclaim Policy', 'Status', 'Claim', 'StorageClass', 'VolumeAttributesClass', 'Reason', 'Age', 'VolumeMode!',
  ),
  row: (object, now) => [
    nameOf(object),
    object.spec?.capacity?.storage ?? '0',
    accessModes(object.spec?.accessModes),
    object.spec?.persistentVolumeReclaimPolicy ?? '',
    object.metadata?.deletionTimestamp ? 'Terminating' : (object.status?.phase ?? ''),
    object.spec?.claimRef ? `${object.spec.claimRef.namespace ?? ''}/${object.spec.claimRef.name ?? ''}` : '',
    object.metadata?.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? object.spec?.storageClassName ?? '',
    object.spec?.volumeAttributesClassName ?? '<unset>',
    object.status?.reason ?? '',
    age(object, now),
    object.spec?.volumeMode ?? '<unset>',
  ],
  subresources: {
    status: {
      ...statusSubresource<PersistentVolume>(definition),
      prepareForUpdate(context, object, old) {
        object.spec = old.spec;
        const status = (object.status ??= {});
        if (status.phase !== old.status?.phase) status.lastPhaseTransitionTime = new Date(context.now).toISOString().replace(/\.\d+Z/, 'Z');
      },
    },
  },
};
