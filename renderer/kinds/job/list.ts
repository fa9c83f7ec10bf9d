import type { Job } from '../../../main/api/index.ts';
import { controllerOf } from '../../../main/api/meta.ts';
import { core } from '../../client/index.ts';
import { humanDuration } from '../../composables/age.ts';
import { countColumn, stateColumns } from '../columns.ts';
import { ownerRoute } from '../owners.ts';
import type { KindList } from '../types.ts';
import { imagesColumn } from '../workload/images.ts';
import { completionsText, durationOf, jobStatus } from './status.ts';

export const list: KindList<Job> = {
  columns: stateColumns(core.jobs, jobStatus, [
    { id: 'completions', title: 'column.completions', width: 110, keep: 4, text: completionsText, sortBy: ({ status }) => status?.succeeded ?? 0 },
    countColumn('failed', 'column.failed', ({ status }) => status?.failed ?? 0),
    {
      id: 'duration',
      title: 'column.duration',
      width: 90,
      text: (job) => {
        const ms = durationOf(job);
        return ms === undefined ? '' : humanDuration(ms);
      },
      sortBy: (job) => durationOf(job) ?? -1,
    },
    { id: 'owner', title: 'column.owner', width: 120, grow: 1, text: (job) => controllerOf(job)?.name ?? '', to: ownerRoute },
    { ...imagesColumn(({ spec }) => spec?.template.spec), optional: true },
  ], 150),
};
