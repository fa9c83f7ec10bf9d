import type { CronJob } from '../../../main/api/index.ts';
import type { StatusText } from '../../components/grid/types.ts';

export function cronJobStatus({ metadata, spec, status }: CronJob): StatusText {
  if (metadata?.deletionTimestamp) return { text: 'Terminating', tone: 'warn' };
  if (spec?.suspend) return { text: 'Suspended', tone: 'idle' };
  return status?.active?.length ? { text: 'Running', tone: 'info' } : { text: 'Scheduled', tone: 'ok' };
}
