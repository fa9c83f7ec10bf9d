import type { DaemonSet } from '../../../main/api/index.ts';
import { core } from '../../client/index.ts';
import { ageColumn, countColumn, labelsColumn, labelText, nameColumn, namespaceColumn } from '../columns.ts';
import type { KindList } from '../types.ts';
import { imagesOf } from '../workload/images.ts';
import { daemonSetStatus } from './status.ts';

export const list: KindList<DaemonSet> = {
  columns: [
    nameColumn(core.daemonSets),
    namespaceColumn(),
    { id: 'status', title: 'column.status', width: 140, grow: 1, text: (set) => daemonSetStatus(set).text, status: daemonSetStatus },
    {
      id: 'ready',
      title: 'column.ready',
      width: 76,
      text: ({ status }) => `${status?.numberReady ?? 0}/${status?.desiredNumberScheduled ?? 0}`,
      sortBy: ({ status }) => status?.numberReady ?? 0,
    },
    countColumn('updated', 'column.upToDate', ({ status }) => status?.updatedNumberScheduled ?? 0),
    countColumn('available', 'column.available', ({ status }) => status?.numberAvailable ?? 0),
    { id: 'nodeSelector', title: 'workload.nodeSelector', width: 120, grow: 1, text: ({ spec }) => labelText(spec?.template.spec?.nodeSelector) },
    { id: 'images', title: 'column.images', width: 140, grow: 2, optional: true, text: ({ spec }) => imagesOf(spec?.template.spec) },
    labelsColumn(),
    ageColumn(),
  ],
};
