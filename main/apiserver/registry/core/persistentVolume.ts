import type { PersistentVolume, VolumeNodeAffinity } from '../../../api/index.ts';
import { cloneJson, equalJson } from '../../../api/json.ts';
import { timestamp } from '../../../api/meta.ts';
import { cloneGiven } from '../../../api/normalize.ts';
import { diff } from '../../validation/diff.ts';
import { internal } from '../../validation/internal.ts';
import { fieldImmutable } from '../../validation/names.ts';
import { stableLabels } from '../../validation/nodeLabelWarnings.ts';
import { sourceOf, validatePersistentVolume } from '../../validation/persistentVolume.ts';
import { canonicalQuantities } from '../../validation/resources.ts';
import { persistentVolumeWarnings } from '../../validation/volumeWarnings.ts';
import { check, columns, define, statusSubresource } from '../define.ts';
import { defaultVolumeSource } from './podDefaults.ts';
import { accessModes, age, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/core/persistentvolume/strategy.go. */

const definition = define('', 'v1', 'PersistentVolume', 'persistentvolumes', { namespaced: false, shortNames: ['pv'] });

const sourceType = 'core/v1.PersistentVolumeSource';

export const persistentVolume: Strategy<PersistentVolume> = {
  definition,
  hasGeneration: false,
  nameRule: 'dnsSubdomain',
  judgedAgain: true,
  allowUnconditionalUpdate: true,
  returnsDeletedObject: true,
  defaults(object) {
    const spec = (object.spec ??= {});
    spec.persistentVolumeReclaimPolicy ||= 'Retain';
    spec.volumeMode ??= 'Filesystem';
    canonicalQuantities(spec.capacity);
    defaultVolumeSource(spec);
    (object.status ??= {}).phase ||= 'Pending';
  },
  prepareForCreate(context, object) {
    object.status = { phase: 'Pending', lastPhaseTransitionTime: timestamp(context.now) };
  },
  prepareForUpdate(_context, object, old) {
    object.status = old.status;
  },
  validate: (_context, object) => check((errors) => validatePersistentVolume(errors, object)),
  validateUpdate: (_context, object, old) => check((errors) => {
    // Upstream judges it twice.
    validatePersistentVolume(errors, object, old);
    validatePersistentVolume(errors, object, old);
    const [before, after] = [sourceOf(old.spec!), sourceOf(object.spec!)];
    // A secret for expanding may be added later.
    if (before.csi && !before.csi.controllerExpandSecretRef && after.csi) delete (after.csi = cloneGiven(after.csi)).controllerExpandSecretRef;
    if (!equalJson(before, after))
      errors.forbidden('spec.persistentvolumesource', `spec.persistentvolumesource is immutable after creation\n${diff(internal(sourceType, before), internal(sourceType, after))}`);
    if (object.spec?.volumeMode !== old.spec?.volumeMode) errors.invalid('volumeMode', object.spec?.volumeMode, fieldImmutable);
    if (old.spec?.nodeAffinity && !equalJson(object.spec?.nodeAffinity, renamedLabels(old.spec.nodeAffinity, object.spec?.nodeAffinity)))
      errors.invalid('nodeAffinity', internal('core/v1.VolumeNodeAffinity', object.spec?.nodeAffinity), `${fieldImmutable}, except for updating from beta label to GA`);
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
        const before = old.status?.lastPhaseTransitionTime;
        status.lastPhaseTransitionTime ??= before;
        if (status.phase !== old.status?.phase && status.lastPhaseTransitionTime === before) status.lastPhaseTransitionTime = timestamp(context.now);
      },
    },
  },
};

/** What a volume's place was, with the labels of nodes that have a newer name since where the new place has it. */
function renamedLabels(old: VolumeNodeAffinity, affinity: VolumeNodeAffinity | undefined): VolumeNodeAffinity {
  const renamed = cloneJson(old);
  renamed.required?.nodeSelectorTerms?.forEach((term, i) => {
    for (const kind of ['matchExpressions', 'matchFields'] as const)
      term[kind]?.forEach((requirement, j) => {
        const key = affinity?.required?.nodeSelectorTerms?.[i]?.[kind]?.[j]?.key;
        if (key !== undefined && key === (stableLabels[requirement.key] ?? '')) requirement.key = key;
      });
  });
  return renamed;
}
