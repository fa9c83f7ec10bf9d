import { afterEach, describe, expect, it } from 'vitest';
import type { CronJob } from '../../../main/api/index.ts';
import { clockTime, nextRunOf } from '../../../renderer/kinds/cronjob/nextRun.ts';
import { cronJobStatus } from '../../../renderer/kinds/cronjob/status.ts';
import { mountScreen, type Screen } from '../support/mountScreen.ts';

const cronJob = (spec: object, status: CronJob['status'] = {}, metadata: object = {}): CronJob & { metadata: object } => ({
  apiVersion: 'batch/v1', kind: 'CronJob',
  metadata: { name: 'tick', namespace: 'default', creationTimestamp: '2026-01-01T00:10:20Z' as never, ...metadata },
  spec: { schedule: '0 3 * * *', jobTemplate: { spec: { template: { spec: { containers: [] } } } }, ...spec },
  status,
});
const now = Date.parse('2026-01-01T12:00:30Z');
const next = (object: CronJob, at = now) => {
  const run = nextRunOf(object, at);
  return 'at' in run ? `${new Date(run.at).toISOString()} ${run.zone}` : run.none;
};

describe('the next run of a CronJob', () => {
  it('is at the time of its schedule, by the clocks of its time zone', () => {
    expect(next(cronJob({}))).toBe('2026-01-02T03:00:00.000Z UTC');
    expect(next(cronJob({ timeZone: 'Asia/Shanghai' }))).toBe('2026-01-01T19:00:00.000Z Asia/Shanghai');
    expect(next(cronJob({ schedule: 'TZ=America/New_York 0 8 * * *' }))).toBe('2026-01-01T13:00:00.000Z America/New_York');
  });

  it('comes after now, whatever was missed', () => {
    const late = cronJob({ schedule: '*/5 * * * *' }, { lastScheduleTime: '2025-06-01T00:00:00Z' as never });
    expect(next(late)).toBe('2026-01-01T12:05:00.000Z UTC');
    expect(next(late, now + 600_000)).toBe('2026-01-01T12:15:00.000Z UTC');
  });

  it('of an interval counts from the last one, or from when the CronJob was made', () => {
    expect(next(cronJob({ schedule: '@every 1h' }))).toBe('2026-01-01T12:10:20.000Z UTC');
    expect(next(cronJob({ schedule: '@every 1h' }, { lastScheduleTime: '2026-01-01T11:30:00Z' as never }))).toBe('2026-01-01T12:30:00.000Z UTC');
  });

  it.each([
    ['suspended', cronJob({ suspend: true }), 'Suspended'],
    ['ending', cronJob({}, {}, { deletionTimestamp: '2026-01-01T12:00:00Z' }), 'Terminating'],
    ['schedule', cronJob({ schedule: 'at noon' }), 'UnparseableSchedule'],
    ['zone', cronJob({ timeZone: 'Mars/Olympus' }), 'UnknownTimeZone'],
    ['zone', cronJob({ schedule: '@every 1h', timeZone: 'Mars/Olympus' }), 'UnknownTimeZone'],
    ['never', cronJob({ schedule: '0 0 31 2 *' }), 'InvalidSchedule'],
  ])('is none, and the state says so: %s', (none, object, word) => {
    expect(next(object)).toBe(none);
    expect(cronJobStatus(object).text).toBe(word);
  });

  it('is written as the clocks of the zone show it', () => {
    expect(clockTime(Date.parse('2026-01-01T19:00:00Z'), 'Asia/Shanghai')).toMatch(/\b0?3:00.* GMT\+8$/);
    expect(clockTime(Date.parse('2026-01-01T19:00:00Z'), 'UTC')).toMatch(/\b(19|0?7):00.* UTC$/);
  });
});

describe('CronJobs in the window', () => {
  let screen: Screen;
  afterEach(() => {
    screen.wrapper.unmount();
    document.body.innerHTML = '';
  });
  const recent = new Date(Date.now() - 90_000).toISOString();
  const status = { lastScheduleTime: recent, lastSuccessfulTime: recent } as unknown as CronJob['status'];
  const facts = () => Object.fromEntries([...document.querySelectorAll('.facts > div')].map((fact) => [fact.querySelector('dt')!.textContent, fact.querySelector('dd')!.textContent!.trim()]));
  const page = async (object: CronJob) => (screen = await mountScreen('/k/cronjobs.batch/default/tick', ({ api }) => void api.put(object)));

  it('tell in their list when they run next and last ran, and when that went well', async () => {
    screen = await mountScreen('/k/cronjobs.batch', ({ api }) => {
      api.put(cronJob({ schedule: '@every 2m' }, status, { name: 'good' }));
      api.put(cronJob({ suspend: true }, {}, { name: 'halted' }));
    });
    const heads = [...document.querySelectorAll('[role="columnheader"]')].map((head) => head.textContent!.trim());
    const rows = [...document.querySelectorAll('[role="row"].body')].map((row) => Object.fromEntries([...row.querySelectorAll('[role="gridcell"]')].map((cell, i) => [heads[i], cell])));
    const of = (name: string) => rows.find((row) => row.Name!.textContent === name)!;
    expect(of('good')['Next run']!.textContent).toMatch(/^in (2[0-9]|30)s$/);
    expect(of('good')['Next run']!.querySelector('[title]')!.getAttribute('title')).toBe(clockTime(Date.parse(recent) - (Date.parse(recent) % 1000) + 120_000, 'UTC'));
    expect([of('good')['Last run']!.textContent, of('good')['Last success']!.textContent]).toEqual(['90s', '90s']);
    expect([of('halted')['Next run']!.textContent, of('halted').Status!.textContent]).toEqual(['', 'Suspended']);
  });

  it('tell it on their page, or that they run no more while suspended', async () => {
    await page(cronJob({ timeZone: 'Asia/Shanghai' }, status));
    expect(facts()['Next run']).toMatch(/^in \d+[hms].* · .*\b0?3:00\b.* GMT\+8$/);
    expect(facts()['Last success']).toMatch(/^\d+s ·/);
    screen.wrapper.unmount();
    document.body.innerHTML = '';
    await page(cronJob({ suspend: true }));
    expect(facts()['Next run']).toBe('None while it is suspended');
    expect(document.querySelector('.trouble')).toBeNull();
  });

  it('say what is wrong with a schedule, and nothing that its author hid in it comes through', async () => {
    await page(cronJob({ schedule: '\u202e* * * *' }));
    expect(facts()['Next run']).toBe('Never');
    expect(document.querySelector('.trouble')!.textContent).toContain('Its schedule cannot be read');
    expect(document.querySelector('.trouble .reported')!.textContent).toContain('expected exactly 5 fields, found 4: [\\u202e* * * *]');
    expect(screen.text()).not.toContain('\u202e');
  });
});
