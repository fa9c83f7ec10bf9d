import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CronJobSpec, Job } from '../../../main/api/index.ts';
import { timestamp } from '../../../main/api/meta.ts';
import { resources } from '../../../main/client/index.ts';
import { CronJobController } from '../../../main/controllers/cronJob/cronJobController.ts';
import { parseSchedule } from '../../../main/controllers/cronJob/schedule.ts';
import { settle } from '../../support/fakeClock.ts';
import { Cluster } from './harness.ts';

describe('a schedule', () => {
  const next = (schedule: string, after: string, zone?: string) => {
    const at = parseSchedule(schedule, zone).next(Date.parse(after));
    return at === undefined ? undefined : timestamp(at);
  };

  it.each([
    ['* * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:01:00Z'],
    ['* * * * *', '2026-01-01T00:00:59Z', '2026-01-01T00:01:00Z'],
    ['*/15 * * * *', '2026-01-01T00:46:00Z', '2026-01-01T01:00:00Z'],
    ['5/20 * * * *', '2026-01-01T00:26:00Z', '2026-01-01T00:45:00Z'],
    ['0 9-17/4 * * *', '2026-01-01T13:00:00Z', '2026-01-01T17:00:00Z'],
    ['30 4 1,15 * *', '2026-01-02T00:00:00Z', '2026-01-15T04:30:00Z'],
    ['0 0 * feb sun', '2026-03-01T00:00:00Z', '2027-02-07T00:00:00Z'],
    ['0 0 29 2 *', '2026-01-01T00:00:00Z', '2028-02-29T00:00:00Z'],
    ['@monthly', '2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z'],
    ['@every 1h30m', '2026-01-01T00:10:00Z', '2026-01-01T01:40:00Z'],
    ['@every -1h', '2026-01-01T00:10:00Z', '2026-01-01T00:10:01Z'],
    ['5, * * * *', '2026-01-01T00:10:00Z', '2026-01-01T01:05:00Z'],
    ['*-5 * * * *', '2026-01-01T00:10:00Z', '2026-01-01T00:11:00Z'],
    ['TZ=Asia/Tokyo 0 9 * * *', '2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'],
  ])('%s after %s is at %s', (schedule, after, expected) => expect(next(schedule, after)).toBe(expected));

  it('with both a day and a weekday means either', () => {
    expect(next('0 0 13 * fri', '2026-01-03T00:00:00Z')).toBe('2026-01-09T00:00:00Z');
    expect(next('0 0 13 * fri', '2026-01-10T00:00:00Z')).toBe('2026-01-13T00:00:00Z');
  });

  it('keeps to the clocks of its place', () => {
    expect(next('0 12 * * *', '2026-07-01T00:00:00Z', 'Europe/Berlin')).toBe('2026-07-01T10:00:00Z');
    expect(next('0 12 * * *', '2026-01-01T00:00:00Z', 'Europe/Berlin')).toBe('2026-01-01T11:00:00Z');
    expect(next('30 0 * * *', '2026-01-01T00:00:00Z', 'Asia/Kolkata')).toBe('2026-01-01T19:00:00Z');
  });

  it('leaves out an hour that clocks skip, and has twice what they show twice', () => {
    expect(next('30 2 * * *', '2026-03-28T12:00:00Z', 'Europe/Berlin')).toBe('2026-03-30T00:30:00Z');
    expect(next('30 2 * * *', '2026-10-24T12:00:00Z', 'Europe/Berlin')).toBe('2026-10-25T00:30:00Z');
    expect(next('30 2 * * *', '2026-10-25T00:30:00Z', 'Europe/Berlin')).toBe('2026-10-25T01:30:00Z');
  });

  it('may never come', () => expect(next('0 0 31 2 *', '2026-01-01T00:00:00Z')).toBeUndefined());

  it.each(['* * * *', '60 * * * *', '* * * * 7', '*/0 * * * *', '@often', '1-2-3 * * * *', 'x * * * *'])(
    '%s is none',
    (schedule) => expect(() => parseSchedule(schedule)).toThrow(),
  );

  it.each([
    ['@every 1x', 'failed to parse duration @every 1x: time: unknown unit "x" in duration "1x"'],
    ['@every 1', 'failed to parse duration @every 1: time: missing unit in duration "1"'],
    ['@every h', 'failed to parse duration @every h: time: invalid duration "h"'],
    ['* * L * *', 'failed to parse int from L: strconv.Atoi: parsing "L": invalid syntax'],
  ])('%s is refused in the words of upstream', (schedule, message) => expect(() => parseSchedule(schedule)).toThrow(message));
});

describe('a cron job', () => {
  let cluster: Cluster;
  beforeEach(async () => {
    cluster = new Cluster();
    await cluster.start(CronJobController);
  });
  afterEach(() => cluster.stop());

  const jobs = () => cluster.server.all(resources.jobs);
  const names = () => jobs().map((job) => job.metadata!.name);
  const cronJob = () => cluster.server.find(resources.cronJobs, 'default', 'tick')!;
  const minutes = (count: number) => cluster.clock.advance(count * 60_000);
  const nameAt = (text: string) => `tick-${Date.parse(text) / 60_000}`;

  async function create(spec: Partial<CronJobSpec> = {}): Promise<void> {
    const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'work:1' }] } };
    const jobTemplate = { metadata: { labels: { app: 'tick' } }, spec: { template } };
    const rest = { schedule: '*/10 * * * *', concurrencyPolicy: 'Allow', jobTemplate };
    const limits = { successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 1 };
    await cluster.client
      .of(resources.cronJobs)
      .create({ metadata: { name: 'tick', namespace: 'default' }, spec: { ...rest, ...limits, ...spec } });
    await settle();
  }

  async function end(job: Job, type = 'Complete'): Promise<void> {
    cluster.server.change(resources.jobs, 'default', job.metadata!.name!, (j) => {
      const at = timestamp(cluster.clock.now());
      j.status = { startTime: at, conditions: [{ type, status: 'True', lastTransitionTime: at }] };
      if (type === 'Complete') j.status.completionTime = at;
    });
    await settle();
  }

  it('starts a job whenever it is time, and remembers', async () => {
    await create({ timeZone: 'Europe/Berlin' });
    await minutes(9);
    expect(jobs()).toEqual([]);
    await minutes(2);
    expect(names()).toEqual([nameAt('2026-01-01T00:10:00Z')]);
    expect(jobs()[0]!.metadata).toMatchObject({
      labels: { app: 'tick' },
      annotations: { 'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T01:10:00+01:00' },
    });
    expect(cronJob().status).toMatchObject({
      lastScheduleTime: '2026-01-01T00:10:00Z',
      active: [{ kind: 'Job', name: names()[0] }],
    });
    await minutes(10);
    expect(names()).toHaveLength(2);
    expect(cluster.events('tick', 'SuccessfulCreate')).toHaveLength(2);
    expect(cluster.events('tick', 'UnexpectedJob')).toEqual([]);
  });

  it('sees its jobs end, and keeps as many as it should', async () => {
    await create({ schedule: '* * * * *', successfulJobsHistoryLimit: 2 });
    for (let i = 0; i < 4; i++) {
      await cluster.clock.advance(61_000);
      await end(jobs().at(-1)!);
    }
    expect(jobs()).toHaveLength(2);
    expect(cronJob().status!.active).toBeUndefined();
    expect(cronJob().status!.lastSuccessfulTime).toBeDefined();
    expect(cluster.events('tick', 'SawCompletedJob')).toContain(
      `Saw completed job: ${names().at(-1)}, condition: Complete`,
    );
    expect(cluster.events('tick', 'SuccessfulDelete')).toHaveLength(2);
  });

  it('that forbids two at once waits for the next time', async () => {
    await create({ concurrencyPolicy: 'Forbid' });
    await minutes(11);
    await minutes(10);
    expect(jobs()).toHaveLength(1);
    expect(cluster.events('tick', 'JobAlreadyActive')).toHaveLength(1);
    await end(jobs()[0]!);
    await minutes(1);
    expect(names()).toContain(nameAt('2026-01-01T00:20:00Z'));
  });

  it('that replaces the last job deletes it', async () => {
    await create({ concurrencyPolicy: 'Replace' });
    await minutes(11);
    await minutes(10);
    expect(names()).toEqual([nameAt('2026-01-01T00:20:00Z')]);
    expect(cronJob().status!.active).toHaveLength(1);
  });

  it('does nothing while suspended, and then makes up for the last time only', async () => {
    await create({ suspend: true });
    await minutes(35);
    expect(jobs()).toEqual([]);
    await cluster.client.of(resources.cronJobs).patch('default', 'tick', 'merge', { spec: { suspend: false } });
    await settle();
    expect(names()).toEqual([nameAt('2026-01-01T00:30:00Z')]);
  });

  it('makes up for no time that is long past, where times are spread unevenly', async () => {
    // Every minute of one hour of each day: by the first two it would seem that one was due just now.
    await create({ schedule: '* 1 * * *', suspend: true });
    await minutes(60 * 72);
    cluster.server.change(resources.cronJobs, 'default', 'tick', (found) => (found.spec!.suspend = false));
    await settle();
    expect(jobs()).toEqual([]);
    await minutes(62);
    expect(names()).toEqual([nameAt('2026-01-04T01:00:00Z'), nameAt('2026-01-04T01:01:00Z')]);
  });

  it('begins with the next time of a new schedule', async () => {
    await create({ schedule: '0 0 1 1 *' });
    await minutes(35);
    cluster.server.change(resources.cronJobs, 'default', 'tick', (found) => (found.spec!.schedule = '*/10 * * * *'));
    await settle();
    expect(jobs()).toEqual([]);
    await minutes(6);
    expect(names()).toEqual([nameAt('2026-01-01T00:40:00Z')]);
  });

  it('says that its time never comes', async () => {
    await create({ schedule: '0 0 31 2 *' });
    expect(cluster.events('tick', 'InvalidSchedule')).toEqual(['invalid schedule: 0 0 31 2 * : time difference between two schedules is less than 1 second']);
  });

  it('does not start what is too late', async () => {
    await create({ suspend: true, startingDeadlineSeconds: 60 });
    await minutes(35);
    await cluster.client.of(resources.cronJobs).patch('default', 'tick', 'merge', { spec: { suspend: false } });
    await settle();
    expect(jobs()).toEqual([]);
    await minutes(6);
    expect(names()).toEqual([nameAt('2026-01-01T00:40:00Z')]);
  });

  it('says that it does not know a time zone', async () => {
    await create({ timeZone: 'Mars/Olympus' });
    expect(cluster.events('tick', 'UnknownTimeZone')).toEqual([
      'invalid timeZone: "Mars/Olympus": unknown time zone Mars/Olympus',
    ]);
  });
});
