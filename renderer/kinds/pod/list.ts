import type { Pod } from '../../../main/api/index.ts';
import { core } from '../../client/index.ts';
import { objectRoute } from '../../routes.ts';
import { countColumn, stateColumns } from '../columns.ts';
import type { KindList } from '../types.ts';
import { podStatus, summarize } from './status.ts';

export const list: KindList<Pod> = {
  columns: stateColumns(core.pods, podStatus, [
    {
      id: 'ready',
      title: 'column.ready',
      width: 62,
      keep: 4,
      text: (pod) => readyText(pod),
      sortBy: (pod) => summarize(pod).ready,
    },
    countColumn('restarts', 'column.restarts', (pod) => summarize(pod).restarts),
    { id: 'ip', title: 'column.ip', width: 108, mono: true, text: (pod) => pod.status?.podIP ?? '' },
    {
      id: 'node',
      title: 'column.node',
      width: 84,
      grow: 1,
      text: (pod) => pod.spec?.nodeName ?? '',
      to: (pod) => (pod.spec?.nodeName ? objectRoute(core.nodes, undefined, pod.spec.nodeName) : undefined),
    },
    { id: 'images', title: 'column.images', width: 200, grow: 1, optional: true, text: (pod) => (pod.spec?.containers ?? []).map(({ image }) => image).join(', ') },
  ], 168),
};

function readyText(pod: Pod): string {
  const { ready, total } = summarize(pod);
  return `${ready}/${total}`;
}
