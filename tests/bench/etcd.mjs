// An etcd on loopback, out of the program that ETCD names.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { cpuMs, newDirectory } from './engine.mjs';
import { freePorts } from './kubernetes.mjs';
import { report } from './report.mjs';

/** Calls `work` with the URL of an etcd and what tells its processor time; says so where there is none. */
export async function withEtcd(work) {
  if (!process.env.ETCD) return report({ op: 'etcd', skipped: 'ETCD names no program' });
  const folder = newDirectory();
  const [client, peer] = (await freePorts(2)).map((port) => `http://127.0.0.1:${port}`);
  const child = spawn(
    process.env.ETCD,
    ['--data-dir', folder, '--listen-client-urls', client, '--advertise-client-urls', client, '--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`, '--log-level', 'error'],
    { stdio: 'ignore' },
  );
  try {
    for (let i = 0; i < 300 && !(await fetch(`${client}/health`).then(({ ok }) => ok, () => false)); i++) await new Promise((resolve) => setTimeout(resolve, 100));
    await work({ url: client, beside: () => cpuMs(child.pid) });
  } finally {
    child.kill('SIGKILL');
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
