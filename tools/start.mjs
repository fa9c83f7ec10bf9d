// `npm start`: installs what is missing, builds what is stale, opens the desktop app, or the web shell where
// Electron cannot run. Plain JavaScript without dependencies, since it runs before anything is installed.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { stale } from './build.mjs';
import { endWithShell } from './parent.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const words = process.argv.slice(2);
const tell = (line) => process.stderr.write(`${line}\n`);
const [major, minor] = process.versions.node.split('.').map(Number);

if (major < 20 || (major === 20 && minor < 19)) {
  tell(`Skiff needs Node.js 20.19 or later, this is ${process.versions.node}: get it from https://nodejs.org`);
  process.exit(1);
}

/** Installs dependencies where they are missing or of another lock file. Says whether it did. */
function install() {
  const lock = path.join(root, 'package-lock.json');
  const mark = path.join(root, 'node_modules/.skiff-lock');
  const wanted = createHash('sha256').update(fs.readFileSync(lock)).digest('hex');
  if (fs.existsSync(mark) && fs.readFileSync(mark, 'utf8') === wanted) return false;
  if (!fs.existsSync(mark) && fs.existsSync(path.join(root, 'node_modules/.package-lock.json'))) {
    // Installed by hand with npm ci: npm's own record tells whether it is this lock's.
    const stat = (file) => fs.statSync(file).mtimeMs;
    if (stat(path.join(root, 'node_modules/.package-lock.json')) >= stat(lock)) {
      fs.writeFileSync(mark, wanted);
      return false;
    }
  }
  tell('installing dependencies (once) …');
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
  if (npm.status !== 0) {
    tell('npm ci has failed: see its message above; a package registry must be reachable for the first start');
    process.exit(1);
  }
  fs.writeFileSync(mark, wanted);
  return true;
}

/** Builds what is stale, in a process of its own: what a build takes of memory would stay as long as this one. Says whether it did. */
function buildStale() {
  const names = stale();
  if (names.length === 0) return false;
  const builder = spawnSync(process.execPath, [path.join(root, 'tools/build.mjs'), ...names], { stdio: ['ignore', 2, 2] });
  if (builder.status !== 0) {
    tell('the build has failed: see its message above');
    process.exit(1);
  }
  return true;
}

/** Electron's executable, or one line on why there is none. */
function findElectron() {
  const hasDisplay = process.platform !== 'linux' || process.env.DISPLAY || process.env.WAYLAND_DISPLAY;
  if (!hasDisplay) return { missing: 'There is no display here, so Skiff opens in a browser: use the link below, or start it from a desktop session.' };
  if (process.platform === 'linux' && process.getuid?.() === 0)
    return { missing: 'Electron does not run as root with its sandbox, so Skiff opens in a browser: start it as an ordinary user for the desktop app.' };
  const folder = path.join(root, 'node_modules/electron');
  const locate = () => {
    const name = path.join(folder, 'path.txt');
    const executable = fs.existsSync(name) ? fs.readFileSync(name, 'utf8') : 'electron';
    const dist = process.env.ELECTRON_OVERRIDE_DIST_PATH ?? path.join(folder, 'dist');
    const file = path.join(dist, executable);
    return fs.existsSync(file) ? file : undefined;
  };
  const there = locate();
  if (there) return { executable: there };
  tell('fetching the Electron binary (once) …');
  const fetched = spawnSync(process.execPath, [path.join(folder, 'install.js')], { cwd: root, stdio: ['ignore', 'ignore', 'ignore'], timeout: 300_000 });
  const got = fetched.status === 0 ? locate() : undefined;
  return got
    ? { executable: got }
    : { missing: 'The Electron binary could not be fetched (it comes from github.com/electron/electron/releases), so Skiff opens in a browser; set ELECTRON_OVERRIDE_DIST_PATH to a folder that holds it for the desktop app.' };
}

/** Runs another program in our place, handing signals on, and ends as it ends. */
function become(executable, args) {
  const child = spawn(executable, args, { cwd: process.cwd(), stdio: 'inherit' });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => child.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal));
  child.on('error', (error) => {
    tell(error.message);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
}

endWithShell();

const terminal = words.some((word) => ['--headless', '--delete', '--help', '-h'].includes(word));
const worked = [install(), buildStale()].includes(true);
const headless = path.join(root, 'out/main/headless.mjs');

if (terminal && !worked) {
  process.argv.splice(1, 1, headless);
  await import(pathToFileURL(headless));
} else if (terminal) {
  // A process of its own, so that its clock does not count the installation and the build.
  become(process.execPath, [headless, ...words]);
} else {
  const electron = findElectron();
  if (electron.executable) become(electron.executable, [root, ...words]);
  else {
    tell(electron.missing);
    become(process.execPath, [headless, '--open', ...words]);
  }
}
