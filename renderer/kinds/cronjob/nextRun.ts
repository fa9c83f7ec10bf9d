import type { CronJob } from '../../../main/api/index.ts';
import { parseSchedule } from '../../../main/api/cronSchedule.ts';
import { locationFault } from '../../../main/api/timeZone.ts';

/** When a CronJob makes its next Job, or why it makes none. */
export type NextRun =
  /** Milliseconds since the epoch, and the time zone whose clocks the schedule goes by. */
  | { at: number; zone: string }
  /** `reason` is that of the event by which the controller tells it, where it tells it. */
  | { none: 'suspended' | 'ending' }
  | { none: 'zone' | 'schedule' | 'never'; reason: string; words: string };

const known = new WeakMap<CronJob, NextRun>();

/** What its controller will do at `now`, in milliseconds. Mirrors the checks of syncCronJob in pkg/controller/cronjob/cronjob_controllerv2.go. */
export function nextRunOf(cronJob: CronJob, now: number): NextRun {
  const last = known.get(cronJob);
  if (last && !('at' in last && last.at <= now)) return last;
  const next = find(cronJob, now);
  // What the window has of the cluster is never changed: a new version is a new object.
  known.set(cronJob, next);
  return next;
}

function find({ metadata, spec, status }: CronJob, now: number): NextRun {
  if (metadata?.deletionTimestamp) return { none: 'ending' };
  const { timeZone, schedule: text = '', suspend } = spec ?? {};
  const fault = timeZone && locationFault(timeZone);
  if (fault) return { none: 'zone', reason: 'UnknownTimeZone', words: fault };
  if (suspend) return { none: 'suspended' };
  try {
    const schedule = parseSchedule(text, timeZone);
    const from = Date.parse(status?.lastScheduleTime ?? metadata?.creationTimestamp ?? '') || now;
    const first = schedule.next(schedule.interval ? from : Math.max(from, now));
    if (first === undefined) return { none: 'never', reason: 'InvalidSchedule', words: '' };
    // What was missed is made up for at once; what counts from one time to the next then goes on in the same steps.
    const missed = schedule.interval && first <= now ? Math.floor((now - first) / schedule.interval) + 1 : 0;
    return { at: first + missed * (schedule.interval ?? 0), zone: schedule.zone?.name ?? timeZone ?? 'UTC' };
  } catch (error) {
    return { none: 'schedule', reason: 'UnparseableSchedule', words: (error as Error).message };
  }
}

/** A time as the clocks of a zone show it, in the browser's own way of writing it, and what the zone is called then. */
export function clockTime(at: number, zone: string): string {
  const timeZone = zone || 'UTC';
  const name = new Intl.DateTimeFormat(undefined, { timeZone, timeZoneName: 'short' }).formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value;
  return `${new Date(at).toLocaleString(undefined, { timeZone, dateStyle: 'short', timeStyle: 'short' })} ${name ?? zone}`;
}
