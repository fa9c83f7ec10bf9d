import { afterEach, describe, expect, it } from 'vitest';
import type { Event } from '../../../main/api/index.ts';
import type { KubeObject } from '../../../main/api/meta.ts';
import { fairly, warningGroups, type WarningGroup } from '../../../renderer/views/overview/warnings.ts';
import { mountScreen, settleScreen, type Screen } from '../support/mountScreen.ts';
import { makePod } from '../support/objects.ts';

function warning(name: string, lastTimestamp: string, more: Partial<Event> = {}, namespace = 'default'): Event {
  return { metadata: { name: `${name}.${lastTimestamp}`, namespace }, involvedObject: { apiVersion: 'v1', kind: 'Pod', name, namespace, uid: `uid-${name}` }, type: 'Warning', reason: 'BackOff', message: `restarting ${name}`, count: 1, lastTimestamp, ...more };
}
const owned = (name: string, apiVersion: string, kind: string, owner: string) => ({ name, namespace: 'default', uid: `uid-${name}`, ownerReferences: [{ apiVersion, kind, name: owner, uid: `uid-${owner}`, controller: true }] });
const set: KubeObject = { metadata: owned('web-5d4f8b7c9d', 'apps/v1', 'Deployment', 'web') };
const pods = ['2x7k4', 'b8m9q'].map((end) => makePod('', { metadata: owned(`web-5d4f8b7c9d-${end}`, 'apps/v1', 'ReplicaSet', 'web-5d4f8b7c9d') }));
const nothing = { pods: [], jobs: [], setsOfDeployments: [] };
const told = (groups: readonly WarningGroup[]) => groups.map(({ reason, about, times, events }) => `${reason} ${about.kind}/${about.name} ${times} in ${events.length}`);

describe('warnings', () => {
  it('are one group for each reason and what owns their objects, the newest first', () => {
    const events = [
      warning('web-5d4f8b7c9d-2x7k4', '2026-01-01T10:00:00Z', { count: 3 }),
      warning('web-5d4f8b7c9d-b8m9q', '2026-01-01T10:05:00Z', { count: 4, message: 'anything else' }),
      warning('web-5d4f8b7c9d-b8m9q', '2026-01-01T10:04:00Z', { reason: 'Unhealthy' }),
      warning('alone', '2026-01-01T10:06:00Z'),
      warning('old', '2026-01-01T08:00:00Z'),
      warning('fine', '2026-01-01T10:06:00Z', { type: 'Normal' }),
    ];
    const groups = warningGroups({ ...nothing, events, pods, setsOfDeployments: [set] }, Date.parse('2026-01-01T09:30:00Z'));
    expect(told(groups)).toEqual(['BackOff Pod/alone 1 in 1', 'BackOff Deployment/web 7 in 2', 'Unhealthy Deployment/web 1 in 1']);
    expect(groups[1]!.events.map(({ message }) => message)).toEqual(['anything else', 'restarting web-5d4f8b7c9d-2x7k4']);
  });

  it('belong to the Deployment still when their pods are gone, and to the CronJob of a Job', () => {
    const jobs = [{ metadata: owned('night-1', 'batch/v1', 'CronJob', 'night') }];
    const events = [
      warning('web-5d4f8b7c9d-zzzzz', '2026-01-01T10:00:02Z'),
      warning('night-1', '2026-01-01T10:00:01Z', { involvedObject: { apiVersion: 'batch/v1', kind: 'Job', name: 'night-1', namespace: 'default', uid: 'uid-night-1' } }),
    ];
    expect(told(warningGroups({ ...nothing, events, jobs, setsOfDeployments: [set] }, 0))).toEqual(['BackOff Deployment/web 1 in 1', 'BackOff CronJob/night 1 in 1']);
  });

  it('say nothing of another namespace’s objects, whatever they name', () => {
    const forged = warning('web-5d4f8b7c9d-2x7k4', '2026-01-01T10:00:00Z', {}, 'theirs');
    expect(told(warningGroups({ ...nothing, events: [forged], pods, setsOfDeployments: [set] }, 0))).toEqual(['BackOff Pod/web-5d4f8b7c9d-2x7k4 1 in 1']);
  });

  it('are in order of time, though some have seconds and others microseconds', () => {
    const late = warning('b', '', { lastTimestamp: undefined, eventTime: '2026-01-01T10:00:05.900000Z' } as unknown as Partial<Event>);
    expect(told(warningGroups({ ...nothing, events: [warning('a', '2026-01-01T10:00:05Z'), late] }, 0))).toEqual(['BackOff Pod/b 1 in 1', 'BackOff Pod/a 1 in 1']);
  });

  it('of one namespace cannot push those of others out of sight', () => {
    const flood = Array.from({ length: 50 }, (_, i) => warning(`f${i}`, `2026-01-01T10:10:${String(59 - i).padStart(2, '0')}Z`, {}, 'flood'));
    const groups = warningGroups({ ...nothing, events: [...flood, warning('a', '2026-01-01T10:00:00Z', {}, 'a'), warning('b', '2026-01-01T10:01:00Z', {}, 'b')] }, 0);
    expect(fairly(groups, 4).map(({ about }) => about.name)).toEqual(['f0', 'f1', 'b', 'a']);
    expect(fairly(groups, 52)).toBe(groups);
  });
});

describe('the warnings of the last hour', () => {
  let screen: Screen;
  afterEach(() => {
    screen.wrapper.unmount();
    document.body.innerHTML = '';
  });

  it('open to single events, each with its object, and show what a text hides', async () => {
    const now = (ago: number) => new Date(Date.now() - ago).toISOString();
    screen = await mountScreen('/', ({ api }) => {
      api.put({ apiVersion: 'apps/v1', kind: 'ReplicaSet', ...set, metadata: { ...set.metadata, labels: { 'pod-template-hash': '5d4f8b7c9d' } } });
      for (const pod of pods) api.put(pod);
      for (const [i, { metadata }] of pods.entries()) api.put({ apiVersion: 'v1', kind: 'Event', ...warning(metadata.name!, now(i * 1_000), { message: `back-off\u202e ${i}` }) } as never);
      api.put({ apiVersion: 'v1', kind: 'Event', ...warning('fine', now(0), { type: 'Normal', reason: 'Pulled' }) } as never);
    });
    const groups = () => [...document.querySelectorAll('.warnings > li')];
    expect(groups()).toHaveLength(1);
    expect(groups()[0]!.textContent).toContain('Deployment web');
    expect(groups()[0]!.textContent).toContain('back-off\\u202e 0');
    expect(groups()[0]!.querySelector('.events')).toBeNull();
    const button = groups()[0]!.querySelector('button')!;
    expect(button.textContent).toBe('Show the 2 events');
    button.click();
    await settleScreen();
    expect(button.getAttribute('aria-expanded')).toBe('true');
    expect([...groups()[0]!.querySelectorAll('.events a')].map((link) => link.getAttribute('href'))).toEqual(pods.map(({ metadata }) => expect.stringContaining(`/k/pods/default/${metadata.name}`)));
  });
});
