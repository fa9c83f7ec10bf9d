// npm run bench [-- PART … --n N --c C --times N]: measures the built engine and prints one JSON line a figure.
// Parts: store, etcd, rules, start, idle, api, pods, network, reference, schedule; all of them by default. Nothing here asserts a time.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'vite';
import { measureApi } from './api.mjs';
import { withEtcd } from './etcd.mjs';
import { newDirectory, startEngine } from './engine.mjs';
import { measureNetwork } from './network.mjs';
import { measurePods } from './pods.mjs';
import { measureAgainstReference } from './reference.mjs';
import { report } from './report.mjs';
import { measureSchedule } from './schedule.mjs';
import { measureIdle, measureStart } from './startUp.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    n: { type: 'string', default: '2000' },
    c: { type: 'string', default: '32' },
    times: { type: 'string', default: '10' },
    objects: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '20' },
    /** Profile the engine of the api and schedule parts into this folder. */
    profile: { type: 'string' },
  },
});
const [n, c, times, objects, seconds] = [values.n, values.c, values.times, values.objects, values.seconds].map(Number);
const nodeOptions = values.profile ? ['--cpu-prof', `--cpu-prof-dir=${values.profile}`] : [];
const wanted = (part) => positionals.length === 0 || positionals.includes(part);

/** Bundles a part that is TypeScript and runs it. */
async function measureAlone(part, run) {
  const out = newDirectory();
  try {
    await build({
      configFile: false,
      root,
      logLevel: 'error',
      ssr: { noExternal: true },
      build: { ssr: path.join(import.meta.dirname, `${part}.ts`), outDir: out, minify: false, rolldownOptions: { output: { entryFileNames: `${part}.mjs` } } },
    });
    await run(await import(pathToFileURL(path.join(out, `${part}.mjs`)).href));
  } finally {
    fs.rmSync(out, { recursive: true, force: true });
  }
}

report({ op: 'machine', node: process.version, cpu: os.cpus()[0].model, cores: os.cpus().length, memoryGiB: os.totalmem() / 2 ** 30, load: os.loadavg()[0] });
if (wanted('store')) await measureAlone('store', ({ measureStore }) => measureStore(report, { n }));
if (wanted('etcd')) await measureAlone('store', ({ measureEtcd }) => withEtcd((etcd) => measureEtcd(report, { n, ...etcd })));
if (wanted('rules')) await measureAlone('rules', ({ measureRules }) => measureRules(report));
if (['start', 'idle', 'api', 'pods', 'network', 'reference', 'schedule'].some(wanted)) execFileSync(process.execPath, [path.join(root, 'tools/build.mjs'), 'node', 'agent'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
if (wanted('start')) await measureStart({ times, objects });
if (wanted('idle')) await measureIdle({ seconds });
if (wanted('api')) {
  const data = newDirectory();
  const engine = await startEngine({ data, nodeOptions });
  try {
    await measureApi(engine, { n, c });
  } finally {
    await engine.stop();
    fs.rmSync(data, { recursive: true, force: true });
  }
}
if (wanted('pods')) await measurePods({ times });
if (wanted('network')) await measureNetwork({ n, c });
if (wanted('reference')) await measureAgainstReference({ n, c });
if (wanted('schedule')) await measureSchedule({ n, nodeOptions });
