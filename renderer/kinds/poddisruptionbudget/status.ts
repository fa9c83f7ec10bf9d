import type { PodDisruptionBudget } from '../../../main/api/index.ts';
import type { StatusText } from '../../components/grid/types.ts';

/** Whether a pod of the budget may be evicted now. */
export function budgetStatus({ metadata, status }: PodDisruptionBudget): StatusText {
  if ((status?.observedGeneration ?? 0) < (metadata?.generation ?? 0)) return { text: 'Counting', tone: 'info' };
  const refused = status?.conditions?.find(({ type, status: value }) => type === 'DisruptionAllowed' && value === 'False');
  if (refused?.reason === 'SyncFailed') return { text: 'SyncFailed', tone: 'bad', title: refused.message };
  if ((status?.expectedPods ?? 0) === 0) return { text: 'NoPods', tone: 'idle' };
  if ((status?.disruptionsAllowed ?? 0) === 0) return { text: refused?.reason || 'InsufficientPods', tone: 'warn' };
  return { text: 'DisruptionAllowed', tone: 'ok' };
}
