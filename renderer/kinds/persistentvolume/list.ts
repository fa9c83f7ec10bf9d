import type { PersistentVolume } from '../../../main/api/index.ts';
import { core } from '../../client/index.ts';
import { objectRoute } from '../../routes.ts';
import { ageColumn, labelsColumn, nameColumn } from '../columns.ts';
import type { KindList } from '../types.ts';
import { accessModesText, volumePhase } from '../volumeStatus.ts';

export const list: KindList<PersistentVolume> = {
  columns: [
    nameColumn(core.persistentVolumes),
    {
      id: 'status',
      title: 'column.status',
      width: 120,
      keep: 5,
      text: ({ status }) => status?.phase ?? '',
      status: ({ status, metadata }) => volumePhase(status?.phase, metadata?.deletionTimestamp !== undefined),
    },
    { id: 'capacity', title: 'column.capacity', width: 92, keep: 4, text: ({ spec }) => spec?.capacity?.storage ?? '' },
    { id: 'modes', title: 'column.accessModes', width: 110, text: ({ spec }) => accessModesText(spec?.accessModes) },
    { id: 'policy', title: 'column.reclaimPolicy', width: 110, text: ({ spec }) => spec?.persistentVolumeReclaimPolicy ?? '' },
    {
      id: 'claim',
      title: 'column.claim',
      width: 180,
      grow: 2,
      text: ({ spec }) => (spec?.claimRef ? `${spec.claimRef.namespace}/${spec.claimRef.name}` : ''),
      to: ({ spec }) => (spec?.claimRef?.name ? objectRoute(core.persistentVolumeClaims, spec.claimRef.namespace, spec.claimRef.name) : undefined),
    },
    { id: 'class', title: 'column.storageClass', width: 120, grow: 1, text: ({ spec }) => spec?.storageClassName ?? '' },
    labelsColumn(),
    ageColumn(),
  ],
};
