import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CronJobSpec, Job } from '../../../main/api/index.ts';
import { timestamp } from '../../../main/api/meta.ts';
import { resources } from '../../../main/client/index.ts';
import { CronJobController } from '../../../main/controllers/cronJob/cronJobController.ts';
import { settle } from '../../support/fakeClock.ts';
import { Cluster } from './harness.ts';

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
