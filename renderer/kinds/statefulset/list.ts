import type { StatefulSet } from '../../../main/api/index.ts';
import { core } from '../../client/index.ts';
import { ageColumn, countColumn, labelsColumn, nameColumn, namespaceColumn } from '../columns.ts';
import type { KindList } from '../types.ts';
import { imagesOf } from '../workload/images.ts';
import { statefulSetStatus } from './status.ts';

export const list: KindList<StatefulSet> = {
  columns: [
    nameColumn(core.statefulSets),
    namespaceColumn(),
    { id: 'status', title: 'column.status', width: 140, grow: 1, text: (set) => statefulSetStatus(set).text, status: statefulSetStatus },
    {
      id: 'ready',
      title: 'column.ready',
      width: 76,
      text: ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 1}`,
      sortBy: ({ status }) => status?.readyReplicas ?? 0,
    },
    countColumn('updated', 'column.upToDate', ({ status }) => status?.updatedReplicas ?? 0),
    { id: 'images', title: 'column.images', width: 140, grow: 2, text: ({ spec }) => imagesOf(spec?.template.spec) },
    labelsColumn(),
    ageColumn(),
  ],
};
