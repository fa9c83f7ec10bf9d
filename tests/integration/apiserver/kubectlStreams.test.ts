import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ContainerIO, KubeletApi } from '../../../main/api/kubelet.ts';
import type { KubeObject } from '../../../main/api/meta.ts';
import type { Strategy } from '../../../main/apiserver/index.ts';
import { gadgets, start, type Harness } from '../../main/apiserver/support/harness.ts';

/**
 * Several releases can be given, separated by commas: up to 1.30 kubectl speaks SPDY, since 1.31 WebSockets,
 * and all of them tunnel SPDY to forward ports.
 */
const candidates = (process.env.SKIFF_TEST_KUBECTL ?? 'kubectl').split(',');
const binaries = candidates.filter((binary) => {
  try {
    execFileSync(binary, ['version', '--client'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});

const pods: Strategy<KubeObject> = {
  ...gadgets,
  definition: { ...gadgets.definition, kind: 'Pod', resource: 'pods', singular: 'pod', listKind: 'PodList', namespaced: true },
};
const megabytes = 20;
const download = randomBytes(megabytes * 1024 * 1024);

/** Runs commands on this machine instead of in a container. */
function run([command = '', ...args]: string[], io: ContainerIO): Promise<{ exitCode: number }> {
  const child = spawn(command, args);
  if (io.stdin) io.stdin.pipe(child.stdin);
  else child.stdin.end();
  child.stdin.on('error', () => undefined);
  if (io.stdout) child.stdout.pipe(io.stdout, { end: false });
  if (io.stderr) child.stderr.pipe(io.stderr, { end: false });
  return once(child, 'close').then(([code]) => ({ exitCode: (code as number | null) ?? 137 }));
}

const kubelet: KubeletApi = {
  async containerLogs(_target, _options, out) {
    out.write('a line\n');
  },
  findContainer: () => Promise.resolve(),
  exec: (_target, command, io) => run(command, io),
  attach: async (_target, io) => void (await run(['cat'], io)),
  async portForward(_target, port) {
    if (port === 81) throw new Error('connection refused');
    const server = net.createServer((socket) => socket.once('data', () => socket.end(download))).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const connection = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
    connection.on('close', () => server.close());
    return connection;
  },
  http: () => Promise.reject(new Error('not asked for here')),
  usage: () => Promise.reject(new Error('not asked for here')),
};

let harness: Harness;
let directory: string;
beforeAll(async () => {
  harness = await start({ strategies: [pods as Strategy], kubelets: () => kubelet });
  directory = await mkdtemp(path.join(tmpdir(), 'skiff-kubectl-'));
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  await writeFile(
    path.join(directory, 'config'),
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'test',
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
      clusters: [{ name: 'test', cluster: { server: harness.url, 'certificate-authority-data': base64(harness.ca) } }],
      users: [{ name: 'test', user: { 'client-certificate-data': base64(harness.admin.certificate), 'client-key-data': base64(harness.admin.key) } }],
    }),
  );
  await harness.local.request({
    method: 'POST',
    path: '/api/v1/namespaces/default/pods',
    body: { metadata: { name: 'web' }, spec: { nodeName: 'n1', containers: [{ name: 'main', image: 'x' }] }, status: { phase: 'Running' } },
  });
});
afterAll(async () => {
  await harness.close();
  await rm(directory, { recursive: true });
});

describe.skipIf(binaries.length === 0).each(binaries)('%s', (binary) => {
  const start = (...args: string[]) => spawn(binary, ['--kubeconfig', path.join(directory, 'config'), ...args]);

  async function kubectl(args: string[], input: Buffer | string = '') {
    const child = start(...args);
    child.stdin.end(input);
    const [stdout, stderr] = [child.stdout, child.stderr].map((stream) => {
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => parts.push(part));
      return parts;
    });
    const [code] = (await once(child, 'close')) as [number];
    return { code, stdout: Buffer.concat(stdout!), stderr: Buffer.concat(stderr!).toString() };
  }

  it('reads logs', async () => {
    expect((await kubectl(['logs', 'web'])).stdout.toString()).toBe('a line\n');
  });

  it('runs a command and ends as it ended', async () => {
    const { code, stdout, stderr } = await kubectl(['exec', 'web', '--', 'sh', '-c', 'echo out; echo err >&2; exit 42']);
    expect(stdout.toString()).toBe('out\n');
    expect(stderr).toContain('err\n');
    expect(stderr).toContain('command terminated with exit code 42');
    expect(code).toBe(42);
  });

  it('sends megabytes through a command and back', async () => {
    const input = download.subarray(0, 5 * 1024 * 1024);
    const { stdout } = await kubectl(['exec', '-i', 'web', '--', 'cat'], input);
    expect(stdout.equals(input)).toBe(true);
  });

  it('attaches', async () => {
    expect((await kubectl(['attach', '-i', 'web', '-c', 'main'], 'typed\n')).stdout.toString()).toBe('typed\n');
  });

  it('copies files in both directions', async () => {
    const [from, there, back] = ['from', 'there', 'back'].map((name) => path.join(directory, name));
    await writeFile(from!, download.subarray(0, 1024 * 1024));
    expect((await kubectl(['cp', from!, `web:${there}`])).code).toBe(0);
    expect((await kubectl(['cp', `web:${there}`, back!])).code).toBe(0);
    expect((await readFile(back!)).equals(await readFile(from!))).toBe(true);
  });

  it(`forwards a port through which ${megabytes} MB come whole, and says when one cannot be reached`, async () => {
    const child = start('port-forward', 'web', ':80', ':81');
    let output = '';
    const ports = await new Promise<number[]>((resolve) => {
      child.stdout.on('data', (part: Buffer) => {
        output += part.toString();
        const found = [...output.matchAll(/127\.0\.0\.1:(\d+) -> 8\d/g)].map((match) => Number(match[1]));
        if (found.length === 2) resolve(found);
      });
    });
    const open = net.connect(ports[0]!, '127.0.0.1');
    open.write('go');
    const parts: Buffer[] = [];
    for await (const part of open) parts.push(part as Buffer);
    expect(Buffer.concat(parts).equals(download)).toBe(true);

    const closed = net.connect(ports[1]!, '127.0.0.1');
    closed.on('error', () => undefined);
    closed.write('go');
    const [complaint] = (await once(child.stderr, 'data')) as [Buffer];
    expect(complaint.toString()).toContain('error forwarding port 81 to pod web');
    child.kill();
    await once(child, 'close');
  });
});
