import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

/** The etcd that `npm test` has found, or the machine's own; undefined: there is none. */
export const etcdProgram: string | undefined = [process.env.SKIFF_TEST_ETCD, 'etcd'].find((file) => file && spawnSync(file, ['--version'], { stdio: 'ignore' }).status === 0);

if (!etcdProgram) process.stderr.write('There is no etcd here (SKIFF_TEST_ETCD or on the PATH): the tests of the store in etcd are left out.\n');

/** TLS as etcd's options name the files. */
export interface EtcdTls {
  ca: string;
  cert: string;
  key: string;
}

/** An etcd of one member for a test. */
export class TestEtcd {
  readonly directory = fs.mkdtempSync(path.join(os.tmpdir(), 'skiff-etcd-'));
  #child: ChildProcess | undefined;
  #exited: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly url: string,
    private readonly peer: string,
    private readonly flags: readonly string[],
  ) {}

  /** Starts one and waits until it serves. */
  static async start(flags: readonly string[] = [], tls?: EtcdTls): Promise<TestEtcd> {
    const [client, peer] = await freePorts(2);
    const scheme = tls ? 'https' : 'http';
    const secured = tls ? ['--cert-file', tls.cert, '--key-file', tls.key, '--trusted-ca-file', tls.ca, '--client-cert-auth'] : [];
    const etcd = new TestEtcd(`${scheme}://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`, [...secured, ...flags]);
    await etcd.run();
    return etcd;
  }

  /** Runs it (again) on its data. */
  async run(): Promise<void> {
    const { url, peer } = this;
    const child = spawn(
      etcdProgram!,
      [
        '--name', 'test', '--data-dir', path.join(this.directory, 'data'), '--log-level', 'info', '--logger', 'zap',
        '--listen-client-urls', url, '--advertise-client-urls', url, '--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `test=${peer}`,
        ...this.flags,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#child = child;
    this.#exited = new Promise((resolve) => child.once('exit', resolve));
    await new Promise<void>((resolve, reject) => {
      const said: string[] = [];
      createInterface({ input: child.stderr }).on('line', (line) => {
        said.push(line);
        if (/ready to serve client requests|serving (insecure )?client (requests|traffic)/.test(line)) resolve();
      });
      child.once('exit', () => reject(new Error(`etcd has ended:\n${said.slice(-5).join('\n')}`)));
    });
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#child?.kill(signal);
    await this.#exited;
  }

  /** Stops the process where it is, or lets it go on. */
  pause(paused: boolean): void {
    this.#child?.kill(paused ? 'SIGSTOP' : 'SIGCONT');
  }

  async dispose(): Promise<void> {
    await this.kill();
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<net.Server>((resolve, reject) => {
          const server = net.createServer();
          server.once('error', reject);
          server.listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => (server.address() as net.AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
