import type { CronJob } from '../../../main/api/index.ts';
import type { StatusText } from '../../components/grid/types.ts';
import { nextRunOf } from './nextRun.ts';

export function cronJobStatus(cronJob: CronJob): StatusText {
  const { metadata, spec, status } = cronJob;
  if (metadata?.deletionTimestamp) return { text: 'Terminating', tone: 'warn' };
  if (spec?.suspend) return { text: 'Suspended', tone: 'idle' };
  const next = nextRunOf(cronJob, Date.now());
  if ('reason' in next) return { text: next.reason, tone: 'bad', title: next.words, means: `workload.noWhy.${next.none}` };
  return status?.active?.length ? { text: 'Running', tone: 'info' } : { text: 'Scheduled', tone: 'ok' };
}
