import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ConflictError, openEtcdStore, UnavailableError, type Store } from '../../../../main/store/index.ts';
import { realClock } from '../../../../main/util/clock.ts';
import { noLog } from '../../../../main/util/log.ts';
import { checkConsistency, listen, plainEvent, until } from '../../../contracts/store.ts';
import { etcdProgram, TestEtcd } from '../../../support/etcd.ts';

const cause = { who: 'test' };

describe.skipIf(!etcdProgram)('several engines on one etcd', () => {
  let etcd: TestEtcd;
  let prefix = 0;
  const stores: Store[] = [];

  beforeAll(async () => {
    etcd = await TestEtcd.start();
  }, 60_000);
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
    prefix++;
  });
  afterAll(() => etcd.dispose());

  async function open(writer: string): Promise<Store> {
    const store = await openEtcdStore({ servers: [etcd.url], prefix: `/together/${prefix}`, writer, clock: realClock, log: noLog, history: { maxAge: Infinity } });
    stores.push(store);
    return store;
  }
  const put = (store: Store, key: string, value: string, expected?: number) =>
    store.put(key, (revision) => `${value}@${revision}`, { cause, ...(expected === undefined ? {} : { expected }) });

  it('what one wrote the other reads at once, and both tell the same history', async () => {
    const [a, b] = [await open('a'), await open('b')];
    const heard = listen(b, '/');
    await put(a, '/1', 'a');
    await b.fresh();
    expect((await b.get('/1'))!.value).toBe('a@1');
    await put(b, '/1', 'b', 1);
    await b.delete('/1', { cause: { who: 'gc', revision: 2 }, tombstone: (revision) => `gone@${revision}` });
    await put(a, '/2', 'a');
    await a.fresh();
    await b.fresh();
    const history = (await a.history({ after: 0 })).map(plainEvent);
    expect(history.map(({ entry }) => entry!.value)).toEqual(['a@1', 'b@2', 'gone@3', 'a@4']);
    expect((await b.history({ after: 0 })).map(plainEvent)).toEqual(history);
    await until(() => heard.events.length === 4);
    expect(heard.events.map(plainEvent)).toEqual(history);
    // Also to one that was not there.
    const c = await open('c');
    expect((await c.history({ after: 0 })).map(plainEvent)).toEqual(history);
    expect((await c.list('/')).entries).toEqual((await a.list('/')).entries);
    await checkConsistency(a);
    await checkConsistency(b);
    await checkConsistency(c);
  });

  it('of two that expect the same revision one wins, whoever has heard of it', async () => {
    const [a, b] = [await open('a'), await open('b')];
    await put(a, '/lock', 'free');
    const results = await Promise.allSettled([put(a, '/lock', 'a', 1), put(b, '/lock', 'b', 1), put(b, '/lock', 'c', 1)]);
    const won = results.filter((result) => result.status === 'fulfilled');
    expect(won).toHaveLength(1);
    for (const result of results) if (result.status === 'rejected') expect((result.reason as ConflictError).current!.value).toBe(won[0]!.value.value);
    expect((await Promise.allSettled([put(a, '/new', 'a', 0), put(b, '/new', 'b', 0)])).map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('an engine that has not heard of the last write is no reason to refuse the next', async () => {
    const [a, b] = [await open('a'), await open('b')];
    for (let i = 0; i < 20; i++) {
      const { modRevision } = await put(a, '/handed', 'over');
      await put(b, '/handed', 'on', modRevision);
      await b.delete('/handed', { cause, expected: modRevision + 1, tombstone: () => '' });
      await put(a, '/handed', 'anew', 0);
    }
    await b.fresh();
    expect(b.revision).toBe(a.revision);
  });

  it('no increment of many is lost, and every value holds its own revision', async () => {
    const engines = [await open('a'), await open('b'), await open('c')];
    await put(engines[0]!, '/counter', '0');
    const increment = async (store: Store) => {
      for (;;) {
        const entry = (await store.get('/counter')) ?? (await store.fresh(), await store.get('/counter'))!;
        try {
          return await put(store, '/counter', String(Number.parseInt(entry.value) + 1), entry.modRevision);
        } catch (error) {
          if (!(error instanceof ConflictError)) throw error;
        }
      }
    };
    await Promise.all(engines.flatMap((store, engine) => Array.from({ length: 20 }, async (_, i) => [await increment(store), await put(store, `/other/${engine}-${i}`, 'x')])));
    const [a] = engines as [Store];
    await a.fresh();
    expect(Number.parseInt((await a.get('/counter'))!.value)).toBe(60);
    for (const { entry } of await a.history({ after: 0 })) expect(entry.value.endsWith(`@${entry.modRevision}`)).toBe(true);
    for (const store of engines) await checkConsistency(store);
  });

  it('what was answered outlives etcd, whose absence is told', async () => {
    const [a, b] = [await open('a'), await open('b')];
    const answered = new Map<string, string>();
    let running = true;
    const write = async (store: Store, name: string) => {
      for (let i = 0; running; i++) {
        const entry = await put(store, `/${name}/${i}`, 'x').catch((error: unknown) => void expect(error).toBeInstanceOf(UnavailableError));
        if (entry) answered.set(entry.key, entry.value);
      }
    };
    const writers = [write(a, 'a'), write(b, 'b'), write(a, 'c')];
    await until(() => answered.size > 50);
    await etcd.kill();
    await until(() => a.problem !== undefined && b.problem !== undefined);
    await expect(a.fresh()).rejects.toBeInstanceOf(UnavailableError);
    const before = answered.size;
    await etcd.run();
    await until(() => answered.size > before + 50);
    running = false;
    await Promise.all(writers);
    await until(() => a.problem === undefined && b.problem === undefined);
    const c = await open('c');
    for (const [key, value] of answered) expect((await c.get(key))?.value).toBe(value);
    await a.fresh();
    await b.fresh();
    expect((await a.history({ after: 0 })).map(plainEvent)).toEqual((await c.history({ after: 0 })).map(plainEvent));
    await checkConsistency(a);
    await checkConsistency(b);
  }, 60_000);
});
