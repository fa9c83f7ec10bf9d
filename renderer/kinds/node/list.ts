import type { Node } from '../../../main/api/index.ts';
import { core } from '../../client/index.ts';
import { stateColumns } from '../columns.ts';
import type { KindList } from '../types.ts';
import { addressOf, nodeStatus, rolesOf } from './status.ts';

export const list: KindList<Node> = {
  columns: stateColumns(core.nodes, nodeStatus, [
    { id: 'roles', title: 'column.roles', width: 120, text: (node) => rolesOf(node).join(', ') },
    { id: 'version', title: 'column.version', width: 100, text: ({ status }) => status?.nodeInfo?.kubeletVersion ?? '' },
    { id: 'ip', title: 'column.internalIP', width: 120, mono: true, text: (node) => addressOf(node, 'InternalIP') },
    { id: 'cpu', title: 'column.cpu', width: 70, align: 'end', text: ({ status }) => status?.capacity?.cpu ?? '' },
    { id: 'memory', title: 'column.memory', width: 110, align: 'end', text: ({ status }) => status?.capacity?.memory ?? '' },
    { id: 'runtime', title: 'column.runtime', width: 150, grow: 1, text: ({ status }) => status?.nodeInfo?.containerRuntimeVersion ?? '' },
  ], 150),
};
