import { afterEach, beforeEach, expect, it } from 'vitest';
import { failure } from '../../../main/api/status.ts';
import { LeaderElector, resources } from '../../../main/client/index.ts';
import { noLog } from '../../../main/util/log.ts';
import { FakeClock, settle } from '../../support/fakeClock.ts';
import { FakeServer } from '../../support/fakeServer.ts';
import { seededRandom } from '../../support/objects.ts';

let clock: FakeClock;
let server: FakeServer;
/** Who acts, in order of coming. */
let acting: string[];
let electors: LeaderElector[];
beforeEach(() => {
  clock = new FakeClock();
  server = new FakeServer(clock);
  acting = [];
  electors = [];
});
afterEach(async () => {
  await Promise.all(electors.map((elector) => elector.stop()));
});

function candidate(identity: string): LeaderElector {
  const elector = new LeaderElector({
    client: server.client(identity),
    clock,
    random: seededRandom(),
    log: noLog,
    name: 'kube-scheduler',
    identity,
    lead: async () => void acting.push(identity),
    resign: async () => void (acting = acting.filter((name) => name !== identity)),
  });
  electors.push(elector);
  return elector;
}
const lease = () => server.find(resources.leases, 'kube-system', 'kube-scheduler')!.spec!;
const wait = async (seconds: number) => {
  for (let i = 0; i < seconds; i++) {
    await clock.advance(1000);
    await settle();
  }
};

it('the first leads, says so, and renews; the second waits', async () => {
  const [a, b] = [candidate('a'), candidate('b')];
  expect(await a.start()).toBe(true);
  expect(await b.start()).toBe(false);
  const first = lease().renewTime;
  await wait(30);
  expect(acting).toEqual(['a']);
  expect(lease()).toMatchObject({ holderIdentity: 'a', leaseDurationSeconds: 15, leaseTransitions: 0 });
  expect(lease().renewTime).not.toBe(first);
  expect(server.all(resources.events).map((event) => event.message)).toEqual(['a became leader']);
});

it('a leader that goes makes room at once', async () => {
  const [a, b] = [candidate('a'), candidate('b')];
  await a.start();
  await b.start();
  await a.stop();
  await wait(4);
  expect(acting).toEqual(['b']);
  expect(lease()).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
});

it('a leader that is cut off stops acting before another begins', async () => {
  const [a, b] = [candidate('a'), candidate('b')];
  await a.start();
  await b.start();
  server.intercept = (request) => {
    if (request.headers?.['user-agent'] === 'a') throw failure(500, 'InternalError', 'cut off');
  };
  let most = 0;
  for (let i = 0; i < 25; i++) {
    await wait(1);
    most = Math.max(most, acting.length);
  }
  expect(most).toBe(1);
  expect(acting).toEqual(['b']);
  server.intercept = undefined;
  await wait(20);
  expect(acting).toEqual(['b']);
});

it('one that was killed leads on at once under its own name', async () => {
  server.seed(resources.leases, {
    metadata: { namespace: 'kube-system', name: 'kube-scheduler' },
    spec: { holderIdentity: 'a', leaseDurationSeconds: 15, renewTime: '2026-01-01T00:00:00.000000Z', leaseTransitions: 3 },
  });
  expect(await candidate('b').start()).toBe(false);
  expect(await candidate('a').start()).toBe(true);
  expect(lease().leaseTransitions).toBe(3);
});

it('of two that try at the same moment one wins', async () => {
  const results = await Promise.all([candidate('a').start(), candidate('b').start()]);
  expect(results.filter(Boolean)).toHaveLength(1);
  expect(acting).toHaveLength(1);
});
