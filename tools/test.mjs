// `npm test`: installs what the tests need, starts a Docker engine where none answers, runs every suite, cleans up.
// `npm test -- unit docker` runs the named suites only.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);
const suites = ['check', 'integration', 'docker', 'conformance', 'e2e'];
const asked = process.argv.slice(2).filter((word) => !word.startsWith('-'));
const chosen = asked.length ? asked : suites;
const cache = path.join(root, 'node_modules/.cache/skiff-tests');
const env = { ...process.env, FORCE_COLOR: process.env.CI ? '0' : (process.env.FORCE_COLOR ?? '1') };
const say = (line) => console.log(`== ${line}`);

const has = (command) => spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status === 0;
const run = (command, args, options = {}) => spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options });
function must(command, args, options) {
  const result = run(command, args, options);
  if (result.status !== 0) fail(`${command} ${args.join(' ')} has failed`);
}

const cleanups = [];
async function cleanUp() {
  while (cleanups.length) await cleanups.pop()();
}
function fail(message) {
  console.error(`npm test: ${message}`);
  void cleanUp().finally(() => process.exit(1));
  throw new Error(message);
}

const debianRoot = process.platform === 'linux' && fs.existsSync('/etc/debian_version') && process.getuid() === 0;

function installPackages() {
  const wanted = { dockerd: 'docker.io', chromium: 'chromium', nft: 'nftables', busybox: 'busybox-static', ip: 'iproute2', iptables: 'iptables' };
  const staticBusybox = () => spawnSync('sh', ['-c', 'ldd "$(command -v busybox)" 2>&1 | grep -q "not a dynamic"']).status === 0;
  const missing = Object.keys(wanted).filter((command) => !has(command) || (command === 'busybox' && !staticBusybox()));
  // An engine that answers needs no daemon of ours.
  const needed = missing.filter((command) => !(['dockerd', 'iptables'].includes(command) && dockerAnswers()));
  if (needed.length === 0) return;
  const packages = needed.map((command) => wanted[command]);
  if (!debianRoot) {
    console.error(`npm test needs ${packages.join(', ')} (Debian's names); install them and try again. As root on Debian it installs them itself.`);
    process.exit(1);
  }
  say(`installing ${packages.join(' ')}`);
  const apt = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  must('apt-get', ['update', '-qq'], apt);
  must('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], { ...apt, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** The minor version that a program tells in its JSON or plain text; 0: it does not run. */
function minorOf(file, args) {
  const out = spawnSync(file, args, { encoding: 'utf8' });
  return out.status === 0 ? Number(/"minor":\s*"(\d+)|etcd Version: \d+\.(\d+)/.exec(out.stdout)?.slice(1).find(Boolean) ?? 0) : 0;
}

/** Programs that the tests talk to, in Debian's newest packages. */
const programs = {
  kubectl: { package: 'kubectl', args: ['version', '--client', '-o', 'json'], oldest: 32 },
  etcd: { package: 'etcd-server', args: ['--version'], oldest: 5 },
};

/** Where a program of Debian's is unpacked into our own cache. */
const ownFile = (name) => path.join(cache, `${name}/usr/bin/${name}`);
const isOwn = (name) => fs.existsSync(ownFile(name)) && minorOf(ownFile(name), programs[name].args) >= programs[name].oldest;

/** Unpacks the programs that are missing into our own cache, where Debian has them. */
function fetchPrograms(names) {
  const missing = () => names.filter((name) => !isOwn(name));
  if (!debianRoot || missing().length === 0) return;
  say(`fetching ${missing().join(' and ')}`);
  const apt = path.join(cache, 'apt');
  for (const folder of ['lists/partial', 'archives/partial', 'state']) fs.mkdirSync(path.join(apt, folder), { recursive: true });
  fs.writeFileSync(path.join(apt, 'state/status'), '');
  for (const suite of ['sid', 'trixie']) {
    // A private configuration: the machine's own sources and state stay as they are.
    fs.writeFileSync(path.join(apt, 'sources.list'), `deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian ${suite} main\n`);
    fs.writeFileSync(
      path.join(apt, 'apt.conf'),
      [
        `Dir::Etc::sourcelist "${apt}/sources.list";`,
        'Dir::Etc::sourceparts "-";',
        `Dir::State "${apt}/state";`,
        `Dir::State::lists "${apt}/lists";`,
        `Dir::State::status "${apt}/state/status";`,
        `Dir::Cache "${apt}";`,
        'APT::Sandbox::User "root";',
      ].join('\n'),
    );
    const options = { cwd: apt, env: { ...process.env, APT_CONFIG: path.join(apt, 'apt.conf') }, stdio: 'ignore' };
    if (run('apt-get', ['update', '-qq'], options).status !== 0) continue;
    for (const name of missing()) {
      if (run('apt-get', ['download', programs[name].package], options).status !== 0) continue;
      const deb = fs.readdirSync(apt).find((file) => file.startsWith(`${programs[name].package}_`));
      if (deb) run('dpkg-deb', ['-x', path.join(apt, deb), path.join(cache, name)]);
    }
    if (missing().length > 0) continue;
    fs.rmSync(apt, { recursive: true, force: true });
    return;
  }
}

/** The file of a program: our own, or the one on the PATH; undefined: there is none. */
function findProgram(name) {
  if (isOwn(name)) return ownFile(name);
  return has(name) && minorOf(name, programs[name].args) > 0 ? spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim() : undefined;
}

/** A kubectl of 1.32 or later where Debian's can be had, else the one on the PATH. */
function findKubectl() {
  fetchPrograms(['kubectl']);
  const kubectl = findProgram('kubectl');
  if (kubectl) return kubectl;
  console.error('npm test needs a kubectl (1.27 or later): https://kubernetes.io/docs/tasks/tools/');
  process.exit(1);
}

/** An etcd; where none can be had, the tests of the store in it are left out. */
function findEtcd(besides) {
  if (env.SKIFF_TEST_ETCD) return;
  fetchPrograms(['etcd', ...besides]);
  const etcd = findProgram('etcd');
  if (etcd) env.SKIFF_TEST_ETCD = etcd;
  else say('without etcd, which cannot be had here: the tests of the store in it are left out');
}

/** Upstream's own samples of every kind, from Debian; where they cannot be had, the tests that read them say so. */
async function findSamples() {
  if (!debianRoot || env.SKIFF_KUBERNETES_SAMPLES) return;
  const home = path.join(cache, 'kubernetes');
  const samples = path.join(home, 'root/usr/share/gocode/src/k8s.io/api/testdata/HEAD');
  try {
    const { debianPackages, packageFolder } = await import('./facts/packages.mjs');
    const packages = path.join(home, 'apt/packages');
    if (!fs.existsSync(samples)) {
      say('fetching samples of the Kubernetes API');
      fs.mkdirSync(home, { recursive: true });
      packageFolder(undefined, home);
      const { name, version } = debianPackages[0];
      must('dpkg-deb', ['-x', path.join(packages, `${name}_${version}_all.deb`), path.join(home, 'root')]);
    }
    env.SKIFF_KUBERNETES_PACKAGES = packages;
    env.SKIFF_KUBERNETES_SAMPLES = samples;
  } catch (error) {
    say(`without the samples of the Kubernetes API: ${error.message.split('\n')[0]}`);
  }
}

function dockerAnswers(host = process.env.DOCKER_HOST) {
  const socket = host?.startsWith('unix://') ? host.slice('unix://'.length) : host ? undefined : '/var/run/docker.sock';
  if (!socket) return Boolean(host) && spawnSync('docker', ['version'], { stdio: 'ignore' }).status === 0;
  const probe = `require('node:http').get({socketPath:${JSON.stringify(socket)},path:'/_ping',timeout:3000},r=>process.exit(r.statusCode===200?0:1)).on('error',()=>process.exit(1)).on('timeout',()=>process.exit(1))`;
  return spawnSync(process.execPath, ['-e', probe]).status === 0;
}

/**
 * Starts a Docker engine with folders and, where it can be, a network namespace of its own, and stops it in the end:
 * its bridges and rules are gone with it, and the machine's own network never changes.
 */
async function startDocker() {
  if (dockerAnswers()) return;
  if (process.getuid?.() !== 0 || !has('dockerd')) fail('no Docker engine answers; start one, or set DOCKER_HOST');
  say('starting a Docker engine');
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'skiff-docker-'));
  const socket = path.join(home, 'docker.sock');
  const log = fs.openSync(path.join(home, 'log'), 'a');
  const args = ['--data-root', `${home}/data`, '--exec-root', `${home}/exec`, '-p', `${home}/pid`, '-H', `unix://${socket}`];
  const apart = spawnSync('unshare', ['--net', 'ip', 'link', 'set', 'lo', 'up'], { stdio: 'ignore' }).status === 0;
  const daemon = apart
    ? spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up && exec dockerd "$@"', 'dockerd', ...args], { stdio: ['ignore', log, log], detached: true })
    : spawn('dockerd', args, { stdio: ['ignore', log, log], detached: true });
  const ended = new Promise((resolve) => daemon.once('exit', resolve));
  cleanups.push(async () => {
    daemon.kill('SIGTERM');
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 60_000))]);
    spawnSync('sh', ['-c', `grep -o ' ${home}[^ ]*' /proc/mounts | sort -r | xargs -r umount`], { stdio: 'ignore' });
    fs.rmSync(home, { recursive: true, force: true });
  });
  for (let i = 0; i < 300; i++) {
    if (dockerAnswers(`unix://${socket}`)) {
      env.DOCKER_HOST = `unix://${socket}`;
      return;
    }
    if (daemon.exitCode !== null) break;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  fail(`dockerd did not start:\n${fs.readFileSync(path.join(home, 'log'), 'utf8').slice(-4000)}`);
}

const totals = { passed: 0, failed: 0, skipped: 0 };
/** What failed, and what passed only when its file was run again by itself: said once more at the end, where it is not overlooked. */
const failures = [];
const unsteady = [];

/**
 * Runs the projects' tests, or those of `files` only.
 * @returns the counts and failures of each file, and whether the run was well as a whole; undefined where there is no report
 */
function report(projects, files = []) {
  const out = path.join(cache, `report-${projects.join('-')}${files.length ? '-again' : ''}.json`);
  fs.rmSync(out, { force: true });
  const flags = [...projects.flatMap((name) => ['--project', name]), '--reporter=default', '--reporter=json', `--outputFile.json=${out}`];
  const { status } = run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...flags, ...files], { env });
  if (!fs.existsSync(out)) return undefined;
  const found = new Map();
  for (const { name, assertionResults: tests, status: whole, message } of JSON.parse(fs.readFileSync(out, 'utf8')).testResults) {
    const file = path.relative(root, name);
    const count = (...states) => tests.filter((test) => states.includes(test.status)).length;
    const failed = tests.filter((test) => test.status === 'failed').map((test) => ({ test: `${file} > ${test.fullName}`, why: test.failureMessages.join('\n') }));
    if (whole === 'failed' && failed.length === 0) failed.push({ test: file, why: message });
    found.set(file, { passed: count('passed'), skipped: count('pending', 'skipped', 'todo', 'disabled'), failed });
  }
  return { files: found, well: status === 0 };
}

const failuresOf = (files) => [...files.values()].flatMap(({ failed }) => failed);
/** A failure in a few lines, without the frames of the test runner itself. */
function told({ test, why }) {
  const lines = why.split('\n').filter((line) => !line.includes('/node_modules/'));
  return [test, ...lines.slice(0, 12)].join('\n    ');
}

/**
 * Runs a suite. Where a few files failed, these are run once more by themselves: a test that passes then counts as
 * passed and is named as unsteady, because that is a fault of the test or of Skiff that somebody has to find.
 */
function vitest(projects) {
  const first = report(projects);
  const final = new Map(first?.files);
  const failedAtFirst = failuresOf(final);
  let well = first?.well ?? false;
  if (failedAtFirst.length) {
    const again = [...final].filter(([, { failed }]) => failed.length).map(([file]) => file);
    const second = again.length <= 3 ? report(projects, again) : undefined;
    if (second) for (const [file, result] of second.files) final.set(file, result);
    well = second?.well ?? false;
  }
  for (const { passed, skipped } of final.values()) {
    totals.passed += passed;
    totals.skipped += skipped;
  }
  const failedAtLast = failuresOf(final);
  const stillFailed = new Set(failedAtLast.map(({ test }) => test));
  unsteady.push(...failedAtFirst.filter(({ test }) => !stillFailed.has(test)).map(told));
  failures.push(...failedAtLast.map(told));
  totals.failed += failedAtLast.length;
  if (!well && failedAtLast.length === 0) {
    totals.failed++;
    failures.push(`${projects.join(', ')}: ${first ? 'an error outside of the tests' : 'no report'}`);
  }
}

function step(name, command, args) {
  say(name);
  if (run(command, args, { env }).status === 0) return;
  totals.failed++;
  failures.push(name);
}

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => void cleanUp().finally(() => process.exit(1)));

if (!fs.existsSync('node_modules/.package-lock.json')) {
  say('installing dependencies');
  must('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
}
fs.mkdirSync(cache, { recursive: true });
try {
  await (await import('./generate.mjs')).generate();
  if (chosen.includes('check')) {
    await findSamples();
    findEtcd(chosen.some((name) => name !== 'check' && name !== 'integration') ? ['kubectl'] : []);
    step('types', process.execPath, ['node_modules/vue-tsc/bin/vue-tsc.js', '--noEmit']);
    step('lint', process.execPath, ['node_modules/eslint/bin/eslint.js', '.']);
    vitest(['unit', 'renderer']);
  }
  if (chosen.some((name) => name !== 'check' && name !== 'integration')) {
    installPackages();
    findEtcd(['kubectl']);
    env.SKIFF_TEST_KUBECTL = findKubectl();
    await startDocker();
  }
  const { build, stale } = await import('./build.mjs');
  await build(stale(), say);
  for (const suite of suites.slice(1)) {
    if (!chosen.includes(suite)) continue;
    say(suite);
    vitest([suite]);
  }
} finally {
  await cleanUp();
}
for (const text of unsteady) console.log(`passed only when run again: ${text}`);
for (const text of failures) console.log(`failed: ${text}`);
console.log(`${totals.passed} passed, ${totals.failed} failed${totals.skipped ? `, ${totals.skipped} skipped` : ''}`);
process.exit(totals.failed || !totals.passed ? 1 : 0);
