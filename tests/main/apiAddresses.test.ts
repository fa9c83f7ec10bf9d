import { beforeEach, describe, expect, it } from 'vitest';
import { ApiAddresses, type ApiAddress } from '../../main/apiAddresses.ts';
import { createMemoryStore, type Store } from '../../main/store/index.ts';
import { noLog } from '../../main/util/log.ts';
import { FakeClock } from '../support/fakeClock.ts';

describe('the addresses of API servers on one store', () => {
  let clock: FakeClock;
  let store: Store;
  let published: ApiAddress[];

  beforeEach(() => {
    clock = new FakeClock();
    store = createMemoryStore({ clock });
    published = [];
  });

  const engine = (id: string) => new ApiAddresses({ store, id, publish: async (addresses) => void (published = addresses), clock, log: noLog });
  const at = (ip: string) => ({ ip, port: 6443 });

  it('are all published, and a changed one in place of the old', async () => {
    const [a, b] = [engine('a'), engine('b')];
    await a.set(at('10.0.0.1'));
    expect(published).toEqual([at('10.0.0.1')]);
    await b.set(at('10.0.1.1'));
    expect(published).toEqual([at('10.0.0.1'), at('10.0.1.1')]);
    await a.set(at('10.0.0.2'));
    expect(published).toEqual([at('10.0.0.2'), at('10.0.1.1')]);
  });

  it('stay while their engine is there, and go some seconds after it was killed', async () => {
    const [a, b] = [engine('a'), engine('b')];
    await a.set(at('10.0.0.1'));
    await b.set(at('10.0.1.1'));
    await clock.advance(60_000);
    expect(published).toHaveLength(2);
    // Killed: it writes no more, and takes nothing back.
    store = createMemoryStore({ clock });
    const c = engine('c');
    await store.put('/registry/masterleases/a', () => JSON.stringify(at('10.0.0.1')), { cause: { who: 'test' } });
    await c.set(at('10.0.2.1'));
    expect(published).toHaveLength(2);
    await clock.advance(10_000);
    expect(published).toHaveLength(2);
    await clock.advance(10_000);
    expect(published).toEqual([at('10.0.2.1')]);
  });

  it('go at once when their engine ends', async () => {
    const [a, b] = [engine('a'), engine('b')];
    await a.set(at('10.0.0.1'));
    await b.set(at('10.0.1.1'));
    await a.stop();
    expect(published).toEqual([at('10.0.1.1')]);
    await clock.advance(60_000);
    expect(published).toEqual([at('10.0.1.1')]);
  });

  it('are written with the next beat where the store did not take them', async () => {
    let fails = true;
    const a = new ApiAddresses({
      store,
      id: 'a',
      publish: async (addresses) => {
        if (fails) throw new Error('not now');
        published = addresses;
      },
      clock,
      log: noLog,
    });
    await a.set(at('10.0.0.1'));
    expect(published).toEqual([]);
    fails = false;
    await clock.advance(10_000);
    expect(published).toEqual([at('10.0.0.1')]);
  });
});
