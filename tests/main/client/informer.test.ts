import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ConfigMap } from '../../../main/api/index.ts';
import { keyOf } from '../../../main/api/meta.ts';
import { failure, notFound } from '../../../main/api/status.ts';
import { InformerFactory, resources, type Informer } from '../../../main/client/index.ts';
import { noLog } from '../../../main/util/log.ts';
import { FakeClock, settle } from '../../support/fakeClock.ts';
import { FakeServer } from '../../support/fakeServer.ts';

let clock: FakeClock;
let server: FakeServer;
let factory: InformerFactory;
let seen: string[];

beforeEach(() => {
  clock = new FakeClock();
  server = new FakeServer(clock);
  factory = new InformerFactory(server.client(), clock, noLog);
  seen = [];
});
afterEach(() => factory.stop());

const put = (name: string, data = {}, namespace = 'default', labels?: Record<string, string>) =>
  server.seed(resources.configMaps, { metadata: { name, namespace, labels }, data });
const lists = () => server.requests.filter((request) => request.method === 'GET').length;

async function start(options = {}): Promise<Informer<ConfigMap>> {
  const informer = factory.informer(resources.configMaps, options);
  informer.on({
    add: (object) => seen.push(`+${keyOf(object)}`),
    update: (old, object) => seen.push(`~${keyOf(object)} ${old.data?.v}→${object.data?.v}`),
    delete: (object) => seen.push(`-${keyOf(object)}`),
  });
  factory.start();
  await factory.synced();
  await settle();
  return informer;
}

it('follows a collection from its list on', async () => {
  put('a', { v: '1' });
  const informer = await start();
  put('b');
  server.change(resources.configMaps, 'default', 'a', (a) => (a.data = { v: '2' }));
  server.drop(resources.configMaps, 'default', 'b');
  await settle();
  expect(seen).toEqual(['+default/a', '+default/b', '~default/a 1→2', '-default/b']);
  expect(informer.get('default/a')!.data).toEqual({ v: '2' });
  expect(informer.get('default/a')).toEqual(server.find(resources.configMaps, 'default', 'a'));
});

it('keeps no record of who owns which field, and leaves it to the server', async () => {
  const managedFields = [{ manager: 'kubectl', operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: { 'f:data': {} } }];
  const owned = (name: string) => server.seed(resources.configMaps, { metadata: { name, namespace: 'default', managedFields }, data: { v: '1' } });
  owned('listed');
  const informer = await start();
  owned('watched');
  await settle();
  for (const name of ['listed', 'watched']) {
    expect(informer.get(`default/${name}`)).toMatchObject({ metadata: { name }, data: { v: '1' } });
    expect(informer.get(`default/${name}`)!.metadata).not.toHaveProperty('managedFields');
    expect(server.find(resources.configMaps, 'default', name)!.metadata!.managedFields).toEqual(managedFields);
  }
});

it('resumes a watch that ends where it ended, without a new list', async () => {
  await start();
  await clock.advance(2000);
  put('a');
  await settle();
  server.endWatches();
  put('b');
  await clock.advance(2000);
  expect(seen).toEqual(['+default/a', '+default/b']);
  expect(lists()).toBe(1);
});

it('lists again when its revision has expired, and tells what it has missed', async () => {
  put('stays', { v: '1' });
  put('goes');
  await start();
  server.pause();
  server.drop(resources.configMaps, 'default', 'goes');
  server.change(resources.configMaps, 'default', 'stays', (object) => (object.data = { v: '2' }));
  server.expireWatches();
  server.resume();
  await clock.advance(2000);
  expect(seen.slice(2)).toEqual(['~default/stays 1→2', '-default/goes']);
});

it('waits longer and longer while the server does not answer', async () => {
  let refused = 0;
  server.intercept = () => {
    refused++;
    throw failure(503, 'ServiceUnavailable', 'not yet');
  };
  factory.informer(resources.configMaps);
  factory.start();
  await clock.advance(10_000);
  expect(refused).toBeGreaterThan(2);
  expect(refused).toBeLessThan(6);
  server.intercept = undefined;
  put('a');
  const informer = factory.informer(resources.configMaps);
  await clock.advance(30_000);
  expect(informer.hasSynced).toBe(true);
  expect(informer.list()).toHaveLength(1);
});

it('takes a kind that the server does not know for empty, until it does', async () => {
  server.intercept = () => {
    throw notFound({ group: '', kind: 'configmaps' }, '');
  };
  const informer = await start();
  expect(informer.hasSynced).toBe(true);
  server.intercept = undefined;
  put('a');
  await clock.advance(5000);
  expect(seen).toEqual(['+default/a']);
});

it('takes a kind that is served no more for empty, says no word about it, and finds it again when it is back', async () => {
  put('a');
  const warned: string[] = [];
  const log = { ...noLog, child: () => log, warn: (message: string) => void warned.push(message) };
  factory = new InformerFactory(server.client(), clock, log);
  const informer = await start();
  server.intercept = () => {
    throw notFound({ group: '', kind: 'configmaps' }, '');
  };
  server.endWatches(notFound({ group: '', kind: 'configmaps' }, ''));
  await clock.advance(60_000);
  expect(seen).toEqual(['+default/a', '-default/a']);
  expect(warned).toEqual([]);
  server.intercept = undefined;
  await clock.advance(30_000);
  expect(seen).toEqual(['+default/a', '-default/a', '+default/a']);
  put('b');
  await settle();
  expect(informer.get('default/b')).toBeDefined();
});

it('keeps indexes as objects come, change and go', async () => {
  put('a', {}, 'default', { app: 'x' });
  const informer = await start();
  informer.addIndex('app', (object) => (object.metadata!.labels?.app ? [object.metadata!.labels.app] : []));
  put('b', {}, 'other', { app: 'x' });
  await settle();
  const names = (app: string) => informer.byIndex('app', app).map(keyOf);
  expect(names('x')).toEqual(['default/a', 'other/b']);
  expect(informer.list('other').map(keyOf)).toEqual(['other/b']);
  server.change(resources.configMaps, 'default', 'a', (object) => (object.metadata!.labels = { app: 'y' }));
  server.drop(resources.configMaps, 'other', 'b');
  await settle();
  expect([names('x'), names('y')]).toEqual([[], ['default/a']]);
});

it('is shared by whoever asks for the same, and tells latecomers everything', async () => {
  put('a');
  const informer = await start();
  expect(factory.informer(resources.configMaps)).toBe(informer);
  expect(factory.informer(resources.configMaps, { namespace: 'other' })).not.toBe(informer);
  const late: string[] = [];
  const off = informer.on({ add: (object) => late.push(keyOf(object)) });
  put('b');
  await settle();
  off();
  put('c');
  await settle();
  expect(late).toEqual(['default/a', 'default/b']);
});

it("is not disturbed by one handler's mistake", async () => {
  const informer = factory.informer(resources.configMaps);
  informer.on({
    add() {
      throw new Error('mine');
    },
  });
  await start();
  put('a');
  await settle();
  expect(seen).toEqual(['+default/a']);
});

it('a copy that is given back ends, unless somebody else follows it still', async () => {
  const informer = await start();
  const end = informer.on({});
  factory.release(resources.configMaps);
  put('a');
  await settle();
  expect(seen).toEqual(['+default/a']);
  end();
  factory.release(resources.configMaps);
  put('b');
  await settle();
  expect(seen).toEqual(['+default/a', '+default/b']);
});

it('who asks again for a kind that was given back gets a fresh copy', async () => {
  const end = factory.informer(resources.configMaps).on({});
  factory.start();
  await factory.synced();
  end();
  factory.release(resources.configMaps);
  put('a');
  expect(factory.informer(resources.configMaps).hasSynced).toBe(false);
  await factory.synced();
  expect(factory.informer(resources.configMaps).get('default/a')).toBeDefined();
});

it('nobody waits for a kind that is only followed, unless somebody needs it', async () => {
  server.intercept = ({ path }) => {
    if (path.endsWith('/secrets')) throw failure(500, 'InternalError', 'conversion webhook failed');
  };
  let ready = false;
  const wait = () => factory.synced().then(() => (ready = true));
  const followed = factory.follow(resources.secrets);
  factory.informer(resources.configMaps);
  factory.start();
  await wait();
  expect([ready, followed.hasSynced]).toEqual([true, false]);

  ready = false;
  expect(factory.informer(resources.secrets)).toBe(followed);
  factory.follow(resources.secrets);
  void wait();
  await settle();
  expect(ready).toBe(false);
  server.intercept = undefined;
  await clock.advance(60_000);
  expect([ready, followed.hasSynced]).toEqual([true, true]);
});
