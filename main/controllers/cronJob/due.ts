import type { CronJob } from '../../api/index.ts';
import type { Schedule } from './schedule.ts';

/** Waking a little late is sure not to be too early. */
const delta = 100;

interface Missed {
  earliest: number;
  /** The last time that was due; undefined when none was. */
  last?: number;
  many: boolean;
}

/** Mirrors mostRecentScheduleTime of pkg/controller/cronjob/utils.go. */
function missed(cronJob: CronJob, now: number, schedule: Schedule, withDeadline: boolean): Missed {
  const { creationTimestamp } = cronJob.metadata!;
  const { startingDeadlineSeconds } = cronJob.spec!;
  let earliest = Date.parse(cronJob.status?.lastScheduleTime ?? creationTimestamp!);
  if (withDeadline && startingDeadlineSeconds !== undefined)
    earliest = Math.max(earliest, now - startingDeadlineSeconds * 1000);
  const first = schedule.next(earliest);
  if (first === undefined || first > now) return { earliest, many: false };
  const second = schedule.next(first);
  if (second === undefined || second > now) return { earliest, last: first, many: false };
  const between = second - first;
  const count = Math.floor((now - first) / between) + 1;
  // Near the last one by the distance of the first two, then one by one.
  let last = first;
  for (let at = schedule.next(first + (count - 2) * between); at !== undefined && at <= now; at = schedule.next(at))
    last = at;
  return { earliest, last, many: count > 100 };
}

/** The time for which a Job should be started now, and whether very many were missed; undefined for none. */
export function dueTime(cronJob: CronJob, now: number, schedule: Schedule): { at: number; many: boolean } | undefined {
  const { last, many } = missed(cronJob, now, schedule, true);
  return last === undefined ? undefined : { at: last, many };
}

/** Milliseconds until there is something to do; undefined: never. */
export function untilNext(cronJob: CronJob, now: number, schedule: Schedule): number | undefined {
  const { last, earliest } = missed(cronJob, now, schedule, false);
  const next = schedule.next(last ?? earliest);
  return next === undefined ? undefined : Math.max(0, next - now) + delta;
}
