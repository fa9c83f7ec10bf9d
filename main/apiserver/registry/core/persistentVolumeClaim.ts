import type { PersistentVolumeClaim } from '../../../api/index.ts';
import { claimSpec, claimStatus, claimUpdate } from '../../validation/persistentVolumeClaim.ts';
import { canonicalQuantities } from '../../validation/resources.ts';
import { claimWarnings } from '../../validation/volumeWarnings.ts';
import { check, columns, define, statusSubresource } from '../define.ts';
import { accessModes, age, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/core/persistentvolumeclaim/strategy.go. */

const definition = define('', 'v1', 'PersistentVolumeClaim', 'persistentvolumeclaims', { shortNames: ['pvc'] });

export const persistentVolumeClaim: Strategy<PersistentVolumeClaim> = {
  definition,
  hasGeneration: false,
  nameRule: 'dnsSubdomain',
  judgedAgain: true,
  allowUnconditionalUpdate: true,
  returnsDeletedObject: true,
  defaults(object) {
    defaultClaimSpec((object.spec ??= {}));
    (object.status ??= {}).phase ||= 'Pending';
  },
  prepareForCreate(_context, object) {
    object.status = { phase: 'Pending' };
    dropDistantSource(object.spec!);
    dropForeignSource(object.spec!);
    normalizeDataSources(object.spec!);
  },
  prepareForUpdate(_context, object, old) {
    object.status = old.status;
    if (!old.spec?.dataSourceRef) dropDistantSource(object.spec!);
    if (!old.spec?.dataSource && !old.spec?.dataSourceRef) dropForeignSource(object.spec!);
    normalizeDataSources(object.spec!);
  },
  validate: (_context, object) => check((errors) => claimSpec(errors, 'spec', object.spec ?? {})),
  validateUpdate: (_context, object, old) => check((errors) => {
    claimSpec(errors, 'spec', object.spec ?? {}, old.spec);
    claimUpdate(errors, object, old);
  }),
  warnings: claimWarnings,
  columns: columns('Name', 'Status', 'Volume', 'Capacity', 'Access Modes', 'StorageClass', 'VolumeAttributesClass', 'Age', 'VolumeMode!'),
  row(object, now) {
    const { spec = {}, status = {}, metadata } = object;
    const bound = !!spec.volumeName;
    return [
      nameOf(object),
      metadata?.deletionTimestamp ? 'Terminating' : (status.phase ?? ''),
      spec.volumeName ?? '',
      bound ? (status.capacity?.storage ?? '0') : '',
      bound ? accessModes(status.accessModes) : '',
      metadata?.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? spec.storageClassName ?? '',
      spec.volumeAttributesClassName ?? '<unset>',
      age(object, now),
      spec.volumeMode ?? '<unset>',
    ];
  },
  subresources: { status: statusSubresource<PersistentVolumeClaim>(definition, claimStatus) },
};

/** Sources in other namespaces are a feature that is off as long as it is an alpha one. */
function dropDistantSource(spec: NonNullable<PersistentVolumeClaim['spec']>): void {
  if (spec.dataSourceRef?.namespace) delete spec.dataSourceRef;
}

/** The older field takes claims and snapshots only, and forgets anything else (EnforceDataSourceBackwardsCompatibility). */
function dropForeignSource(spec: NonNullable<PersistentVolumeClaim['spec']>): void {
  const { dataSource: source } = spec;
  if (!source || spec.dataSourceRef) return;
  const isClaim = source.kind === 'PersistentVolumeClaim' && !source.apiGroup;
  const isSnapshot = source.kind === 'VolumeSnapshot' && source.apiGroup === 'snapshot.storage.k8s.io';
  if (!isClaim && !isSnapshot) delete spec.dataSource;
}

/** The older and the newer field say the same (pkg/api/persistentvolumeclaim, NormalizeDataSources). */
function normalizeDataSources(spec: NonNullable<PersistentVolumeClaim['spec']>): void {
  if (spec.dataSource && !spec.dataSourceRef) spec.dataSourceRef = { ...spec.dataSource };
  else if (!spec.dataSource && spec.dataSourceRef && !spec.dataSourceRef.namespace) {
    const { namespace: _, ...local } = spec.dataSourceRef;
    spec.dataSource = local;
  }
}

export function defaultClaimSpec(spec: NonNullable<PersistentVolumeClaim['spec']>): void {
  spec.volumeMode ??= 'Filesystem';
  spec.resources ??= {};
  canonicalQuantities(spec.resources.requests);
  canonicalQuantities(spec.resources.limits);
}
