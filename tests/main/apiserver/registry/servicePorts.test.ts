import { beforeEach, describe, expect, it } from 'vitest';
import type { Service } from '../../../../main/api/index.ts';
import { ServicePorts, StoredPorts } from '../../../../main/apiserver/registry/core/servicePorts.ts';
import type { RequestContext } from '../../../../main/apiserver/registry/strategy.ts';
import { createMemoryStore, type Store } from '../../../../main/store/index.ts';
import { FakeClock } from '../../../support/fakeClock.ts';

describe('node ports that two API servers give out', () => {
  let clock: FakeClock;
  let store: Store;
  let services: Service[];

  beforeEach(() => {
    clock = new FakeClock();
    store = createMemoryStore({ clock });
    services = [];
  });

  const server = () => new ServicePorts(30000, 30019, new StoredPorts(store, async () => services), { next: () => 0, uuid: () => '', suffix: () => '' });
  const context = (more: Partial<RequestContext> = {}) => ({ now: clock.now(), cause: { who: 'kubectl' }, dryRun: false, ...more }) as RequestContext;

  it('are given to one of them', async () => {
    const [a, b] = [server(), server()];
    const taken = await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 ? a : b).next(context())));
    expect(new Set(taken).size).toBe(20);
    await expect(a.next(context())).rejects.toThrow('failed to allocate a nodePort: range is full');
    expect(await a.take(context(), 30007)).toBe(false);
    await b.release(context(), 30007);
    expect((await Promise.all([a.take(context(), 30007), b.take(context(), 30007)])).sort()).toEqual([false, true]);
  });

  it('are not taken by a dry run', async () => {
    const [a, b] = [server(), server()];
    expect(await a.take(context({ dryRun: true }), 30001)).toBe(true);
    expect(await b.take(context(), 30001)).toBe(true);
    expect(await a.take(context({ dryRun: true }), 30001)).toBe(false);
    await a.release(context({ dryRun: true }), 30001);
    expect(await a.take(context(), 30001)).toBe(false);
  });

  it('can be had again when an engine ended before it had written their Service', async () => {
    const [a, b] = [server(), server()];
    await a.take(context(), 30001);
    await a.take(context(), 30002);
    services = [{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { ports: [{ port: 80, nodePort: 30002 }] } }];
    expect(await b.take(context(), 30001)).toBe(false);
    await clock.advance(180_000);
    expect(await b.take(context(), 30001)).toBe(true);
    expect(await a.take(context(), 30001)).toBe(false);
    expect(await b.take(context(), 30002)).toBe(false);
  });
});
