import { describe, expect, it } from 'vitest';
import { CorruptionError, NoSpaceError, openDiskStore, type DiskStoreOptions, type Store } from '../../../main/store/index.ts';
import { noLog } from '../../../main/util/log.ts';
import { checkConsistency } from '../../contracts/store.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { CrashFiles, survivals } from './support/crashFiles.ts';
import { Model } from './support/model.ts';

const cause = { who: 'test' };
const directory = '/data';

function open(files: CrashFiles, options: Partial<DiskStoreOptions> = {}): Promise<Store> {
  return openDiskStore({ directory, clock: new FakeClock(), log: noLog, files, preallocateBytes: 0, ...options });
}

/** Small enough that a few writes fill several log files and make snapshots. */
const tiny = { logFileBytes: 900, preallocateBytes: 700, snapshotBytes: 600 };

async function write(store: Store, model: Model, key: string, value: string): Promise<void> {
  const entry = await store.put(key, (revision) => (model.put(revision, key, value), value), { cause });
  model.acknowledged = entry.modRevision;
}

async function remove(store: Store, model: Model, key: string): Promise<void> {
  const entry = await store.delete(key, { tombstone: (revision) => (model.delete(revision, key), ''), cause });
  model.acknowledged = entry!.modRevision;
}

/** A story with everything that touches the disk in it: rotation, snapshots, compaction, writes that come together. */
async function story(store: Store, model: Model, insist = (attempt: () => Promise<void>) => attempt()): Promise<void> {
  const put = (key: string, value: string) => insist(() => write(store, model, key, value));
  for (let i = 0; i < 6; i++) await put(`/k${i % 3}`, `${i}`.repeat(150));
  await Promise.all([put('/a', 'x'.repeat(700)), put('/b', 'y'.repeat(700)), put('/a', 'z')]);
  await insist(() => remove(store, model, '/k1'));
  await insist(() => store.compact(store.revision - 2));
  for (let i = 0; i < 4; i++) await put('/k2', `${i}`.repeat(200));
  await store.close();
}

/** Tries again, once, what found no room. */
async function insist(attempt: () => Promise<void>): Promise<void> {
  await attempt().catch((error: unknown) => {
    if (error instanceof NoSpaceError) return attempt();
    throw error;
  });
}

/** A store's own refusals and the disk's; anything else is a bug and must not be swallowed. */
function expected(error: unknown): void {
  const text = String(error);
  if (!/disk is gone|no space left|cannot write any more|store is closed/.test(text)) throw error;
}

async function soundAfter(files: CrashFiles, model: Model, options: Partial<DiskStoreOptions>): Promise<void> {
  const store = await open(files, options);
  await model.check(store);
  await checkConsistency(store);
  const { revision } = store;
  await store.put('/after', () => 'the store goes on', { cause });
  expect(store.revision).toBe(revision + 1);
  await store.close();
}

describe('a disk store whose disk fails', () => {
  it.each(['fail', 'crash'] as const)('loses nothing that it acknowledged, whichever operation it is (%s)', async (how) => {
    const whole = new CrashFiles();
    await story(await open(whole, tiny), new Model());
    expect(whole.operations).toBeGreaterThan(60);
    for (let at = 0; at < whole.operations; at++) {
      const files = new CrashFiles();
      files.fault = { at, how };
      const model = new Model();
      let store: Store | undefined;
      try {
        store = await open(files, tiny);
        await story(store, model);
      } catch (error) {
        expected(error);
      }
      await store?.close().catch(expected);
      for (const survival of survivals) {
        try {
          await soundAfter(files.afterPowerCut(survival), model, tiny);
        } catch (error) {
          throw new Error(`after operation ${at} (${how}), with ${survival} left`, { cause: error });
        }
      }
    }
  });

  it('goes on as if nothing had been asked when there is room again, whichever operation found none', async () => {
    const whole = new CrashFiles();
    await story(await open(whole, tiny), new Model());
    for (let at = 0; at < whole.operations; at++) {
      const files = new CrashFiles();
      files.fault = { at, how: 'full' };
      const model = new Model();
      let store: Store | undefined;
      try {
        store = await open(files, tiny);
        await story(store, model, insist);
        expect(store.problem).toBeUndefined();
      } catch (error) {
        expected(error);
      }
      await store?.close().catch(expected);
      for (const survival of survivals) {
        try {
          await soundAfter(files.afterPowerCut(survival), model, tiny);
        } catch (error) {
          throw new Error(`after operation ${at}, with ${survival} left`, { cause: error });
        }
      }
    }
  });

  it('says why it takes nothing while the disk is full, and keeps its watches', async () => {
    const files = new CrashFiles();
    const store = await open(files);
    const model = new Model();
    await write(store, model, '/a', '1');
    const seen: string[] = [];
    store.watch('', { onEvents: (events) => seen.push(...events.map(({ entry }) => entry.value)), onEnd: (error) => seen.push(String(error)) });
    files.fault = { at: files.operations, how: 'full' };
    await expect(store.put('/a', () => '2', { cause })).rejects.toThrow('the store cannot write for lack of space: ENOSPC: no space left on device');
    expect(store.problem).toBeInstanceOf(NoSpaceError);
    expect((await store.get('/a'))!.value).toBe('1');
    await write(store, model, '/a', '3');
    expect(store.problem).toBeUndefined();
    await store.close();
    expect(seen).toEqual(['3', 'Error: the store is closed']);
  });

  it('takes no write any more once one could not be flushed', async () => {
    const files = new CrashFiles();
    const store = await open(files);
    const model = new Model();
    await write(store, model, '/a', '1');
    const ended = new Promise<Error>((resolve) => store.watch('', { onEvents: () => undefined, onEnd: resolve }));
    files.fault = { at: files.operations + 1, how: 'fail' };
    const first = store.put('/a', () => '2', { cause });
    const together = store.put('/b', () => '2', { cause });
    await expect(first).rejects.toThrow('the store cannot write any more: EIO: the disk is gone');
    await expect(together).rejects.toThrow('the store cannot write any more');
    await expect(store.put('/c', () => '3', { cause })).rejects.toThrow('the store cannot write any more');
    expect((await ended).message).toContain('the store cannot write any more');
    expect((await store.get('/a'))!.value).toBe('1');
    await store.close();
  });
});

async function written(options: Partial<DiskStoreOptions>): Promise<{ bytes: Map<string, Buffer>; model: Model; ends: number[] }> {
  const files = new CrashFiles();
  const store = await open(files, options);
  const model = new Model();
  const ends: number[] = [];
  const size = () => [...files.contents().values()].reduce((sum, bytes) => sum + bytes.length, 0);
  for (let i = 0; i < 5; i++) {
    await write(store, model, `/k${i % 2}`, `value ${i}`);
    ends.push(size());
  }
  await store.close();
  return { bytes: files.contents(), model, ends };
}

describe('a log that was damaged', () => {
  it('cut off at any byte, is read up to the last whole write', async () => {
    const { bytes, model, ends } = await written({});
    const [name, log] = [...bytes][0]!;
    for (let cut = 0; cut <= log.length; cut++) {
      const store = await open(new CrashFiles([[name, log.subarray(0, cut)]]));
      // The byte behind a frame's last one marks its end; a write is whole without it.
      const whole = ends.filter((end) => end - 1 <= cut).length;
      expect([cut, store.revision]).toEqual([cut, whole]);
      expect((await store.list('')).entries.map(({ key, value }) => [key, value])).toEqual(model.at(whole));
      await store.close();
    }
  });

  it('torn inside room that was made for it, is read up to the last whole write', async () => {
    const { bytes, ends } = await written({});
    const [name, log] = [...bytes][0]!;
    for (let cut = ends[0]!; cut <= log.length; cut++) {
      const room = Buffer.alloc(log.length + 900);
      log.copy(room, 0, 0, cut);
      const store = await open(new CrashFiles([[name, room]]), { preallocateBytes: 900 });
      // A cut in front of a byte that is zero anyway cuts nothing.
      const whole = ends.filter((end) => end - 1 <= cut || log.subarray(cut, end - 1).every((byte) => byte === 0)).length;
      expect([cut, store.revision]).toEqual([cut, whole]);
      await store.put('/next', () => 'x', { cause });
      await store.close();
    }
  });

  it('with any byte changed, is reported with file and offset, or means the same', async () => {
    const { bytes, model } = await written({});
    const [name, log] = [...bytes][0]!;
    let reported = 0;
    for (let at = 0; at < log.length; at++)
      for (const bit of [0x01, 0x80, 0xff]) {
        const changed = Buffer.from(log);
        changed[at] = changed[at]! ^ bit;
        const outcome = await open(new CrashFiles([[name, changed]])).catch((error: unknown) => error);
        if (outcome instanceof Error) {
          expect(outcome).toBeInstanceOf(CorruptionError);
          expect(outcome.message).toMatch(/^\/data\/log-0{15}1\.skiff: a (bad )?frame at offset \d+/);
          reported++;
        } else {
          const store = outcome as Store;
          await model.check(store);
          await store.close();
        }
      }
    // Only the last byte of each of the six frames carries nothing.
    expect(reported).toBe((log.length - 6) * 3);
  });

  it('without one of its files, or with a torn one in the middle, is reported', async () => {
    const { bytes } = await written({ logFileBytes: 100, snapshotBytes: 1e9 });
    const names = [...bytes.keys()].sort();
    expect(names.length).toBe(5);
    for (const name of names.slice(0, -1)) {
      const missing = new Map(bytes);
      missing.delete(name);
      await expect(open(new CrashFiles(missing))).rejects.toBeInstanceOf(CorruptionError);
      const torn = new Map(bytes).set(name, bytes.get(name)!.subarray(0, -20));
      await expect(open(new CrashFiles(torn))).rejects.toBeInstanceOf(CorruptionError);
    }
  });
});

describe('a snapshot that was damaged', () => {
  it('at any byte, is reported', async () => {
    const files = new CrashFiles();
    const store = await open(files, tiny);
    const model = new Model();
    for (let i = 0; i < 4; i++) await write(store, model, `/k${i}`, 'x'.repeat(200));
    for (let i = 0; i < 200 && ![...files.contents().keys()].some((name) => name.endsWith('snapshot.skiff')); i++) await new Promise((resolve) => setImmediate(resolve));
    await store.close();
    const bytes = files.contents();
    const name = '/data/snapshot.skiff';
    const snapshot = bytes.get(name)!;
    await soundAfter(new CrashFiles(bytes), model, tiny);
    let silent = 0;
    for (let at = 0; at < snapshot.length; at++) {
      const changed = Buffer.from(snapshot);
      changed[at] = changed[at]! ^ 0x10;
      const outcome = await open(new CrashFiles(new Map(bytes).set(name, changed)), tiny).catch((error: unknown) => error);
      if (outcome instanceof Error) expect(outcome).toBeInstanceOf(CorruptionError);
      else {
        await model.check(outcome as Store);
        await (outcome as Store).close();
        silent++;
      }
    }
    expect(silent).toBe(4);
    for (let cut = 0; cut < snapshot.length - 1; cut += 7)
      await expect(open(new CrashFiles(new Map(bytes).set(name, snapshot.subarray(0, cut))), tiny)).rejects.toBeInstanceOf(CorruptionError);
  });
});
