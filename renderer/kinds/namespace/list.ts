import type { Namespace } from '../../../main/api/index.ts';
import { core } from '../../client/index.ts';
import { ageColumn, labelsColumn, nameColumn } from '../columns.ts';
import type { KindList } from '../types.ts';
import { namespaceStatus } from './status.ts';

export const list: KindList<Namespace> = {
  columns: [
    nameColumn(core.namespaces),
    {
      id: 'status',
      title: 'column.status',
      width: 140,
      grow: 1,
      keep: 5,
      text: (namespace) => namespaceStatus(namespace).text,
      status: namespaceStatus,
    },
    { ...labelsColumn(), optional: false },
    ageColumn(),
  ],
};
