import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LockedError, openDiskStore } from '../../../main/store/index.ts';
import { realClock } from '../../../main/util/clock.ts';
import { noLog } from '../../../main/util/log.ts';
import { checkConsistency } from '../../contracts/store.ts';
import { FakeClock } from '../../support/fakeClock.ts';

let directory: string;
let program: string;

beforeAll(async () => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'skiff-killed-'));
  const { build } = await import('vite');
  await build({
    configFile: false,
    logLevel: 'error',
    ssr: { noExternal: true },
    build: { ssr: path.join(import.meta.dirname, 'support/writer.ts'), outDir: path.join(directory, 'program'), minify: false, rolldownOptions: { output: { entryFileNames: 'writer.mjs' } } },
  });
  program = path.join(directory, 'program/writer.mjs');
});

afterAll(() => fs.rmSync(directory, { recursive: true, force: true }));

/** Runs the writer until it has said `lines` lines, kills it and returns all that it said. */
async function killAfter(lines: number, data: string): Promise<string[]> {
  const child = spawn(process.execPath, [program, data], { stdio: ['ignore', 'pipe', 'inherit'] });
  const said: string[] = [];
  const exited = new Promise((resolve) => child.once('exit', resolve));
  for await (const line of createInterface({ input: child.stdout })) {
    said.push(line);
    if (said.length === lines) child.kill('SIGKILL');
  }
  await exited;
  return said;
}

describe('a process that is killed while it writes', () => {
  it('has lost nothing that it acknowledged and left nothing that it did not write, time after time', async () => {
    const data = path.join(directory, 'data');
    const acknowledged = new Map<number, string>();
    for (const lines of [1, 40, 300, 1000, 77]) {
      for (const line of await killAfter(lines, data)) {
        const [revision, key] = line.split(' ') as [string, string];
        acknowledged.set(Number(revision), key);
      }
      const store = await openDiskStore({ directory: data, clock: new FakeClock(), log: noLog, history: { maxAge: Infinity } });
      const newest = Math.max(...acknowledged.keys());
      expect(store.revision).toBeGreaterThanOrEqual(newest);
      const events = await store.history({ after: 0 });
      for (const [revision, key] of acknowledged) expect(events[revision - 1]!.entry.key).toBe(key);
      for (const { entry } of events) expect(entry.value).toBe(`${entry.key}@${entry.modRevision}${'.'.repeat(entry.modRevision % 700)}`);
      await checkConsistency(store);
      await store.close();
    }
  });

  it('leaves a lock that the next one takes over; a living one keeps it', async () => {
    const data = path.join(directory, 'locked');
    await killAfter(1, data);
    expect(fs.existsSync(path.join(data, 'lock'))).toBe(true);
    const open = () => openDiskStore({ directory: data, clock: new FakeClock(), log: noLog });
    const store = await open();
    await expect(open()).rejects.toBeInstanceOf(LockedError);
    await expect(open()).rejects.toMatchObject({ pid: process.pid, directory: data });
    await store.close();
    expect(fs.existsSync(path.join(data, 'lock'))).toBe(false);
    await (await open()).close();
  });

  it.runIf(process.platform === 'linux')('has ended also where its parent has not noticed yet', async () => {
    const data = path.join(directory, 'zombie');
    // The shell becomes a program that never asks after its child.
    const parent = spawn('sh', ['-c', '"$0" "$1" "$2" & echo "pid $!"; exec sleep 60', process.execPath, program, data], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines: AsyncIterator<string> = createInterface({ input: parent.stdout })[Symbol.asyncIterator]();
    const said = [(await lines.next()).value as string, (await lines.next()).value as string];
    const pid = Number(said.find((line) => line.startsWith('pid'))!.slice(4));
    process.kill(pid, 'SIGKILL');
    const store = await openDiskStore({ directory: data, clock: realClock, log: noLog });
    expect(fs.readFileSync(`/proc/${pid}/stat`, 'utf8')).toContain(' Z ');
    expect(store.revision).toBeGreaterThan(0);
    await store.close();
    parent.kill();
  });

  it('is waited for while it ends', async () => {
    const data = path.join(directory, 'ending');
    const child = spawn(process.execPath, [program, data], { stdio: ['ignore', 'pipe', 'inherit'] });
    await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
    const clock = new FakeClock();
    const opened = openDiskStore({ directory: data, clock, log: noLog });
    await expect.poll(() => clock.pending).toBe(1);
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await exited;
    await clock.advance(20);
    await (await opened).close();
  });

  it('keeps its files to their owner', async () => {
    const data = path.join(directory, 'private');
    const store = await openDiskStore({ directory: data, clock: new FakeClock(), log: noLog });
    await store.put('/secret', () => 'x', { cause: { who: 'test' } });
    expect(fs.statSync(data).mode & 0o077).toBe(0);
    for (const name of fs.readdirSync(data)) expect(fs.statSync(path.join(data, name)).mode & 0o077).toBe(0);
    await store.close();
  });
});
