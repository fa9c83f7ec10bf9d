import { beforeEach, expect, it } from 'vitest';
import type { Event } from '../../../main/api/index.ts';
import { failure } from '../../../main/api/status.ts';
import { EventRecorder, resources } from '../../../main/client/index.ts';
import { FakeClock, settle } from '../../support/fakeClock.ts';
import { FakeServer } from '../../support/fakeServer.ts';
import { makePod, seededRandom } from '../../support/objects.ts';

let clock: FakeClock;
let server: FakeServer;
let recorder: EventRecorder;

beforeEach(() => {
  clock = new FakeClock();
  server = new FakeServer(clock);
  recorder = new EventRecorder(server.client('kubelet'), 'kubelet', clock, seededRandom(), { host: 'node-1' });
});

const pod = (name: string) => ({
  ...makePod(name),
  metadata: { name, namespace: 'shop', uid: `uid-${name}`, resourceVersion: '7' },
});
const events = (): Event[] => server.all(resources.events);

it('tells what happened to whom, by whom and where', async () => {
  recorder.event(pod('web'), 'Normal', 'Pulled', 'Container image "busybox" already present', {
    fieldPath: 'spec.containers{main}',
  });
  await recorder.flush();
  expect(events()).toMatchObject([
    {
      metadata: { namespace: 'shop', name: expect.stringMatching(/^web\.[0-9a-f]+$/) as string },
      involvedObject: {
        kind: 'Pod',
        apiVersion: 'v1',
        namespace: 'shop',
        name: 'web',
        uid: 'uid-web',
        fieldPath: 'spec.containers{main}',
      },
      reason: 'Pulled',
      type: 'Normal',
      count: 1,
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: '2026-01-01T00:00:00Z',
      source: { component: 'kubelet', host: 'node-1' },
      reportingComponent: 'kubelet',
    },
  ]);
  expect(server.requests[0]!.causeRevision).toBe(7);
});

it('counts the same event up in one object', async () => {
  for (let i = 0; i < 4; i++) {
    recorder.event(pod('web'), 'Warning', 'BackOff', 'Back-off restarting failed container');
    await clock.advance(10_000);
  }
  expect(events()).toMatchObject([
    { count: 4, firstTimestamp: '2026-01-01T00:00:00Z', lastTimestamp: '2026-01-01T00:00:30Z' },
  ]);
});

it('combines what differs only in its message, from the tenth on', async () => {
  for (let i = 0; i < 15; i++) {
    recorder.event(pod('web'), 'Warning', 'Unhealthy', `Readiness probe failed: try ${i}`);
    await recorder.flush();
  }
  const messages = events().map((event) => event.message);
  expect(messages).toHaveLength(10);
  expect(events().at(-1)).toMatchObject({
    message: '(combined from similar events): Readiness probe failed: try 14',
    count: 6,
  });
});

it('says no more than 25 things about one object in a row, and one more every five minutes', async () => {
  for (let i = 0; i < 40; i++) recorder.event(pod('web'), 'Normal', `Reason${i}`, 'x');
  await recorder.flush();
  expect(events()).toHaveLength(25);
  await clock.advance(300_000);
  recorder.event(pod('web'), 'Normal', 'Later', 'x');
  recorder.event(pod('web'), 'Normal', 'TooMuch', 'x');
  recorder.event(pod('other'), 'Normal', 'Other', 'x');
  await recorder.flush();
  expect(
    events()
      .map((event) => event.reason)
      .slice(25),
  ).toEqual(['Later', 'Other']);
});

it('makes an event anew when the old one has expired', async () => {
  recorder.event(pod('web'), 'Normal', 'Started', 'x');
  await recorder.flush();
  server.drop(resources.events, 'shop', events()[0]!.metadata.name!);
  recorder.event(pod('web'), 'Normal', 'Started', 'x');
  await recorder.flush();
  expect(events()).toMatchObject([{ count: 2 }]);
});

it('tries again when the server cannot be reached, and gives up on what it refuses', async () => {
  let answer: (() => never) | undefined = () => {
    throw new Error('connect ECONNREFUSED');
  };
  server.intercept = () => answer?.();
  recorder.event(pod('web'), 'Normal', 'Started', 'x');
  await settle();
  answer = undefined;
  await clock.advance(10_000);
  expect(events()).toHaveLength(1);
  answer = () => {
    throw failure(403, 'Forbidden', 'no');
  };
  recorder.event(pod('other'), 'Normal', 'Started', 'x');
  await recorder.flush();
  expect(events()).toHaveLength(1);
});

it('writes events one by one, and more at once only as many of them wait', async () => {
  let asked = 0;
  server.intercept = () => {
    asked++;
    throw new Error('connect ECONNREFUSED');
  };
  const tell = async (from: number, to: number) => {
    for (let i = from; i < to; i++) recorder.event(pod(`web-${i}`), 'Normal', 'Scheduled', 'x');
    await settle();
  };
  await tell(0, 100);
  expect(asked).toBe(1);
  await tell(100, 600);
  expect(asked).toBe(3);
  await tell(600, 6000);
  expect(asked).toBe(16);
});

it('tells of a burst of work when it is over, or after two seconds', async () => {
  clock.busyShare = 0.97;
  recorder.event(pod('first'), 'Normal', 'Scheduled', 'in the burst');
  await clock.advance(1_000);
  expect(events()).toEqual([]);
  clock.busyShare = 0.3;
  await clock.advance(250);
  expect(events().map(({ message }) => message)).toEqual(['in the burst']);

  clock.busyShare = 1;
  recorder.event(pod('second'), 'Normal', 'Scheduled', 'in a longer one');
  await clock.advance(1_750);
  recorder.event(pod('third'), 'Normal', 'Scheduled', 'late in it');
  expect(events()).toHaveLength(1);
  await clock.advance(250);
  expect(events().map(({ message }) => message)).toEqual(['in the burst', 'in a longer one']);
  await clock.advance(2_000);
  expect(events()).toHaveLength(3);
});

it('drops nothing in a burst for which there is still room at the server', async () => {
  clock.busyShare = 1;
  for (let i = 0; i < 5_000; i++) {
    recorder.event(pod(`web-${i}`), 'Normal', 'Scheduled', 'in the burst');
    if (i % 16 === 0) await settle(2);
  }
  await clock.advance(4_000);
  expect(events()).toHaveLength(5_000);
});

it('leaves what it holds when it is stopped', async () => {
  clock.busyShare = 1;
  recorder.event(pod('web'), 'Normal', 'Scheduled', 'never told');
  recorder.stop();
  await clock.advance(5_000);
  expect(events()).toEqual([]);
  expect(clock.pending).toBe(0);
});
