// The built engine as a process of its own, and what it uses up.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parse } from 'yaml';

const root = path.resolve(import.meta.dirname, '../..');

export const newDirectory = () => fs.mkdtempSync(path.join(os.tmpdir(), 'skiff-bench-'));

/** Starts the engine and waits until it says that it is ready; throws what it said where it ends before. */
export async function startEngine({ data, runtime = 'simulated', name = 'bench', nodeOptions = [], nodes = 1 }) {
  const began = performance.now();
  const child = spawn(process.execPath, [...nodeOptions, path.join(root, 'out/main/headless.mjs'), '--headless', '--runtime', runtime, '--data', data, '--name', name, '--nodes', String(nodes), '--port', '0'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (text) => (said += text));
  let kubeconfig;
  let ready;
  await new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the engine ended with ${code}: ${said}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      kubeconfig ??= /^kubeconfig: (.*)/.exec(line)?.[1];
      ready ??= /^ready in (\d+) ms/.exec(line)?.[1];
      if (ready !== undefined) resolve();
    });
  });
  const config = parse(fs.readFileSync(kubeconfig, 'utf8'));
  const bytes = (text) => Buffer.from(text, 'base64');
  const { cluster } = config.clusters[0];
  const { user } = config.users[0];
  return {
    pid: child.pid,
    readyMs: Number(ready),
    spawnToReadyMs: performance.now() - began,
    server: cluster.server,
    ca: bytes(cluster['certificate-authority-data']),
    cert: bytes(user['client-certificate-data']),
    key: bytes(user['client-key-data']),
    async stop(signal = 'SIGTERM') {
      if (child.exitCode !== null) return;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill(signal);
      await ended;
    },
  };
}

/** User and system time of a process, milliseconds; undefined where the system does not say. */
export function cpuMs(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return undefined;
  }
}

/** Resident memory now and at its peak, MiB. */
export function memory(pid) {
  try {
    const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
    const mib = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)[1]) / 1024;
    return { rssMiB: mib('VmRSS'), peakMiB: mib('VmHWM') };
  } catch {
    return {};
  }
}

/** User and system time of these processes together, milliseconds. */
export const cpuOf = (pids) => pids.reduce((sum, pid) => sum + cpuMs(pid), 0);

/** Their resident memory together, MiB. */
export const rssOf = (pids) => pids.reduce((sum, pid) => sum + memory(pid).rssMiB, 0);
