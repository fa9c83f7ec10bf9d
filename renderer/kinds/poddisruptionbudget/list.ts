import type { PodDisruptionBudget } from '../../../main/api/index.ts';
import { core } from '../../client/index.ts';
import { ageColumn, countColumn, labelsColumn, nameColumn, namespaceColumn } from '../columns.ts';
import type { KindList } from '../types.ts';
import { budgetStatus } from './status.ts';

export const list: KindList<PodDisruptionBudget> = {
  columns: [
    nameColumn(core.podDisruptionBudgets),
    namespaceColumn(),
    { id: 'status', title: 'column.status', width: 170, grow: 1, text: (budget) => budgetStatus(budget).text, status: budgetStatus },
    { id: 'minAvailable', title: 'minAvailable', literal: true, width: 110, text: ({ spec }) => String(spec?.minAvailable ?? '') },
    { id: 'maxUnavailable', title: 'maxUnavailable', literal: true, width: 124, text: ({ spec }) => String(spec?.maxUnavailable ?? '') },
    { ...countColumn<PodDisruptionBudget>('allowed', 'budget.allowed', ({ status }) => status?.disruptionsAllowed ?? 0), width: 164 },
    labelsColumn(),
    ageColumn(),
  ],
};
