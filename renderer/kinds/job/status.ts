import type { Job } from '../../../main/api/index.ts';
import type { StatusText } from '../../components/grid/types.ts';

/** How far a job has come, in the words of its conditions. */
export function jobStatus({ metadata, spec, status }: Job): StatusText {
  const holds = (type: string) => status?.conditions?.find((condition) => condition.type === type && condition.status === 'True');
  const failed = holds('Failed') ?? holds('FailureTarget');
  if (metadata?.deletionTimestamp) return { text: 'Terminating', tone: 'warn' };
  if (failed) return { text: failed.reason ?? 'Failed', tone: 'bad', title: failed.message ?? '' };
  if (holds('Complete')) return { text: 'Complete', tone: 'ok' };
  if (spec?.suspend) return { text: 'Suspended', tone: 'idle' };
  return { text: 'Running', tone: 'info' };
}

export const hasEnded = ({ status }: Job): boolean => status?.conditions?.some(({ type, status: value }) => (type === 'Complete' || type === 'Failed') && value === 'True') ?? false;
