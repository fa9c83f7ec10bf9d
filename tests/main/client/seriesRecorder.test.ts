import { beforeEach, expect, it } from 'vitest';
import type { Event, ObjectReference } from '../../../main/api/index.ts';
import { failure } from '../../../main/api/status.ts';
import { resources, SeriesRecorder } from '../../../main/client/index.ts';
import { noLog } from '../../../main/util/log.ts';
import { FakeClock, settle } from '../../support/fakeClock.ts';
import { FakeServer } from '../../support/fakeServer.ts';
import { seededRandom } from '../../support/objects.ts';

let clock: FakeClock;
let server: FakeServer;
let recorder: SeriesRecorder;
const minutes = 60_000;

beforeEach(() => {
  clock = new FakeClock();
  server = new FakeServer(clock);
  recorder = new SeriesRecorder(server.client('scheduler'), 'default-scheduler', { clock, random: seededRandom(), log: noLog, host: 'desk' });
});

const pod = (name: string, resourceVersion = '7'): ObjectReference => ({ apiVersion: 'v1', kind: 'Pod', namespace: 'shop', name, uid: `uid-${name}`, resourceVersion });
const events = (): Event[] => server.all(resources.events);
const fails = (note: string, regarding = pod('web')) => recorder.event(regarding, 'Warning', 'FailedScheduling', 'Scheduling', note);

it('tells what was done, why, and when to the microsecond', async () => {
  recorder.event(pod('low'), 'Normal', 'Preempted', 'Preempting', 'Preempted by pod uid-high on node n', pod('high'));
  await recorder.flush();
  const [event] = events();
  expect(event).toMatchObject({
    metadata: { namespace: 'shop', name: expect.stringMatching(/^low\.[0-9a-f]+$/) as string },
    involvedObject: pod('low'),
    related: pod('high'),
    reason: 'Preempted',
    action: 'Preempting',
    type: 'Normal',
    message: 'Preempted by pod uid-high on node n',
    eventTime: '2026-01-01T00:00:00.000000Z',
    reportingComponent: 'default-scheduler',
    reportingInstance: 'default-scheduler-desk',
  });
  for (const old of ['count', 'firstTimestamp', 'lastTimestamp'] as const) expect(event![old] ?? null).toBeNull();
  expect(server.requests[0]!.causeRevision).toBe(7);
});

it('makes a series of repetitions, which is written when it begins and when it is over', async () => {
  fails('0/1 nodes are available');
  await clock.advance(1 * minutes);
  fails('0/2 nodes are available');
  await recorder.flush();
  expect(events()).toMatchObject([{ message: '0/1 nodes are available', series: { count: 2, lastObservedTime: '2026-01-01T00:01:00.000000Z' } }]);
  await clock.advance(1 * minutes);
  fails('0/3 nodes are available');
  fails('0/3 nodes are available');
  await settle();
  expect(events()[0]!.series!.count).toBe(2);
  await clock.advance(16 * minutes);
  await recorder.flush();
  expect(events()).toMatchObject([{ series: { count: 4, lastObservedTime: '2026-01-01T00:02:00.000000Z' } }]);
  fails('0/4 nodes are available');
  await recorder.flush();
  expect(events()).toHaveLength(2);
});

it('tells of a changed object anew', async () => {
  fails('0/1 nodes are available');
  fails('0/1 nodes are available', pod('web', '8'));
  fails('0/1 nodes are available', pod('db'));
  await recorder.flush();
  expect(events().map((event) => event.series)).toEqual([undefined, undefined, undefined]);
});

it('writes a long series again every half an hour, anew where it has expired', async () => {
  fails('0/1 nodes are available');
  const repeat = async (times: number) => {
    for (let i = 0; i < times; i++) {
      await clock.advance(5 * minutes);
      fails('0/1 nodes are available');
      await settle();
    }
  };
  await repeat(3);
  const [event] = events();
  expect(event!.series!.count).toBe(2);
  await server.client('admin').of(resources.events).delete('shop', event!.metadata.name!);
  await repeat(4);
  expect(events()).toMatchObject([{ metadata: { name: event!.metadata.name }, series: { count: 6 } }]);
});

it('tries again while the server cannot be reached, and where a series was begun by another write', async () => {
  let refusals = 3;
  server.intercept = (request) => {
    if (request.method === 'POST' && refusals-- > 0) throw new Error('ECONNREFUSED');
  };
  fails('0/1 nodes are available');
  await clock.advance(40_000);
  await recorder.flush();
  expect(events()).toHaveLength(1);
  server.intercept = (request) => {
    if (request.method === 'PATCH' && refusals-- > -3) throw failure(404, 'NotFound', 'events "web" not found');
  };
  fails('0/1 nodes are available');
  await clock.advance(40_000);
  await recorder.flush();
  expect(events()).toMatchObject([{ series: { count: 2 } }]);
});

it('has nothing to do once it is stopped', async () => {
  fails('0/1 nodes are available');
  recorder.stop();
  await settle();
  await clock.advance(60 * minutes);
  expect(clock.pending).toBe(0);
});
