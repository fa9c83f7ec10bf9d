import { afterEach, describe, expect, it } from 'vitest';
import type { Event } from '../../../main/api/index.ts';
import { list } from '../../../renderer/kinds/event/list.ts';
import { byLastSeen, firstSeen, lastSeen, sourceOf, timesSeen } from '../../../renderer/kinds/event/time.ts';
import { mountScreen, type Screen } from '../support/mountScreen.ts';
import { makePod } from '../support/objects.ts';

const involvedObject = { apiVersion: 'v1', kind: 'Pod', name: 'web', namespace: 'default', uid: 'uid-web' };

/** As the API server tells core/v1 of what a client wrote to events.k8s.io: what that kind lacks is null or empty. */
const modern = (name: string, more: object = {}) =>
  ({
    apiVersion: 'v1', kind: 'Event', metadata: { name, namespace: 'default', uid: name, creationTimestamp: '2026-01-01T10:00:00Z' }, involvedObject, type: 'Warning', reason: 'FailedScheduling', message: name,
    action: 'Scheduling', eventTime: '2026-01-01T10:00:00.250000Z', reportingComponent: 'default-scheduler', reportingInstance: 'default-scheduler-host', source: {}, firstTimestamp: null, lastTimestamp: null, ...more,
  }) as unknown as Event;

const classic = (name: string, more: object = {}) =>
  ({
    apiVersion: 'v1', kind: 'Event', metadata: { name, namespace: 'default', uid: name, creationTimestamp: '2026-01-01T09:00:00Z' }, involvedObject, type: 'Normal', reason: 'Pulled', message: name,
    eventTime: null, firstTimestamp: '2026-01-01T09:00:00Z', lastTimestamp: '2026-01-01T10:00:00Z', count: 4, reportingComponent: '', source: { component: 'kubelet', host: 'node-1' }, ...more,
  }) as unknown as Event;

const cell = (event: Event, id: string) => list.columns.find((column) => column.id === id)!.text(event);

describe('an event of events.k8s.io', () => {
  it('happened once at its moment', () => {
    const event = modern('a');
    expect([lastSeen(event), firstSeen(event), timesSeen(event), sourceOf(event)]).toEqual(['2026-01-01T10:00:00.250000Z', '2026-01-01T10:00:00.250000Z', 1, 'default-scheduler']);
  });

  it('has its repetitions in a series', () => {
    const event = modern('a', { series: { count: 12, lastObservedTime: '2026-01-01T10:30:00.000000Z' } });
    expect([lastSeen(event), firstSeen(event), timesSeen(event)]).toEqual(['2026-01-01T10:30:00.000000Z', '2026-01-01T10:00:00.250000Z', 12]);
  });

  it('is not taken to have happened never where a client wrote a count of zero', () => {
    expect(timesSeen(modern('a', { count: 0 }))).toBe(1);
  });

  it('shows in the list as an older one does: when, how often, by whom', () => {
    const shown = (event: Event) => ['lastSeen', 'count', 'source'].map((id) => cell(event, id));
    expect(shown(modern('a', { series: { count: 3, lastObservedTime: '2026-01-01T10:05:00.000000Z' } }))).toEqual(['2026-01-01T10:05:00.000000Z', '3', 'default-scheduler']);
    expect(shown(classic('b'))).toEqual(['2026-01-01T10:00:00Z', '4', 'kubelet']);
  });
});

describe('events of both kinds', () => {
  it('are in order by when they were seen last, to the microsecond', () => {
    const events = [
      classic('second', { lastTimestamp: '2026-01-01T10:00:00Z' }),
      modern('third', { eventTime: '2026-01-01T10:00:00.250001Z' }),
      modern('fourth', { eventTime: '2026-01-01T10:00:00.250002Z' }),
      modern('fifth', { series: { count: 2, lastObservedTime: '2026-01-01T10:00:01.000000Z' } }),
      classic('first', { lastTimestamp: '2026-01-01T09:59:59Z' }),
    ];
    expect(events.sort(byLastSeen).map(({ message }) => message)).toEqual(['fifth', 'fourth', 'third', 'second', 'first']);
  });
});

describe('the events of an object', () => {
  let screen: Screen;
  afterEach(() => {
    screen.wrapper.unmount();
    document.body.innerHTML = '';
  });

  it('tell from whom they are, how often and since when, and write out what could deceive', async () => {
    screen = await mountScreen('/k/pods/default/web?tab=events', ({ api }) => {
      api.put(makePod('web', { metadata: { name: 'web', namespace: 'default', uid: 'uid-web' } }));
      api.put(modern('no room', { series: { count: 12, lastObservedTime: '2026-01-01T10:30:00.000000Z' } }) as never);
      api.put(classic('deceit', { reason: 'Good\u202edaB', source: { component: 'evil\u200bone' }, count: 1, firstTimestamp: '2026-01-01T10:00:00Z' }) as never);
    });
    const rows = [...document.querySelectorAll('.page-body tbody tr')].map((row) => [...row.querySelectorAll('td')]);
    expect(rows.map((cells) => cells.slice(2).map((each) => each.textContent))).toEqual([
      ['FailedScheduling', 'no room', 'default-scheduler', '12'],
      ['Good\\u202edaB', 'deceit', 'evil\\u200bone', '1'],
    ]);
    expect(rows.map(([when]) => when!.getAttribute('title'))).toEqual(['2026-01-01T10:00:00.250000Z – 2026-01-01T10:30:00.000000Z', '2026-01-01T10:00:00Z']);
  });

  it('are those of no other that has or had its name, but also those that name it alone', async () => {
    screen = await mountScreen('/k/pods/default/web?tab=events', ({ api }) => {
      api.put(makePod('web', { metadata: { name: 'web', namespace: 'default', uid: 'uid-web' } }));
      const about = (name: string, of: object) => api.put(classic(name, { involvedObject: { ...involvedObject, ...of } }) as never);
      about('own', {});
      about('evicted for a taint', { uid: undefined });
      about('of the one before', { uid: 'uid-before' });
      about('of a deployment', { kind: 'Deployment', uid: undefined });
      about('of another name', { name: 'db', uid: undefined });
    });
    const messages = [...document.querySelectorAll('.page-body tbody tr')].map((row) => row.querySelectorAll('td')[3]!.textContent);
    expect(messages.sort()).toEqual(['evicted for a taint', 'own']);
  });

  it('of a node are those of its kubelet too, which has its name for its uid', async () => {
    screen = await mountScreen('/k/nodes/-/node-1?tab=events', ({ api }) => {
      api.put({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1', uid: 'uid-node' }, spec: {}, status: {} } as never);
      const about = (name: string, of: object) => api.put(classic(name, { involvedObject: { apiVersion: 'v1', kind: 'Node', name: 'node-1', ...of } }) as never);
      about('by the kubelet', { uid: 'node-1' });
      about('by a controller', { uid: 'uid-node' });
      about('of one before', { uid: 'uid-before' });
    });
    const messages = [...document.querySelectorAll('.page-body tbody tr')].map((row) => row.querySelectorAll('td')[3]!.textContent);
    expect(messages.sort()).toEqual(['by a controller', 'by the kubelet']);
  });

  it('are written out in the list of all events too', async () => {
    screen = await mountScreen('/k/events', ({ api }) => {
      api.put(classic('message \u202e reversed', { reason: 'Good\u202edaB' }) as never);
    });
    expect(screen.text()).toContain('Good\\u202edaB');
    expect(screen.text()).toContain('message \\u202e reversed');
    expect(screen.text()).not.toContain('\u202e');
  });
});
