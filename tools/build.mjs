// Builds what is stale: `node tools/build.mjs [--force] [node|agent|preload|renderer …]`.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** What each bundle is made of; a change of name, size or time below one of these makes it stale. */
export const bundles = {
  node: { sources: ['main', 'preload', 'vite.node.config.ts'], config: 'vite.node.config.ts', mode: 'production', out: 'out/main' },
  agent: { sources: ['main/node', 'main/proxy', 'main/networkPolicy', 'main/dns', 'main/util', 'main/api', 'vite.node.config.ts'], config: 'vite.node.config.ts', mode: 'agent', out: 'out/node' },
  preload: { sources: ['preload', 'vite.preload.config.ts'], config: 'vite.preload.config.ts', mode: 'production', out: 'out/preload' },
  renderer: { sources: ['renderer', 'preload', 'main/api', 'vite.renderer.config.ts'], config: 'vite.renderer.config.ts', mode: 'production', out: 'out/renderer' },
};

function* files(entry) {
  const stat = fs.statSync(entry, { throwIfNoEntry: false });
  if (!stat) return;
  if (!stat.isDirectory()) yield `${path.relative(root, entry)} ${stat.size} ${stat.mtimeMs}`;
  else for (const name of fs.readdirSync(entry).sort()) yield* files(path.join(entry, name));
}

function fingerprint(bundle) {
  const hash = createHash('sha256');
  for (const source of [...bundle.sources, 'package-lock.json', 'tools/build.mjs'])
    for (const line of files(path.join(root, source))) hash.update(line + '\n');
  return hash.digest('hex');
}

const stampOf = (name) => path.join(root, 'out', `.${name}.stamp`);

/** The bundles whose sources have changed since they were made. */
export function stale(names = Object.keys(bundles)) {
  return names.filter((name) => {
    const stamp = fs.existsSync(stampOf(name)) ? fs.readFileSync(stampOf(name), 'utf8') : '';
    return !fs.existsSync(path.join(root, bundles[name].out)) || stamp !== fingerprint(bundles[name]);
  });
}

/** Builds the named bundles, one after the other; says each in a line. */
export async function build(names, say = console.error) {
  const { generate } = await import('./generate.mjs');
  await generate();
  const vite = await import('vite');
  for (const name of names) {
    const bundle = bundles[name];
    say(`building ${name} …`);
    const before = fingerprint(bundle);
    await vite.build({ root: name === 'renderer' ? undefined : root, configFile: path.join(root, bundle.config), mode: bundle.mode, logLevel: 'warn' });
    if (name === 'node') await compile();
    fs.writeFileSync(stampOf(name), before);
  }
}

/**
 * Runs a whole start once, on nodes that are only simulated: it leaves what V8 compiled beside the bundles, so that the
 * user's first start need not compile it (main/loader.ts). A failure costs only that.
 */
async function compile() {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'skiff-build-'));
  const engine = spawn(process.execPath, [path.join(root, 'out/main/headless.mjs'), '--headless', '--runtime', 'simulated', '--name', 'build', '--data', data], { stdio: ['ignore', 'pipe', 'ignore'] });
  const timer = setTimeout(() => engine.kill('SIGKILL'), 60_000);
  let said = '';
  engine.stdout.on('data', (text) => {
    said += text;
    if (said.includes('ready in')) engine.kill('SIGTERM');
  });
  await new Promise((resolve) => engine.once('close', resolve).once('error', resolve));
  clearTimeout(timer);
  fs.rmSync(data, { recursive: true, force: true });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.chdir(root);
  const words = process.argv.slice(2);
  const named = words.filter((word) => !word.startsWith('--'));
  const names = named.length ? named : Object.keys(bundles);
  await build(words.includes('--force') ? names : stale(names));
}
