import type { Deployment } from '../../../main/api/index.ts';
import { core } from '../../client/index.ts';
import { ageColumn, countColumn, labelsColumn, nameColumn, namespaceColumn } from '../columns.ts';
import type { KindList } from '../types.ts';
import { imagesOf } from '../workload/images.ts';
import { deploymentStatus } from './status.ts';

export const list: KindList<Deployment> = {
  columns: [
    nameColumn(core.deployments),
    namespaceColumn(),
    { id: 'status', title: 'column.status', width: 140, grow: 1, text: (deployment) => deploymentStatus(deployment).text, status: deploymentStatus },
    {
      id: 'ready',
      title: 'column.ready',
      width: 76,
      text: ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 1}`,
      sortBy: ({ status }) => status?.readyReplicas ?? 0,
    },
    countColumn('updated', 'column.upToDate', ({ status }) => status?.updatedReplicas ?? 0),
    countColumn('available', 'column.available', ({ status }) => status?.availableReplicas ?? 0),
    { id: 'images', title: 'column.images', width: 140, grow: 2, text: ({ spec }) => imagesOf(spec?.template.spec) },
    labelsColumn(),
    ageColumn(),
  ],
};
