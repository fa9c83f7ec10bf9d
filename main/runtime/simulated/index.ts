/**
 * The runtime without an engine: sandboxes and containers go through their lives by rule and clock, nothing runs.
 * It serves tests, clusters of thousands of nodes and machines without Docker. Everything that a user can see of it
 * says that it is simulated.
 */
import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../util/clock.ts';
import type { Random } from '../../util/random.ts';
import {
  RuntimeError,
  type Container,
  type ContainerConfig,
  type ContainerResources,
  type ContainerStats,
  type DiskUsage,
  type VolumeUsage,
  type ExecIO,
  type Image,
  type LogLine,
  type LogOptions,
  type PullProgress,
  type RegistryAuth,
  type Runtime,
  type RuntimeEvent,
  type RuntimeInfo,
  type Sandbox,
  type SandboxConfig,
} from '../index.ts';
import { exitAnnotation, planOf, type ExitPlan } from './plan.ts';
import { noticeLines } from './notices.ts';

export { exitAnnotation };
export { completesAnnotation } from './plan.ts';

export interface SimulatedRuntimeOptions {
  clock: Clock;
  random: Random;
  /** How long a container takes to start, and an image to be pulled. Milliseconds; default 50. */
  startDelayMs?: number;
  /** What the machine seems to have; default 8 CPUs and 16 GiB. */
  cpus?: number;
  memoryBytes?: number;
  /** Images that cannot be pulled: for each the registry's answer. */
  missingImages?: Record<string, string>;
}

export function createSimulatedRuntime(options: SimulatedRuntimeOptions): Runtime {
  return new SimulatedRuntime(options);
}

interface SimulatedSandbox {
  sandbox: Sandbox;
  containers: Set<SimulatedContainer>;
}

/** No more of a container is kept than its life needs: ten thousand pods must fit. */
interface SimulatedContainer {
  container: Container;
  owner: SimulatedSandbox;
  plan: ExitPlan | undefined;
  timer: { cancel(): void } | undefined;
  /** Those who wait for its end: followers of its log, attached clients. */
  waiters: Set<() => void> | undefined;
}

class SimulatedRuntime implements Runtime {
  readonly #clock: Clock;
  readonly #sandboxes = new Map<string, SimulatedSandbox>();
  readonly #byPod = new Map<string, Set<SimulatedSandbox>>();
  readonly #containers = new Map<string, SimulatedContainer>();
  readonly #images = new Map<string, Image>();
  readonly #watchers = new Set<(event: RuntimeEvent) => void>();

  constructor(private readonly options: SimulatedRuntimeOptions) {
    this.#clock = options.clock;
  }

  async info(): Promise<RuntimeInfo> {
    return {
      name: 'simulated',
      version: '1.0',
      os: 'linux',
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      kernelVersion: 'simulated',
      osImage: 'Skiff (simulated)',
      cpus: this.options.cpus ?? 8,
      memoryBytes: this.options.memoryBytes ?? 16 * 2 ** 30,
    };
  }

  async runSandbox(config: SandboxConfig, onCreated?: (id: string) => void): Promise<string> {
    await this.#delay();
    const id = this.#id();
    const { name, namespace, uid, attempt, node } = config;
    const entry: SimulatedSandbox = {
      sandbox: {
        id,
        name,
        namespace,
        uid,
        attempt,
        node,
        state: 'ready',
        ...(config.ip ? { ip: config.ip } : {}),
        createdAt: this.#clock.now(),
        labels: config.labels,
        annotations: config.annotations,
      },
      containers: new Set(),
    };
    this.#sandboxes.set(id, entry);
    let ofPod = this.#byPod.get(uid);
    if (!ofPod) this.#byPod.set(uid, (ofPod = new Set()));
    ofPod.add(entry);
    this.#tell('created', entry);
    onCreated?.(id);
    this.#tell('started', entry);
    return id;
  }

  async stopSandbox(id: string): Promise<void> {
    const entry = this.#sandboxes.get(id);
    if (!entry) return;
    for (const container of entry.containers) this.#exit(container, 137, 'Error');
    if (entry.sandbox.state === 'notReady') return;
    entry.sandbox.state = 'notReady';
    this.#tell('exited', entry);
  }

  async removeSandbox(id: string): Promise<void> {
    const entry = this.#sandboxes.get(id);
    if (!entry) return;
    await this.stopSandbox(id);
    for (const container of entry.containers) await this.removeContainer(container.container.id);
    this.#sandboxes.delete(id);
    const ofPod = this.#byPod.get(entry.sandbox.uid);
    ofPod?.delete(entry);
    if (ofPod?.size === 0) this.#byPod.delete(entry.sandbox.uid);
    this.#tell('removed', entry);
  }

  async listSandboxes(filter: { node?: string; podUid?: string } = {}): Promise<Sandbox[]> {
    return [...this.#find(filter)].map((entry) => ({ ...entry.sandbox }));
  }

  async createContainer(sandboxId: string, config: ContainerConfig): Promise<string> {
    const owner = this.#sandboxes.get(sandboxId);
    if (!owner) throw new RuntimeError('notFound', `No such container: ${sandboxId}`);
    // As Docker takes it: without a tag the latest is meant.
    const image = this.#images.get(config.image) ?? this.#images.get(`${config.image}:latest`);
    if (!image) throw new RuntimeError('imageNotFound', `No such image: ${config.image}`);
    for (const { container } of owner.containers)
      if (container.name === config.name && container.attempt === config.attempt)
        throw new RuntimeError('conflict', `Conflict. The container name "${config.name}" attempt ${config.attempt} is already in use`);
    const entry: SimulatedContainer = {
      container: {
        id: this.#id(),
        sandboxId,
        name: config.name,
        attempt: config.attempt,
        state: 'created',
        image: config.image,
        imageId: image.id,
        createdAt: this.#clock.now(),
        labels: config.labels,
        annotations: config.annotations,
      },
      owner,
      plan: planOf(config.annotations),
      timer: undefined,
      waiters: undefined,
    };
    owner.containers.add(entry);
    this.#containers.set(entry.container.id, entry);
    this.#tell('created', owner, entry);
    return entry.container.id;
  }

  async missingPrivileges(): Promise<string[]> {
    return [];
  }

  async startContainer(id: string): Promise<void> {
    const entry = this.#get(id);
    if (entry.container.state !== 'created') return;
    await this.#delay();
    if (entry.owner.sandbox.state !== 'ready')
      throw new RuntimeError('conflict', `cannot join network of a non running container: ${entry.owner.sandbox.id}`);
    if (!this.#containers.has(id) || entry.container.state !== 'created') return;
    entry.container.state = 'running';
    entry.container.startedAt = this.#clock.now();
    if (entry.plan) {
      const { exitCode, afterMs } = entry.plan;
      entry.timer = this.#clock.setTimer(afterMs, () => this.#exit(entry, exitCode, exitCode === 0 ? 'Completed' : 'Error'));
    }
    this.#tell('started', entry.owner, entry);
  }

  async stopContainer(id: string, _graceSeconds: number): Promise<void> {
    const entry = this.#containers.get(id);
    // Nothing runs that could linger: it ends as a process does that handles SIGTERM well.
    if (entry) this.#exit(entry, 0, 'Completed');
  }

  async removeContainer(id: string): Promise<void> {
    const entry = this.#containers.get(id);
    if (!entry) return;
    this.#exit(entry, 137, 'Error');
    this.#containers.delete(id);
    entry.owner.containers.delete(entry);
    this.#tell('removed', entry.owner, entry);
  }

  async listContainers(filter: { node?: string; sandboxId?: string; podUid?: string } = {}): Promise<Container[]> {
    const found: Container[] = [];
    for (const entry of this.#find(filter)) {
      if (filter.sandboxId && entry.sandbox.id !== filter.sandboxId) continue;
      for (const { container } of entry.containers) found.push({ ...container });
    }
    return found;
  }

  async containerStatus(id: string): Promise<Container> {
    return { ...this.#get(id).container };
  }

  async updateResources(id: string, _resources: ContainerResources): Promise<void> {
    this.#get(id);
  }

  async updateSandboxResources(): Promise<void> {}

  async volumeUsage(): Promise<Map<string, VolumeUsage>> {
    return new Map();
  }

  async stats(ids: string[]): Promise<ContainerStats[]> {
    const running = ids.filter((id) => this.#containers.get(id)?.container.state === 'running');
    // Nothing runs, so nothing is used.
    return running.map((id) => ({ id, timestamp: this.#clock.now(), cpuNanoseconds: 0, memoryWorkingSetBytes: 0, memoryUsageBytes: 0 }));
  }

  async diskUsage(): Promise<DiskUsage> {
    return { files: 0, log: 0 };
  }

  async exec(id: string, command: string[], io: ExecIO): Promise<{ exitCode: number }> {
    const { container } = this.#running(id);
    const text = `The container "${container.name}" is simulated: no process runs in it, ${JSON.stringify(command.join(' '))} was not run.\n`;
    const out = io.tty ? io.stdout : (io.stderr ?? io.stdout);
    out?.write(io.tty ? text.replaceAll('\n', '\r\n') : text);
    return { exitCode: 126 };
  }

  /** Succeeds by rule: probes and hooks of simulated containers are well. */
  async execSync(id: string, _command: string[], _timeoutMs: number): Promise<{ exitCode: number; output: Buffer }> {
    this.#running(id);
    return { exitCode: 0, output: Buffer.from('simulated\n') };
  }

  async attach(id: string, io: ExecIO): Promise<void> {
    const entry = this.#running(id);
    io.stdout?.write(`The container "${entry.container.name}" is simulated: no process runs in it.${io.tty ? '\r' : ''}\n`);
    await this.#ended(entry, io.signal);
  }

  async portForward(sandboxId: string, port: number): Promise<Duplex> {
    const entry = this.#sandboxes.get(sandboxId);
    if (!entry) throw new RuntimeError('notFound', `No such container: ${sandboxId}`);
    throw new RuntimeError('other', `the pod "${entry.sandbox.name}" is simulated: nothing listens on port ${port}`);
  }

  async logs(id: string, options: LogOptions, onLine: (line: LogLine) => unknown): Promise<void> {
    const entry = this.#get(id);
    const since = options.since ? Date.parse(options.since) : -Infinity;
    const lines = noticeLines(entry.container).filter((line) => Date.parse(line.timestamp) >= since);
    const shown = options.tail === undefined ? lines : lines.slice(Math.max(0, lines.length - options.tail));
    for (const line of shown) await onLine(line);
    if (!options.follow) return;
    await this.#ended(entry, options.signal);
    if (options.signal?.aborted) return;
    for (const line of noticeLines(entry.container).slice(lines.length)) await onLine(line);
  }

  async readFile(id: string, _path: string, _maxBytes: number): Promise<Buffer | undefined> {
    this.#get(id);
    return undefined;
  }

  async imageStatus(image: string): Promise<Image | undefined> {
    return this.#images.get(image);
  }

  async pullImage(image: string, _auth: RegistryAuth | undefined, onProgress?: (progress: PullProgress) => void): Promise<string> {
    await this.#delay();
    const missing = this.options.missingImages?.[image];
    if (missing !== undefined) throw new RuntimeError('pullFailed', missing);
    onProgress?.({ current: 0, total: 0, status: 'simulated: nothing is pulled' });
    const id = `sha256:${createHash('sha256').update(image).digest('hex')}`;
    const status: Image = { id, tags: [image], digests: [], sizeBytes: 0, uid: 0, volumes: [] };
    this.#images.set(image, status);
    this.#images.set(id, status);
    return id;
  }

  async listImages(): Promise<Image[]> {
    return [...new Set(this.#images.values())];
  }

  async removeImage(image: string): Promise<void> {
    const found = this.#images.get(image);
    if (!found) return;
    for (const [key, value] of this.#images) if (value === found) this.#images.delete(key);
  }

  async createVolume(): Promise<void> {}

  async removeVolume(): Promise<void> {}

  async removePodVolumes(): Promise<void> {}

  async podsWithVolumes(): Promise<string[]> {
    return [];
  }

  async hasVolume(): Promise<boolean> {
    return true;
  }

  async copyVolume(): Promise<void> {}

  async volumeSubPath(_name: string, path: string): Promise<string> {
    return path;
  }

  async setVolumeGroup(): Promise<void> {}

  watch(onEvent: (event: RuntimeEvent) => void, onGap: () => void): { cancel(): void } {
    this.#watchers.add(onEvent);
    // As an engine's stream once it is open: what was before it has to be listed.
    queueMicrotask(() => this.#watchers.has(onEvent) && onGap());
    return { cancel: () => this.#watchers.delete(onEvent) };
  }

  #delay(): Promise<void> {
    const ms = this.options.startDelayMs ?? 50;
    return ms > 0 ? this.#clock.sleep(ms) : Promise.resolve();
  }

  #id(): string {
    return (this.options.random.uuid() + this.options.random.uuid()).replaceAll('-', '');
  }

  #get(id: string): SimulatedContainer {
    const entry = this.#containers.get(id);
    if (!entry) throw new RuntimeError('notFound', `No such container: ${id}`);
    return entry;
  }

  #running(id: string): SimulatedContainer {
    const entry = this.#get(id);
    if (entry.container.state !== 'running') throw new RuntimeError('conflict', `Container ${id} is not running`);
    return entry;
  }

  *#find(filter: { node?: string; podUid?: string }): Iterable<SimulatedSandbox> {
    const candidates = filter.podUid ? (this.#byPod.get(filter.podUid) ?? []) : this.#sandboxes.values();
    for (const entry of candidates) if (!filter.node || entry.sandbox.node === filter.node) yield entry;
  }

  #exit(entry: SimulatedContainer, exitCode: number, reason: string): void {
    const { container } = entry;
    if (container.state === 'exited') return;
    const ran = container.state === 'running';
    entry.timer?.cancel();
    entry.timer = undefined;
    if (!ran) return;
    container.state = 'exited';
    container.finishedAt = this.#clock.now();
    container.exitCode = exitCode;
    container.reason = reason;
    for (const wake of entry.waiters ?? []) wake();
    entry.waiters = undefined;
    this.#tell('exited', entry.owner, entry);
  }

  #ended(entry: SimulatedContainer, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted || entry.container.state === 'exited') return resolve();
      const wake = () => {
        signal?.removeEventListener('abort', wake);
        entry.waiters?.delete(wake);
        resolve();
      };
      (entry.waiters ??= new Set()).add(wake);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  #tell(type: RuntimeEvent['type'], owner: SimulatedSandbox, entry?: SimulatedContainer): void {
    const { id, uid } = owner.sandbox;
    const event: RuntimeEvent = { type, id: entry?.container.id ?? id, sandboxId: id, podUid: uid };
    queueMicrotask(() => {
      for (const onEvent of this.#watchers) onEvent(event);
    });
  }
}
