import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ensureCertificates } from '../../../../main/bootstrap/index.ts';
import { CompactedError, NoSpaceError, openEtcdStore, StoreFailedError, TooLargeError, UnavailableError, type EtcdStoreOptions, type Store } from '../../../../main/store/index.ts';
import { realClock } from '../../../../main/util/clock.ts';
import { noLog } from '../../../../main/util/log.ts';
import { checkConsistency, listen, until } from '../../../contracts/store.ts';
import { etcdProgram, TestEtcd } from '../../../support/etcd.ts';
import { Line } from './support/line.ts';

const cause = { who: 'test' };

describe.skipIf(!etcdProgram)('a store in an etcd that', () => {
  const ends: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  async function start(...options: Parameters<typeof TestEtcd.start>): Promise<TestEtcd> {
    const etcd = await TestEtcd.start(...options);
    ends.push(() => etcd.dispose());
    return etcd;
  }
  async function open(url: string, more: Partial<EtcdStoreOptions> = {}): Promise<Store> {
    const store = await openEtcdStore({ servers: [url], prefix: '/skiff', writer: `writer ${ends.length}`, clock: realClock, log: noLog, ...more });
    ends.push(() => store.close());
    return store;
  }
  const put = (store: Store, key: string, value: string) => store.put(key, () => value, { cause });
  const ask = (etcd: TestEtcd, what: string, body: unknown) => fetch(`${etcd.url}/v3/${what}`, { method: 'POST', body: JSON.stringify(body) }).then((answer) => answer.json() as Promise<{ header?: { revision: string }; alarms?: { memberID: string; alarm: string }[] }>);

  it('has no room says so, loses nothing, and goes on when there is', async () => {
    const etcd = await start(['--quota-backend-bytes', String(16 * 1024 * 1024), '--unsafe-no-fsync']);
    const store = await open(etcd.url);
    const large = 'x'.repeat(500_000);
    let written = 0;
    let error: unknown;
    while (!error && written < 200)
      await put(store, '/large', `${written}${large}`).then(
        () => written++,
        (refused: unknown) => (error = refused),
      );
    expect(error).toBeInstanceOf(NoSpaceError);
    expect(store.problem).toBe(error);
    expect((await store.get('/large'))!.value).toBe(`${written - 1}${large}`);
    await expect(put(store, '/small', 'x')).rejects.toBeInstanceOf(NoSpaceError);
    // What its keeper does: old revisions go, and the alarm is switched off.
    const { header } = await ask(etcd, 'kv/range', { key: Buffer.from('/').toString('base64') });
    await ask(etcd, 'kv/compaction', { revision: header!.revision, physical: true });
    await ask(etcd, 'maintenance/defragment', {});
    const { alarms } = await ask(etcd, 'maintenance/alarm', { action: 'GET' });
    for (const { memberID, alarm } of alarms!) await ask(etcd, 'maintenance/alarm', { action: 'DEACTIVATE', memberID, alarm });
    expect((await put(store, '/small', 'y')).modRevision).toBe(written + 1);
    expect(store.problem).toBeUndefined();
  }, 60_000);

  it('refuses what is too large refuses that alone', async () => {
    const etcd = await start();
    const store = await open(etcd.url);
    const results = await Promise.allSettled([put(store, '/a', 'a'), put(store, '/b', 'b'.repeat(3_000_000)), put(store, '/c', 'c')]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((results[1] as PromiseRejectedResult).reason).toBeInstanceOf(TooLargeError);
    expect((await store.history({ after: 0 })).map(({ entry }) => [entry.key, entry.modRevision])).toEqual([['/a', 1], ['/c', 2]]);
    await checkConsistency(store);
  });

  it('allows few operations at a time is given few', async () => {
    const etcd = await start(['--max-txn-ops', '8']);
    const store = await open(etcd.url);
    await Promise.all(Array.from({ length: 40 }, (_, i) => put(store, `/k${i}`, `${i}`)));
    expect(store.revision).toBe(40);
    await checkConsistency(store);
  });

  it('was set back to an older state is of no use until the next start', async () => {
    const etcd = await start();
    const store = await open(etcd.url);
    await put(store, '/a', '1');
    await etcd.kill();
    const backup = path.join(etcd.directory, 'backup');
    fs.cpSync(path.join(etcd.directory, 'data'), backup, { recursive: true });
    await etcd.run();
    await store.fresh().catch(() => undefined);
    await until(() => store.problem === undefined);
    await put(store, '/a', '2');
    const heard = listen(store, '/');
    await etcd.kill();
    fs.rmSync(path.join(etcd.directory, 'data'), { recursive: true });
    fs.renameSync(backup, path.join(etcd.directory, 'data'));
    await etcd.run();
    await until(() => heard.ended !== undefined);
    expect(heard.ended).toBeInstanceOf(StoreFailedError);
    expect(heard.ended!.message).toContain('it was set back to an older state, which the next start reads');
    expect(store.problem).toBe(heard.ended);
    await expect(put(store, '/a', '3')).rejects.toBe(heard.ended);
    await expect(store.fresh()).rejects.toThrow('set back');
    const again = await open(etcd.url);
    expect((await again.get('/a'))!.value).toBe('1');
    expect((await put(again, '/a', '3')).modRevision).toBe(2);
  }, 60_000);

  it('was set back and written to by others since is noticed too', async () => {
    const etcd = await start();
    const line = await Line.to(etcd.url);
    ends.push(() => line.close());
    const store = await open(line.url);
    await put(store, '/a', '1');
    await etcd.kill();
    const backup = path.join(etcd.directory, 'backup');
    fs.cpSync(path.join(etcd.directory, 'data'), backup, { recursive: true });
    await etcd.run();
    await until(() => store.problem === undefined);
    await put(store, '/a', '2');
    line.down = true;
    await etcd.kill();
    fs.rmSync(path.join(etcd.directory, 'data'), { recursive: true });
    fs.renameSync(backup, path.join(etcd.directory, 'data'));
    await etcd.run();
    const other = await open(etcd.url);
    for (let i = 0; i < 5; i++) await put(other, '/a', `other ${i}`);
    line.down = false;
    await until(() => store.problem instanceof StoreFailedError);
    expect((await other.get('/a'))!.value).toBe('other 4');
  }, 60_000);

  it('compacted what an engine had not heard yet gives it the present, and its watches an end', async () => {
    const etcd = await start();
    const line = await Line.to(etcd.url);
    ends.push(() => line.close());
    const [away, here] = [await open(line.url), await open(etcd.url)];
    await put(away, '/a', '1');
    const heard = listen(away, '/');
    await until(() => away.revision === 1);
    line.down = true;
    await here.fresh();
    for (let i = 2; i < 6; i++) await put(here, '/a', `${i}`);
    await here.delete('/a', { cause, tombstone: () => 'gone' });
    await put(here, '/b', 'new');
    await here.compact(here.revision);
    line.down = false;
    await until(() => away.revision === here.revision);
    await until(() => heard.ended !== undefined);
    expect(heard.ended).toBeInstanceOf(CompactedError);
    expect((await away.list('')).entries.map(({ key, value, createRevision, modRevision }) => [key, value, createRevision, modRevision])).toEqual([['/b', 'new', 7, 7]]);
    expect((await put(away, '/a', 'again')).createRevision).toBe(8);
    await checkConsistency(away);
  }, 60_000);

  it('has compacted what a write replaced no longer tells of that write', async () => {
    const etcd = await start();
    const there = await open(etcd.url);
    for (const value of ['one', 'two', 'three']) await put(there, '/a', value);
    await there.compact(1);
    const here = await open(etcd.url);
    expect((await here.history({ after: 1 })).map(({ previous }) => previous?.value)).toEqual(['one', 'two']);
    await there.compact(2);
    await expect(here.history({ after: 1 })).rejects.toBeInstanceOf(CompactedError);
    await until(() => here.compactedRevision === 2);
    expect((await here.history({ after: 2 })).map(({ previous }) => previous?.value)).toEqual(['two']);
  });

  it('is compacted right behind the writes has their watches go on', async () => {
    const etcd = await start(['--unsafe-no-fsync']);
    const store = await open(etcd.url);
    const heard = listen(store, '/');
    for (let round = 1; round <= 100; round++) {
      await put(store, '/a', `${round}`);
      await store.compact(store.revision);
    }
    await until(() => heard.events.length === 100);
    expect(heard.ended).toBeUndefined();
    await checkConsistency(store);
  });

  it('lost the journal is of no use', async () => {
    const etcd = await start();
    const store = await open(etcd.url);
    await put(store, '/a', '1');
    await ask(etcd, 'kv/deleterange', { key: Buffer.from('/skiff/').toString('base64'), range_end: Buffer.from('/skiff0').toString('base64') });
    await until(() => store.problem !== undefined);
    expect(store.problem!.message).toContain('the journal of the store was deleted from etcd');
  });

  it('others use as well has nothing of theirs in it', async () => {
    const etcd = await start();
    const store = await open(etcd.url);
    const neighbour = await open(etcd.url, { prefix: '/skiff2' });
    await put(store, '/a', '1');
    await put(neighbour, '/a', 'theirs');
    await ask(etcd, 'kv/put', { key: Buffer.from('/else').toString('base64'), value: '' });
    await put(store, '/a', '2');
    expect(store.revision).toBe(2);
    expect((await store.history({ after: 0 })).map(({ entry }) => entry.value)).toEqual(['1', '2']);
    expect((await store.list('')).entries).toHaveLength(1);
    await checkConsistency(store);
    await checkConsistency(neighbour);
  });

  it('holds what Skiff did not write behind the prefix is not opened', async () => {
    const etcd = await start();
    await ask(etcd, 'kv/put', { key: Buffer.from('/skiff/registry/pods/x').toString('base64'), value: Buffer.from('k8s').toString('base64') });
    await expect(open(etcd.url)).rejects.toThrow('the value of /registry/pods/x in etcd is not what Skiff wrote');
  });

  it('is not there is told by its address', async () => {
    const failed = open('http://127.0.0.1:1');
    await expect(failed).rejects.toBeInstanceOf(UnavailableError);
    await expect(failed).rejects.toThrow('the store cannot be reached: http://127.0.0.1:1 cannot be reached: connect ECONNREFUSED 127.0.0.1:1');
  });

  it('asks for certificates is shown one', async () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'skiff-etcd-tls-'));
    ends.push(async () => fs.rmSync(directory, { recursive: true }));
    const { ca, serving, admin } = await ensureCertificates(directory, { clock: realClock });
    const file = (name: string) => path.join(directory, name);
    const etcd = await start([], { ca: file('ca.crt'), cert: file('apiserver.crt'), key: file('apiserver.key') });
    expect(serving.certificate).toContain('BEGIN CERTIFICATE');
    const store = await open(etcd.url, { ca, cert: admin.certificate, key: admin.key });
    await put(store, '/a', '1');
    expect((await store.get('/a'))!.value).toBe('1');
    await expect(open(etcd.url, { ca })).rejects.toBeInstanceOf(UnavailableError);
    await expect(open(etcd.url, { cert: admin.certificate, key: admin.key })).rejects.toThrow(/certificate/);
  });

  it('has several members is reached at another when one is gone', async () => {
    const etcd = await start();
    const line = await Line.to(etcd.url);
    ends.push(() => line.close());
    const store = await open(line.url, { servers: [line.url, etcd.url] });
    await put(store, '/a', '1');
    line.down = true;
    await put(store, '/a', '2');
    expect(store.revision).toBe(2);
    await until(() => store.problem === undefined);
  });
});
