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

/** How many pods have ended with success, of how many. Mirrors printJob of pkg/printers/internalversion/printers.go. */
export function completionsText({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0;
  if (typeof spec?.completions === 'number') return `${succeeded}/${spec.completions}`;
  const parallelism = spec?.parallelism ?? 0;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

/** How long a job that has ended ran, in milliseconds; undefined while it runs. */
export function durationOf({ status }: Job): number | undefined {
  const failed = status?.conditions?.find(({ type, status: value }) => type === 'Failed' && value === 'True');
  const end = status?.completionTime ?? failed?.lastTransitionTime;
  return status?.startTime && end ? Date.parse(end) - Date.parse(status.startTime) : undefined;
}

/** What upstream's defaults make of a limit that there is not. */
const unlimited = 2 ** 31 - 1;

/** How many pods have failed, of how many that may; with a limit for each index there is mostly none for all. */
export function failuresText({ spec, status }: Job): string {
  const limit = spec?.backoffLimit ?? 6;
  return limit >= unlimited ? String(status?.failed ?? 0) : `${status?.failed ?? 0} / ${limit}`;
}
