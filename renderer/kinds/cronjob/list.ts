import type { CronJob } from '../../../main/api/index.ts';
import { core } from '../../client/index.ts';
import { countColumn, stateColumns } from '../columns.ts';
import type { KindList } from '../types.ts';
import { imagesColumn } from '../workload/images.ts';
import { clockTime, nextRunOf } from './nextRun.ts';
import { cronJobStatus } from './status.ts';

/** When the next Job is made; undefined where none is, and the state says why. */
function next(cronJob: CronJob): { at: number; zone: string } | undefined {
  const run = nextRunOf(cronJob, Date.now());
  return 'at' in run ? run : undefined;
}

export const list: KindList<CronJob> = {
  columns: stateColumns(core.cronJobs, cronJobStatus, [
    { id: 'schedule', title: 'column.schedule', width: 120, keep: 4, grow: 1, mono: true, text: ({ spec }) => spec?.schedule ?? '' },
    { id: 'timeZone', title: 'column.timeZone', width: 140, optional: true, text: ({ spec }) => spec?.timeZone ?? '' },
    {
      id: 'nextRun',
      title: 'column.nextRun',
      width: 88,
      keep: 4,
      text(cronJob) {
        const run = next(cronJob);
        return run ? clockTime(run.at, run.zone) : '';
      },
      until: (cronJob) => next(cronJob)?.at,
      sortBy: (cronJob) => next(cronJob)?.at ?? Infinity,
    },
    { id: 'lastSchedule', title: 'column.lastRun', width: 84, text: ({ status }) => status?.lastScheduleTime ?? '', time: ({ status }) => status?.lastScheduleTime },
    { id: 'lastSuccess', title: 'column.lastSuccess', width: 102, text: ({ status }) => status?.lastSuccessfulTime ?? '', time: ({ status }) => status?.lastSuccessfulTime },
    { ...countColumn<CronJob>('active', 'column.active', ({ status }) => status?.active?.length ?? 0), optional: true },
    { ...imagesColumn(({ spec }) => spec?.jobTemplate.spec?.template.spec), optional: true },
  ], 170),
};
