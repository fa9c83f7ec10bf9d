import type { PodDisruptionBudget } from '../../../main/api/index.ts';
import { core } from '../../client/index.ts';
import { countColumn, stateColumns } from '../columns.ts';
import type { KindList } from '../types.ts';
import { budgetStatus } from './status.ts';

export const list: KindList<PodDisruptionBudget> = {
  columns: stateColumns(core.podDisruptionBudgets, budgetStatus, [
    { id: 'minAvailable', title: 'minAvailable', literal: true, width: 110, text: ({ spec }) => String(spec?.minAvailable ?? '') },
    { id: 'maxUnavailable', title: 'maxUnavailable', literal: true, width: 124, text: ({ spec }) => String(spec?.maxUnavailable ?? '') },
    { ...countColumn<PodDisruptionBudget>('allowed', 'budget.allowed', ({ status }) => status?.disruptionsAllowed ?? 0), width: 164 },
  ], 170),
};
