import type { ConfigMap } from '../../../main/api/index.ts';
import { core } from '../../client/index.ts';
import { ageColumn, countColumn, labelsColumn, nameColumn, namespaceColumn } from '../columns.ts';
import type { KindList } from '../types.ts';

export const list: KindList<ConfigMap> = {
  columns: [
    nameColumn(core.configMaps),
    namespaceColumn(),
    countColumn('data', 'column.data', (map) => keysOf(map).length),
    { id: 'keys', title: 'column.keys', width: 220, grow: 3, text: (map) => keysOf(map).join(', ') },
    labelsColumn(),
    ageColumn(),
  ],
};

const keysOf = ({ data, binaryData }: ConfigMap) => [...Object.keys(data ?? {}), ...Object.keys(binaryData ?? {})];
