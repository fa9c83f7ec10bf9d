import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { _electron } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/** Electron's executable where it is installed; its download is not part of the tests. */
function electronBinary(): string | undefined {
  const folder = 'node_modules/electron';
  const name = existsSync(`${folder}/path.txt`) ? readFileSync(`${folder}/path.txt`, 'utf8') : 'electron';
  const file = path.join(process.env.ELECTRON_OVERRIDE_DIST_PATH ?? `${folder}/dist`, name);
  return existsSync(file) ? path.resolve(file) : undefined;
}

const binary = electronBinary();
if (!binary) console.log('skipped: the desktop app in Electron (its binary is not on this machine)');

describe.skipIf(!binary)('the desktop app in Electron', () => {
  let data: string;
  let app: Awaited<ReturnType<typeof _electron.launch>>;

  beforeAll(async () => {
    data = await mkdtemp(path.join(os.tmpdir(), 'skiff-electron-'));
    app = await _electron.launch({ executablePath: binary, args: ['.', '--data', data, '--name', 'electron', '--runtime', 'simulated', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])] });
  });
  afterAll(async () => {
    await app?.close();
    await rm(data, { recursive: true, force: true });
  });

  test('opens its window on a running cluster', async () => {
    const window = await app.firstWindow();
    expect(window.url()).toContain('skiff-app://window/');
    await window.waitForFunction(async () => (await globalThis.window.skiff!.state()).cluster.phase === 'running');
    const version = await window.evaluate(() => globalThis.window.skiff!.request({ method: 'GET', path: '/version' }));
    expect(JSON.parse(version.body)).toMatchObject({ major: '1', minor: expect.stringMatching(/^36/) as string });
  });
});
