import type { Deployment } from '../../../main/api/index.ts';
import { core } from '../../client/index.ts';
import { countColumn, readyColumn, stateColumns } from '../columns.ts';
import type { KindList } from '../types.ts';
import { imagesColumn } from '../workload/images.ts';
import { deploymentStatus } from './status.ts';

export const list: KindList<Deployment> = {
  columns: stateColumns(core.deployments, deploymentStatus, [
    readyColumn(({ status }) => status?.readyReplicas, ({ spec }) => spec?.replicas ?? 1),
    countColumn('updated', 'column.upToDate', ({ status }) => status?.updatedReplicas ?? 0),
    countColumn('available', 'column.available', ({ status }) => status?.availableReplicas ?? 0),
    imagesColumn(({ spec }) => spec?.template.spec),
  ]),
};
