import { mdiFilterOutline } from '@mdi/js';
import { useSettings } from '../../stores/settings.ts';
import type { KindDetails } from '../types.ts';
import { editAction } from '../edit.ts';
import NamespaceSummary from './NamespaceSummary.vue';

export const details: KindDetails = {
  summary: NamespaceSummary,
  actions: [
    {
      id: 'enter',
      title: 'action.enter',
      icon: mdiFilterOutline,
      shown: ({ metadata }) => metadata?.name !== useSettings().namespace && !metadata?.deletionTimestamp,
      run(namespace) {
        useSettings().namespace = namespace.metadata?.name ?? '';
        return Promise.resolve('action.entered');
      },
    },
    editAction('Namespace'),
  ],
};
