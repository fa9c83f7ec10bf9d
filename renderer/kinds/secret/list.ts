import type { Secret } from '../../../main/api/index.ts';
import { core } from '../../client/index.ts';
import { ageColumn, countColumn, labelsColumn, nameColumn, namespaceColumn } from '../columns.ts';
import type { KindList } from '../types.ts';

/** Names of keys only: values are shown on the object's own page, and there on request. */
export const list: KindList<Secret> = {
  columns: [
    nameColumn(core.secrets),
    namespaceColumn(),
    { id: 'type', title: 'column.type', width: 220, grow: 2, text: ({ type }) => type ?? 'Opaque' },
    countColumn('data', 'column.data', ({ data }) => Object.keys(data ?? {}).length),
    { id: 'keys', title: 'column.keys', width: 180, grow: 2, text: ({ data }) => Object.keys(data ?? {}).join(', ') },
    labelsColumn(),
    ageColumn(),
  ],
};
