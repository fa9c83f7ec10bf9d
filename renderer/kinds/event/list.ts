import type { Event } from '../../../main/api/index.ts';
import { referenceRoute } from '../../routes.ts';
import { useDiscovery } from '../../stores/discovery.ts';
import { countColumn, namespaceColumn } from '../columns.ts';
import type { KindList } from '../types.ts';
import { lastSeen, sourceOf, timesSeen } from './time.ts';

export const list: KindList<Event> = {
  columns: [
    { id: 'lastSeen', title: 'column.lastSeen', width: 106, text: (event) => lastSeen(event) ?? '', time: lastSeen },
    {
      id: 'type',
      title: 'column.type',
      width: 100,
      text: ({ type }) => type ?? '',
      status: ({ type }) => ({ text: type ?? 'Normal', tone: type === 'Warning' ? 'warn' : 'idle' }),
    },
    { id: 'reason', title: 'column.reason', width: 130, keep: 4, text: ({ reason }) => reason ?? '' },
    namespaceColumn(),
    {
      id: 'object',
      title: 'column.object',
      width: 150,
      grow: 1,
      keep: 3,
      text: ({ involvedObject }) => `${involvedObject.kind ?? ''}/${involvedObject.name ?? ''}`,
      to: ({ involvedObject }) => referenceRoute(useDiscovery().resources, involvedObject),
    },
    { id: 'message', title: 'column.message', width: 240, grow: 5, keep: 5, least: 200, text: ({ message }) => message ?? '' },
    { ...countColumn<Event>('count', 'column.count', timesSeen), width: 78 },
    { id: 'source', title: 'column.source', width: 140, optional: true, text: sourceOf },
  ],
  sort: { column: 'lastSeen', descending: false },
};
