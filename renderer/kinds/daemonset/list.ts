import type { DaemonSet } from '../../../main/api/index.ts';
import { core } from '../../client/index.ts';
import { countColumn, labelText, readyColumn, stateColumns } from '../columns.ts';
import type { KindList } from '../types.ts';
import { imagesColumn } from '../workload/images.ts';
import { daemonSetStatus } from './status.ts';

export const list: KindList<DaemonSet> = {
  columns: stateColumns(core.daemonSets, daemonSetStatus, [
    readyColumn(({ status }) => status?.numberReady, ({ status }) => status?.desiredNumberScheduled ?? 0),
    countColumn('updated', 'column.upToDate', ({ status }) => status?.updatedNumberScheduled ?? 0),
    countColumn('available', 'column.available', ({ status }) => status?.numberAvailable ?? 0),
    { id: 'nodeSelector', title: 'workload.nodeSelector', width: 120, grow: 1, text: ({ spec }) => labelText(spec?.template.spec?.nodeSelector) },
    { ...imagesColumn(({ spec }) => spec?.template.spec), optional: true },
  ]),
};
