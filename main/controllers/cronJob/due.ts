import type { Schedule } from '../../api/cronSchedule.ts';
import type { CronJob } from '../../api/index.ts';

/** Waking a little late is sure not to be too early. */
const delta = 100;

interface Missed {
  earliest: number;
  /** The last time that was due; undefined when none was, or none that is near enough. */
  last?: number;
  count: 'none' | 'few' | 'many';
}

/** Throws an Error for a schedule that never comes. Mirrors mostRecentScheduleTime of pkg/controller/cronjob/utils.go. */
function missed(cronJob: CronJob, now: number, schedule: Schedule, withDeadline: boolean): Missed {
  const { creationTimestamp } = cronJob.metadata!;
  const { startingDeadlineSeconds } = cronJob.spec!;
  let earliest = Date.parse(cronJob.status?.lastScheduleTime ?? creationTimestamp!);
  if (withDeadline && startingDeadlineSeconds !== undefined)
    earliest = Math.max(earliest, now - startingDeadlineSeconds * 1000);
  const first = schedule.next(earliest);
  if (first === undefined) throw new Error('time difference between two schedules is less than 1 second');
  if (first > now) return { earliest, count: 'none' };
  const second = schedule.next(first);
  if (second === undefined || second > now) return { earliest, last: first, count: 'none' };
  const between = second - first;
  const count = Math.floor((now - first) / between) + 1;
  // Near the last one by the distance of the first two, then one by one. Of times that are not evenly spread that may
  // be past the last one: it is too long ago to be made up for.
  let last: number | undefined;
  for (let at = schedule.next(first + (count - 2) * between); at !== undefined && at <= now; at = schedule.next(at))
    last = at;
  return { earliest, last, count: count > 100 ? 'many' : 'few' };
}

/**
 * The time for which a Job should be started now, and whether very many were missed; undefined for none. Throws an
 * Error for a schedule that never comes.
 */
export function dueTime(cronJob: CronJob, now: number, schedule: Schedule): { at: number; many: boolean } | undefined {
  const { last, count } = missed(cronJob, now, schedule, true);
  return last === undefined ? undefined : { at: last, many: count === 'many' };
}

/** Milliseconds until there is something to do. Throws an Error for a schedule that never comes. */
export function untilNext(cronJob: CronJob, now: number, schedule: Schedule): number | undefined {
  const { last, earliest, count } = missed(cronJob, now, schedule, false);
  const next = schedule.next(last ?? (count === 'none' ? earliest : now));
  return next === undefined ? undefined : Math.max(0, next - now) + delta;
}
