import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../support/skiff.ts';

/** Electron's binary cannot be had everywhere; the packing of our own files can be seen with a stand-in for it. */
describe('the packaged app', () => {
  let folder: string;
  let names: string[];

  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'skiff-pack-'));
    const electron = path.join(folder, 'electron');
    for (const name of ['locales', 'resources']) await mkdir(path.join(electron, name), { recursive: true });
    for (const name of ['electron', 'chrome-sandbox', 'chrome_crashpad_handler', 'LICENSE', 'LICENSES.chromium.html', 'resources.pak', 'icudtl.dat', 'v8_context_snapshot.bin', 'locales/en-US.pak'])
      await writeFile(path.join(electron, name), fuseWire);
    await writeFile(path.join(electron, 'version'), '45.4.1');
    await chmod(path.join(electron, 'electron'), 0o755);
    const config = path.join(folder, 'config.json');
    await writeFile(
      config,
      JSON.stringify({ extends: path.resolve('electron-builder.yml'), electronDist: electron, electronVersion: '45.4.1', directories: { output: path.join(folder, 'release'), buildResources: 'images/icons' } }),
    );
    const packed = await run(process.execPath, ['node_modules/electron-builder/cli.js', '--linux', 'dir', '--config', config, '--publish', 'never'], { timeout: 170_000 });
    if (packed.code !== 0) throw new Error(`${packed.stdout}${packed.stderr}`);
    const { listPackage } = (await import('@electron/asar')) as { listPackage(file: string, options: { isPack: boolean }): string[] };
    names = listPackage(path.join(folder, 'release/linux-unpacked/resources/app.asar'), { isPack: false });
  }, 180_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('holds the bundles of the engine, the preload script and the window', () => {
    expect(names).toEqual(expect.arrayContaining(['/package.json', '/out/main/index.mjs', '/out/main/engine.mjs', '/out/preload/index.cjs', '/out/renderer/index.html', '/out/node/agent.mjs']));
    expect(names.filter((name) => /^\/out\/main\/code\/(loader|index|engine)-.*\.cjs$/.test(name))).toHaveLength(3);
  });

  test('ships no dependency, source, map or code of another V8', () => {
    expect(names.filter((name) => /node_modules|\.ts$|\.vue$|\.map$|\.code$|^\/(main|renderer|tests|tools)\//.test(name))).toEqual([]);
  });

  test('starts from the desktop entry, which exists', async () => {
    const { main } = JSON.parse(await readFile('package.json', 'utf8')) as { main: string };
    expect(names).toContain(`/${main}`);
  });

  test('has the icons and what the node image is made of beside it', async () => {
    const resources = path.join(folder, 'release/linux-unpacked/resources');
    expect((await readFile(path.join(resources, 'icons/tray.png'))).length).toBeGreaterThan(100);
    expect(await readFile(path.join(resources, 'node-image/Dockerfile'), 'utf8')).toContain('FROM');
    expect((await readFile(path.join(resources, 'node/agent.mjs'))).length).toBeGreaterThan(1000);
  });
});

/** What @electron/fuses looks for in the binary: the sentinel, version 1, nine fuses. */
const fuseWire = Buffer.concat([Buffer.from('dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX'), Buffer.from([1, 9]), Buffer.from('010011011')]);
