// Writes as fast as it can and says each write that was acknowledged, until it is killed.
import fs from 'node:fs';
import { openDiskStore } from '../../../../main/store/index.ts';
import { realClock } from '../../../../main/util/clock.ts';
import { noLog } from '../../../../main/util/log.ts';

const store = await openDiskStore({ directory: process.argv[2]!, clock: realClock, log: noLog, logFileBytes: 60_000, snapshotBytes: 20_000, preallocateBytes: 8192 });

async function writer(id: number): Promise<void> {
  for (let i = 0; ; i++) {
    const key = `/w${id}/k${i % 20}`;
    const entry = await store.put(key, (revision) => `${key}@${revision}${'.'.repeat(revision % 700)}`, { cause: { who: 'writer' } });
    fs.writeSync(1, `${entry.modRevision} ${key}\n`);
  }
}

await Promise.all([0, 1, 2, 3].map(writer));
