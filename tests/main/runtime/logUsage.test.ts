import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { LogUsage } from '../../../main/runtime/docker/logUsage.ts';
import { FakeClock } from '../../support/fakeClock.ts';

/** Helpers that find `output` wherever they look. */
function helpers(output: string, code = 0) {
  const looked: unknown[] = [];
  return { looked, run: async (...about: unknown[]) => (looked.push(about), { code, output }) };
}

it('a log counts with what was turned over, and nothing beside it', async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'skiff-log-'));
  try {
    for (const [name, bytes] of [['c-json.log', 10], ['c-json.log.1', 2000], ['config.v2.json', 700]] as const) writeFileSync(path.join(folder, name), Buffer.alloc(bytes));
    const none = helpers('');
    expect(await new LogUsage(none, new FakeClock()).bytes(path.join(folder, 'c-json.log'))).toBe(2010);
    expect(none.looked).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('a log of an engine that is elsewhere is looked at by a helper, once a minute', async () => {
  const clock = new FakeClock();
  const elsewhere = helpers('10\n2000\n');
  const usage = new LogUsage(elsewhere, clock);
  const log = '/not/on/this/machine/c/c-json.log';
  expect([await usage.bytes(log), await usage.bytes(log)]).toEqual([2010, 2010]);
  expect(elsewhere.looked).toEqual([[['/not/on/this/machine/c:/log:ro'], expect.any(String), ['c-json.log']]]);
  await clock.advance(60_000);
  await usage.bytes(log);
  expect(elsewhere.looked).toHaveLength(2);
});

it('a log that is nowhere counts nothing', async () => {
  expect(await new LogUsage(helpers('', 0), new FakeClock()).bytes('/not/there/c.log')).toBe(0);
  expect(await new LogUsage(helpers('no such directory', 1), new FakeClock()).bytes('/not/there/c.log')).toBe(0);
});
