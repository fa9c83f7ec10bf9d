import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { failure } from '../../main/api/status.ts';
import { ApiServerLease, type ApiServerLeaseOptions } from '../../main/apiServerLease.ts';
import { resources } from '../../main/client/index.ts';
import { noLog } from '../../main/util/log.ts';
import { FakeClock, settle } from '../support/fakeClock.ts';
import { FakeServer } from '../support/fakeServer.ts';
import { seededRandom } from '../support/objects.ts';

describe('the lease of an API server', () => {
  let clock: FakeClock;
  let server: FakeServer;
  let begun: ApiServerLease[];
  beforeEach(() => {
    clock = new FakeClock();
    server = new FakeServer(clock);
    begun = [];
  });
  afterEach(async () => {
    await Promise.all(begun.map((lease) => lease.stop()));
  });

  async function start(options: Partial<ApiServerLeaseOptions> = {}): Promise<ApiServerLease> {
    const lease = new ApiServerLease({ client: server.client('kube-apiserver'), clock, random: seededRandom(), log: noLog, hostname: 'laptop', ...options });
    begun.push(lease);
    lease.start();
    await settle();
    return lease;
  }
  const find = (name: string) => server.find(resources.leases, 'kube-system', name);
  const wait = async (seconds: number) => {
    await clock.advance(seconds * 1000);
    await settle();
  };

  it("has the name that upstream's has on that computer, and says who holds it", async () => {
    const { name } = await start();
    expect(name).toBe('apiserver-opoqtrwupze3wegwjunvryibnu');
    expect(find(name)).toMatchObject({
      metadata: { labels: { 'apiserver.kubernetes.io/identity': 'kube-apiserver', 'kubernetes.io/hostname': 'laptop' } },
      spec: { leaseDurationSeconds: 3600 },
    });
    expect(find(name)!.spec!.holderIdentity).toMatch(/^apiserver-opoqtrwupze3wegwjunvryibnu_[0-9a-f-]{36}$/);
  });

  it('is renewed every ten seconds, whatever else happens to it', async () => {
    const { name } = await start();
    const seen = [find(name)!.spec!.renewTime];
    await wait(11);
    seen.push(find(name)!.spec!.renewTime);
    // Somebody touches it.
    await server.client('test').of(resources.leases).patch('kube-system', name, 'merge', { metadata: { annotations: { touched: 'yes' } } });
    await wait(11);
    seen.push(find(name)!.spec!.renewTime);
    await server.client('test').of(resources.leases).delete('kube-system', name);
    await wait(11);
    seen.push(find(name)!.spec!.renewTime);
    expect(new Set(seen).size).toBe(4);
  });

  it('of a process that was killed is made anew, and goes when the server ends', async () => {
    const killed = new ApiServerLease({ client: server.client('kube-apiserver'), clock, random: seededRandom(7), log: noLog, hostname: 'laptop' });
    killed.start();
    await settle();
    const before = find(killed.name)!;
    const lease = await start();
    expect(find(lease.name)!.metadata!.uid).not.toBe(before.metadata!.uid);
    expect(find(lease.name)!.spec!.holderIdentity).not.toBe(before.spec!.holderIdentity);
    await killed.stop();
    await wait(11);
    expect(find(lease.name)).toBeDefined();
    await lease.stop();
    expect(find(lease.name)).toBeUndefined();
  });

  it('differs among engines that share an etcd on one computer', async () => {
    const [a, b] = [await start({ engine: 'a' }), await start({ engine: 'b' })];
    expect(a.name).not.toBe(b.name);
    expect(server.all(resources.leases)).toHaveLength(2);
  });

  it('is there though the computer has a name that no label can have', async () => {
    const { name } = await start({ hostname: 'Anna’s Mac' });
    expect(find(name)!.metadata!.labels).toEqual({ 'apiserver.kubernetes.io/identity': 'kube-apiserver' });
  });

  it('is written with a later turn when the server did not take it', async () => {
    server.intercept = () => {
      throw failure(500, 'InternalError', 'not now');
    };
    const { name } = await start();
    expect(find(name)).toBeUndefined();
    server.intercept = undefined;
    await wait(11);
    expect(find(name)).toBeDefined();
  });

  it('is removed by others an hour after its server was last there, and no other Lease is', async () => {
    const leases = server.client('test').of(resources.leases);
    const identity = { 'apiserver.kubernetes.io/identity': 'kube-apiserver' };
    const renewTime = (ms: number) => new Date(clock.now() + ms).toISOString().replace('Z', '000Z');
    await leases.create({ metadata: { namespace: 'kube-system', name: 'gone', labels: identity }, spec: { leaseDurationSeconds: 3600, renewTime: renewTime(-3_601_000) } });
    await leases.create({ metadata: { namespace: 'kube-system', name: 'there', labels: identity }, spec: { leaseDurationSeconds: 3600, renewTime: renewTime(-3_000_000) } });
    await leases.create({ metadata: { namespace: 'kube-system', name: 'never', labels: identity }, spec: {} });
    await leases.create({ metadata: { namespace: 'kube-system', name: 'other' }, spec: { leaseDurationSeconds: 15, renewTime: renewTime(-9_000_000) } });
    const lease = await start();
    expect(server.all(resources.leases).map(({ metadata }) => metadata!.name).toSorted()).toEqual([lease.name, 'other', 'there'].toSorted());
    await wait(3600);
    expect(find('there')).toBeUndefined();
    expect(find(lease.name)).toBeDefined();
  });
});
