import type { CronJob } from '../../../main/api/index.ts';
import { core } from '../../client/index.ts';
import { countColumn, stateColumns } from '../columns.ts';
import type { KindList } from '../types.ts';
import { imagesColumn } from '../workload/images.ts';
import { cronJobStatus } from './status.ts';

export const list: KindList<CronJob> = {
  columns: stateColumns(core.cronJobs, cronJobStatus, [
    { id: 'schedule', title: 'column.schedule', width: 130, grow: 1, mono: true, text: ({ spec }) => spec?.schedule ?? '' },
    { id: 'timeZone', title: 'column.timeZone', width: 120, grow: 1, text: ({ spec }) => spec?.timeZone ?? '' },
    countColumn('active', 'column.active', ({ status }) => status?.active?.length ?? 0),
    { id: 'lastSchedule', title: 'column.lastSchedule', width: 120, text: ({ status }) => status?.lastScheduleTime ?? '', time: ({ status }) => status?.lastScheduleTime },
    { ...imagesColumn(({ spec }) => spec?.jobTemplate.spec?.template.spec), optional: true },
  ], 130),
};
