import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  RuntimeError,
  type ContainerConfig,
  type LogLine,
  type Runtime,
  type RuntimeEvent,
  type SandboxConfig,
} from '../../main/runtime/index.ts';

/** One implementation under test, with what tests need to know of it. */
export interface RuntimeUnderTest {
  runtime: Runtime;
  node: string;
  /** An image that `createContainer` knows. */
  image: string;
  /** A free pod address; undefined where addresses mean nothing. */
  nextIP(): string;
  gateway: string;
  /** What makes a container end by itself with that code. */
  endsWith(exitCode: number): Partial<ContainerConfig>;
  /** What makes a container run until it is stopped, and stop well. */
  runs: Partial<ContainerConfig>;
  dispose(): Promise<void>;
}

let pods = 0;

export function sandboxConfig(test: Pick<RuntimeUnderTest, 'node' | 'nextIP' | 'gateway'>, changes: Partial<SandboxConfig> = {}): SandboxConfig {
  const name = `pod-${++pods}`;
  return {
    name,
    namespace: 'default',
    uid: `uid-${name}-${process.pid}`,
    attempt: 0,
    node: test.node,
    hostname: name,
    ip: test.nextIP(),
    gateway: test.gateway,
    network: 'pod',
    dns: { servers: ['10.96.0.10'], searches: ['default.svc.cluster.local', 'svc.cluster.local'], options: ['ndots:5'] },
    hostAliases: [],
    sysctls: {},
    sharePID: false,
    hostPID: false,
    hostIPC: false,
    labels: { app: 'web' },
    annotations: { 'example.com/note': 'a "quoted" value' },
    ...changes,
  };
}

export function containerConfig(test: Pick<RuntimeUnderTest, 'image'>, changes: Partial<ContainerConfig> = {}): ContainerConfig {
  return {
    name: 'web',
    attempt: 0,
    image: test.image,
    command: [],
    args: [],
    env: [],
    mounts: [],
    devices: [],
    stdin: false,
    stdinOnce: false,
    tty: false,
    resources: {},
    security: {},
    labels: {},
    annotations: {},
    ...changes,
  };
}

/** Waits for events, which come when they come: never for time. */
export class Events {
  readonly seen: RuntimeEvent[] = [];
  #waiting: (() => void)[] = [];
  readonly #watch: { cancel(): void };

  constructor(runtime: Runtime) {
    this.#watch = runtime.watch(
      (event) => {
        this.seen.push(event);
        for (const wake of this.#waiting.splice(0)) wake();
      },
      () => {},
    );
  }

  async until(matches: (event: RuntimeEvent) => boolean): Promise<RuntimeEvent> {
    for (;;) {
      const found = this.seen.find(matches);
      if (found) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  stop(): void {
    this.#watch.cancel();
  }
}

export async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    expect(error).toBeInstanceOf(RuntimeError);
    return (error as RuntimeError).code;
  }
  throw new Error('it did not fail');
}

/** What every Runtime promises, whatever runs below it. */
export function runtimeContract(name: string, start: () => Promise<RuntimeUnderTest>): void {
  describe(`${name} keeps the contract of a runtime`, () => {
    let test: RuntimeUnderTest;
    let runtime: Runtime;
    let events: Events;

    beforeAll(async () => {
      test = await start();
      runtime = test.runtime;
      events = new Events(runtime);
    });
    afterAll(async () => {
      events?.stop();
      await test?.dispose();
    });

    const running = async (changes: Partial<ContainerConfig> = {}) => {
      const config = sandboxConfig(test);
      const sandbox = await runtime.runSandbox(config);
      const container = await runtime.createContainer(sandbox, containerConfig(test, { ...test.runs, ...changes }));
      await runtime.startContainer(container);
      return { config, sandbox, container };
    };

    /** Resolves when the container has written its first line: from then on it hears what it is told. */
    const said = async (id: string) => {
      const enough = new AbortController();
      await runtime.logs(id, { follow: true, signal: enough.signal }, () => enough.abort());
    };

    it('says what it runs on', async () => {
      const info = await runtime.info();
      expect(info.name).not.toBe('');
      expect(info.cpus).toBeGreaterThan(0);
      expect(info.memoryBytes).toBeGreaterThan(0);
      expect(['amd64', 'arm64']).toContain(info.architecture);
    });

    it('a sandbox is found again with all that was said of it', async () => {
      const config = sandboxConfig(test, { attempt: 3 });
      const id = await runtime.runSandbox(config);
      const [sandbox] = await runtime.listSandboxes({ podUid: config.uid });
      expect(sandbox).toMatchObject({
        id,
        name: config.name,
        namespace: 'default',
        uid: config.uid,
        attempt: 3,
        node: test.node,
        state: 'ready',
        ip: config.ip,
        labels: { app: 'web' },
        annotations: { 'example.com/note': 'a "quoted" value' },
      });
      expect((await runtime.listSandboxes({ node: test.node })).map((s) => s.id)).toContain(id);
      expect(await runtime.listSandboxes({ node: 'another' })).toEqual([]);
      await runtime.removeSandbox(id);
      expect(await runtime.listSandboxes({ podUid: config.uid })).toEqual([]);
    });

    it('containers can be created while their sandbox starts, and start when it has', async () => {
      const config = sandboxConfig(test);
      let creating: Promise<string> | undefined;
      const sandbox = await runtime.runSandbox(config, (id) => (creating = runtime.createContainer(id, containerConfig(test, test.runs))));
      const id = await creating!;
      expect(await runtime.containerStatus(id)).toMatchObject({ sandboxId: sandbox, state: 'created' });
      await runtime.startContainer(id);
      expect((await runtime.containerStatus(id)).state).toBe('running');
      await runtime.removeSandbox(sandbox);
      expect(await runtime.listContainers({ podUid: config.uid })).toEqual([]);
    });

    it('a container goes from created to running to exited', async () => {
      const config = sandboxConfig(test);
      const sandbox = await runtime.runSandbox(config);
      const id = await runtime.createContainer(
        sandbox,
        containerConfig(test, { ...test.runs, name: 'app', attempt: 2, labels: { hash: 'abc' } }),
      );
      expect(await runtime.containerStatus(id)).toMatchObject({
        id,
        sandboxId: sandbox,
        name: 'app',
        attempt: 2,
        state: 'created',
        image: test.image,
        labels: { hash: 'abc' },
      });
      await runtime.startContainer(id);
      await events.until((event) => event.type === 'started' && event.id === id);
      const started = await runtime.containerStatus(id);
      expect(started.state).toBe('running');
      expect(started.startedAt).toBeGreaterThanOrEqual(started.createdAt);
      await said(id);
      await runtime.stopContainer(id, 10);
      const [stopped] = await runtime.listContainers({ podUid: config.uid });
      expect(stopped).toMatchObject({ id, state: 'exited', exitCode: 0, reason: 'Completed' });
      expect(stopped!.finishedAt).toBeGreaterThanOrEqual(stopped!.startedAt!);
      await runtime.removeSandbox(sandbox);
    });

    it('a container that ends by itself keeps its exit code, and an event says so', async () => {
      const { sandbox, container, config } = await running({ command: [], args: [], annotations: {}, ...test.endsWith(3) });
      const event = await events.until((e) => e.type === 'exited' && e.id === container);
      expect(event).toMatchObject({ podUid: config.uid, sandboxId: sandbox });
      expect(await runtime.containerStatus(container)).toMatchObject({ state: 'exited', exitCode: 3, reason: 'Error' });
      await runtime.removeSandbox(sandbox);
    });

    it('stopping a sandbox ends its containers; stopping and removing twice is no error', async () => {
      const { sandbox, container, config } = await running();
      await runtime.stopSandbox(sandbox);
      expect((await runtime.listSandboxes({ podUid: config.uid }))[0]!.state).toBe('notReady');
      expect((await runtime.containerStatus(container)).state).toBe('exited');
      await runtime.stopSandbox(sandbox);
      await runtime.stopContainer(container, 1);
      await runtime.removeContainer(container);
      await runtime.removeContainer(container);
      await runtime.removeSandbox(sandbox);
      await runtime.removeSandbox(sandbox);
      expect(await runtime.listContainers({ podUid: config.uid })).toEqual([]);
      await events.until((event) => event.type === 'removed' && event.id === sandbox);
    });

    it('removing a sandbox takes running containers with it', async () => {
      const { sandbox, container } = await running();
      await runtime.removeSandbox(sandbox);
      expect(await codeOf(runtime.containerStatus(container))).toBe('notFound');
    });

    it('what does not exist is not found', async () => {
      const nothing = 'f'.repeat(64);
      expect(await codeOf(runtime.containerStatus(nothing))).toBe('notFound');
      expect(await codeOf(runtime.startContainer(nothing))).toBe('notFound');
      expect(await codeOf(runtime.createContainer(nothing, containerConfig(test)))).toBe('notFound');
      await runtime.stopContainer(nothing, 1);
      await runtime.removeSandbox(nothing);
    });

    it('an image that is not there cannot be run', async () => {
      const sandbox = await runtime.runSandbox(sandboxConfig(test));
      const config = containerConfig(test, { image: 'example.invalid/missing:1' });
      expect(await runtime.imageStatus(config.image)).toBeUndefined();
      expect(await codeOf(runtime.createContainer(sandbox, config))).toBe('imageNotFound');
      await runtime.removeSandbox(sandbox);
    });

    it('a pull that fails says why', async () => {
      expect(await codeOf(runtime.pullImage('example.invalid/missing:1', undefined))).toBe('pullFailed');
    });

    it('a log has lines with times, and a follower stays until the end', async () => {
      const { sandbox, container } = await running();
      const lines: LogLine[] = [];
      const followed = runtime.logs(container, { follow: true }, (line) => lines.push(line));
      await runtime.stopContainer(container, 10);
      await followed;
      expect(lines.length).toBeGreaterThan(0);
      expect(lines[0]!.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
      expect(lines[0]!.text.toString()).toMatch(/\n$/);
      const last: LogLine[] = [];
      await runtime.logs(container, { follow: false, tail: 1 }, (line) => last.push(line));
      expect(last.map((line) => line.text.toString())).toEqual([lines.at(-1)!.text.toString()]);
      await runtime.removeSandbox(sandbox);
    });

    it('a follower that leaves is let go', async () => {
      const { sandbox, container } = await running();
      const abort = new AbortController();
      const followed = runtime.logs(container, { follow: true, signal: abort.signal }, () => abort.abort());
      await followed;
      expect((await runtime.containerStatus(container)).state).toBe('running');
      await runtime.removeSandbox(sandbox);
    });

    it('a command gives output and an exit code', async () => {
      const { sandbox, container } = await running();
      const chunks: Buffer[] = [];
      const collect = () => new PassThrough().on('data', (chunk: Buffer) => chunks.push(chunk)) as PassThrough;
      const { exitCode } = await runtime.exec(container, ['ls', '/'], { stdout: collect(), stderr: collect(), tty: false });
      expect(exitCode).toBeTypeOf('number');
      expect(Buffer.concat(chunks).length).toBeGreaterThan(0);
      expect((await runtime.execSync(container, ['true'], 60_000)).exitCode).toBe(0);
      await runtime.stopContainer(container, 10);
      expect(await codeOf(runtime.execSync(container, ['true'], 60_000))).toBe('conflict');
      await runtime.removeSandbox(sandbox);
    });

    it('a running container gets other resources and goes on', async () => {
      const sandbox = await runtime.runSandbox(sandboxConfig(test));
      const id = await runtime.createContainer(sandbox, containerConfig(test, { ...test.runs, resources: { cpuShares: 20, cpuQuota: 5000, cpuPeriod: 100_000, memoryLimit: 64 * 2 ** 20 } }));
      await runtime.startContainer(id);
      const { startedAt } = await runtime.containerStatus(id);
      await runtime.updateResources(id, { cpuShares: 40, memoryLimit: 32 * 2 ** 20, oomScoreAdj: 900 });
      expect(await runtime.containerStatus(id)).toMatchObject({ state: 'running', startedAt });
      const { files, log } = await runtime.diskUsage(id);
      expect(Math.min(files, log)).toBeGreaterThanOrEqual(0);
      await runtime.removeSandbox(sandbox);
      expect(await codeOf(runtime.updateResources(id, { cpuShares: 20 }))).toBe('notFound');
      expect(await runtime.diskUsage(id)).toEqual({ files: 0, log: 0 });
    });

    it('volumes can be made and removed again and again', async () => {
      await runtime.createVolume('contract-volume', { made: 'here' });
      await runtime.createVolume('contract-volume', { made: 'here' });
      await runtime.removeVolume('contract-volume');
      await runtime.removeVolume('contract-volume');
    });
  });
}
