import type { PersistentVolumeClaim } from '../../../main/api/index.ts';
import { core } from '../../client/index.ts';
import { objectRoute } from '../../routes.ts';
import { ageColumn, labelsColumn, nameColumn, namespaceColumn } from '../columns.ts';
import type { KindList } from '../types.ts';
import { accessModesText, volumePhase } from '../volumeStatus.ts';

export const list: KindList<PersistentVolumeClaim> = {
  columns: [
    nameColumn(core.persistentVolumeClaims),
    namespaceColumn(),
    {
      id: 'status',
      title: 'column.status',
      width: 120,
      keep: 5,
      text: ({ status }) => status?.phase ?? '',
      status: ({ status, metadata }) => volumePhase(status?.phase, metadata?.deletionTimestamp !== undefined),
    },
    {
      id: 'volume',
      title: 'column.volume',
      width: 180,
      grow: 2,
      text: ({ spec }) => spec?.volumeName ?? '',
      to: ({ spec }) => (spec?.volumeName ? objectRoute(core.persistentVolumes, undefined, spec.volumeName) : undefined),
    },
    { id: 'capacity', title: 'column.capacity', width: 92, keep: 4, text: ({ status, spec }) => status?.capacity?.storage ?? spec?.resources?.requests?.storage ?? '' },
    { id: 'modes', title: 'column.accessModes', width: 110, text: ({ spec }) => accessModesText(spec?.accessModes) },
    { id: 'class', title: 'column.storageClass', width: 120, grow: 1, text: ({ spec }) => spec?.storageClassName ?? '' },
    labelsColumn(),
    ageColumn(),
  ],
};
