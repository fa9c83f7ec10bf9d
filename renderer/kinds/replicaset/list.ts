import type { ReplicaSet } from '../../../main/api/index.ts';
import { controllerOf } from '../../../main/api/meta.ts';
import { core } from '../../client/index.ts';
import { ageColumn, countColumn, labelsColumn, nameColumn, namespaceColumn } from '../columns.ts';
import type { KindList } from '../types.ts';
import { imagesOf } from '../workload/images.ts';
import { ownerRoute } from '../owners.ts';

export const list: KindList<ReplicaSet> = {
  columns: [
    nameColumn(core.replicaSets),
    namespaceColumn(),
    countColumn('desired', 'column.desired', ({ spec }) => spec?.replicas ?? 1),
    countColumn('current', 'column.current', ({ status }) => status?.replicas ?? 0),
    countColumn('ready', 'column.ready', ({ status }) => status?.readyReplicas ?? 0),
    { id: 'owner', title: 'column.owner', width: 160, grow: 1, text: (set) => controllerOf(set)?.name ?? '', to: ownerRoute },
    { id: 'images', title: 'column.images', width: 180, grow: 2, text: ({ spec }) => imagesOf(spec?.template?.spec) },
    labelsColumn(),
    ageColumn(),
  ],
};
