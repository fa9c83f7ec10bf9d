import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

/** The built engine in a process of its own, as `npm start -- --headless` runs it. */
export interface Skiff {
  kubeconfig: string;
  web: string;
  readyMs: number;
  data: string;
  process: ChildProcess;
  /** SIGTERM, and its exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** What it said on standard error. */
  errors(): string;
}

export interface SkiffOptions {
  data?: string;
  name: string;
  runtime: 'docker' | 'simulated' | 'auto';
  nodes?: number;
  extra?: string[];
  env?: NodeJS.ProcessEnv;
}

const words = (options: SkiffOptions, data: string) => ['--data', data, '--name', options.name, '--runtime', options.runtime, '--nodes', String(options.nodes ?? 1), ...(options.extra ?? [])];

/** Resolves once it is ready; rejects with what it said when it ends before. */
export async function startSkiff(options: SkiffOptions): Promise<Skiff> {
  const data = options.data ?? (await mkdtemp(path.join(os.tmpdir(), 'skiff-e2e-')));
  // What a run that was broken off has left in Docker belongs to a data directory that nobody knows any more.
  const fresh = options.data || options.runtime === 'simulated' ? [] : ['--reset'];
  const child = spawn(process.execPath, [path.join(root, 'out/main/headless.mjs'), '--headless', ...fresh, ...words(options, data)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  let output = '';
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (/^ready in \d+ ms$/m.test(output)) resolve();
    });
    void exited.then((code) => reject(new Error(`Skiff ended with ${code}:\n${output}${errors}`)));
  });
  const line = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(output)![1]!;
  return {
    kubeconfig: line('kubeconfig'),
    web: line('web'),
    readyMs: Number(/^ready in (\d+) ms$/m.exec(output)![1]),
    data,
    process: child,
    async stop() {
      child.kill('SIGTERM');
      return exited;
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    errors: () => errors,
  };
}

/** Removes the cluster from Docker and disk by Skiff's own delete, then its data. */
export async function deleteSkiff(options: SkiffOptions & { data: string }): Promise<string> {
  const { stdout } = await run(process.execPath, [path.join(root, 'out/main/headless.mjs'), '--delete', ...words(options, options.data)]);
  await rm(options.data, { recursive: true, force: true });
  return stdout;
}

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end, whatever its exit code. */
export function run(command: string, args: string[], options: { env?: NodeJS.ProcessEnv; input?: string; timeout?: number } = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(
      command,
      args,
      { env: { ...process.env, ...options.env }, maxBuffer: 64 * 2 ** 20, timeout: options.timeout ?? 90_000 },
      (error, stdout, stderr) => resolve({ code: error ? (typeof error.code === 'number' ? error.code : 1) : 0, stdout, stderr }),
    );
    if (options.input !== undefined) child.stdin!.end(options.input);
    else child.stdin!.end();
  });
}

/** kubectl against a kubeconfig, with a discovery cache of its own. */
export function kubectlFor(kubeconfig: string, binary = process.env.SKIFF_TEST_KUBECTL ?? 'kubectl') {
  return async (...args: (string | { input: string })[]): Promise<Ran> => {
    const input = args.find((arg): arg is { input: string } => typeof arg !== 'string')?.input;
    return run(binary, ['--kubeconfig', kubeconfig, '--cache-dir', `${kubeconfig}.cache`, ...args.filter((arg): arg is string => typeof arg === 'string')], { input });
  };
}
