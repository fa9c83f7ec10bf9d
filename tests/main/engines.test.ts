import { describe, expect, it } from 'vitest';
import { joinEngines } from '../../main/engines.ts';
import { createMemoryStore } from '../../main/store/index.ts';
import { FakeClock } from '../support/fakeClock.ts';

const newStore = () => createMemoryStore({ clock: new FakeClock() });
const pki = '/data/pki';

describe('engines on one store', () => {
  it('have a number each, and the same when they come back', async () => {
    const store = newStore();
    const numbers = await Promise.all(['a', 'b', 'c'].map(async (id) => (await joinEngines(store, { id, authority: 'x', pki })).number));
    expect([...numbers].sort()).toEqual([0, 1, 2]);
    expect((await joinEngines(store, { id: 'b', authority: 'x', pki })).number).toBe(numbers[1]);
  });

  it('number their nodes apart', async () => {
    const store = newStore();
    expect((await joinEngines(store, { id: 'a', authority: 'x', pki })).nodesAfter).toBe(0);
    expect((await joinEngines(store, { id: 'b', authority: 'x', pki })).nodesAfter).toBe(5000);
  });

  it('of another cluster are refused and leave nothing', async () => {
    const store = newStore();
    await joinEngines(store, { id: 'a', authority: 'x', pki });
    const { revision } = store;
    await expect(joinEngines(store, { id: 'b', authority: 'y', pki })).rejects.toThrow(
      'etcd holds a cluster with another certificate authority than the one in /data/pki: put the pki folder of an engine that runs it there, or choose another --etcd-prefix',
    );
    expect(store.revision).toBe(revision);
  });

  it('make a machine that is asked for once between them', async () => {
    const store = newStore();
    const [a, b] = [await joinEngines(store, { id: 'a', authority: 'x', pki }), await joinEngines(store, { id: 'b', authority: 'x', pki })];
    expect(await b.claimMachine('extra')).toBe(true);
    expect(await a.claimMachine('extra')).toBe(false);
    expect(await b.claimMachine('extra')).toBe(true);
  });
});
