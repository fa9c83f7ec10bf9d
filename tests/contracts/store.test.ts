import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { createMemoryStore, openDiskStore, type DiskStoreOptions } from '../../main/store/index.ts';
import { noLog } from '../../main/util/log.ts';
import { FakeClock } from '../support/fakeClock.ts';
import { storeContract } from './store.ts';

storeContract('in memory', async (options) => {
  const clock = new FakeClock();
  return { store: createMemoryStore({ clock, history: options?.history ?? {} }), clock, dispose: async () => undefined };
});

/** On disk, once with everything in one file and in memory, once with log files, history and snapshots of a few hundred bytes. */
function onDisk(name: string, sizes: Partial<DiskStoreOptions>, memoryBytes?: number): void {
  storeContract(name, async (options) => {
    const clock = new FakeClock();
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'skiff-store-'));
    const history = { ...(memoryBytes === undefined ? {} : { memoryBytes }), ...options?.history };
    const open = () => openDiskStore({ directory, clock, log: noLog, history, ...sizes });
    const harness = {
      store: await open(),
      clock,
      async reopen() {
        await harness.store.close();
        return (harness.store = await open());
      },
      dispose: async () => fs.rmSync(directory, { recursive: true }),
    };
    return harness;
  });
}

onDisk('on disk', {});
onDisk('on disk, in tiny pieces', { logFileBytes: 300, preallocateBytes: 64, snapshotBytes: 1 }, 0);

it('a store on disk is as large as its files, with the room that it has made for more', async () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'skiff-store-'));
  const store = await openDiskStore({ directory, clock: new FakeClock(), log: noLog, preallocateBytes: 64 * 1024 });
  const before = (await store.size())!;
  await store.put('/a', () => 'x'.repeat(500_000), { cause: { who: 'test' } });
  const size = (await store.size())!;
  expect(size - before).toBeGreaterThan(400_000);
  expect(size).toBe(fs.readdirSync(directory).reduce((sum, name) => sum + fs.statSync(path.join(directory, name)).size, 0));
  await store.close();
  fs.rmSync(directory, { recursive: true });
});
