/**
 * The runtime on Docker's Engine API (Docker, Podman, Colima, …). Mirrors what Kubernetes' former Docker integration
 * (dockershim) did: a sandbox is a container that sleeps, the pod's containers join its namespaces, and everything
 * that must be found again after a restart is in labels.
 */
import Docker from 'dockerode';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../util/clock.ts';
import type { Logger } from '../../util/log.ts';
import {
  RuntimeError,
  type Container,
  type ContainerConfig,
  type ContainerResources,
  type ContainerStats,
  type ExecIO,
  type Image,
  type LogLine,
  type LogOptions,
  type Mount,
  type PullProgress,
  type RegistryAuth,
  type Runtime,
  type RuntimeEvent,
  type RuntimeInfo,
  type Sandbox,
  type SandboxConfig,
  type VolumeOptions,
  type VolumeOwnership,
  type DiskUsage,
  type VolumeUsage,
} from '../index.ts';
import { engineUser, ImageAccounts, resolveUser, type EngineUser } from './accounts.ts';
import { CommandTimer } from './commandTimer.ts';
import { containerOptions, endingOf, notStarted, resourceOptions, toContainer, type ContainerEnding, type ListedContainer } from './containers.ts';
import { Engine } from './engine.ts';
import { engineCall, runtimeError, statusOf, tolerate } from './errors.ts';
import { EventStream } from './events.ts';
import { readFile } from './files.ts';
import { Helpers } from './helpers.ts';
import { ImageVolumes, type ImageSource } from './imageVolumes.ts';
import { label, sandboxLabels, type Labels } from './labels.ts';
import { imageStatus, listImages, pullImage } from './localImages.ts';
import { readLogs } from './logs.ts';
import { LogUsage } from './logUsage.ts';
import { engineMounts } from './mounts.ts';
import { cgroupLabels, PodCgroups } from './podCgroups.ts';
import { portForward } from './portForward.ts';
import { Privileges, wantsEverything } from './privileges.ts';
import { sandboxOptions, startSandbox, toSandbox } from './sandboxes.ts';
import { statsOf } from './stats.ts';
import { attach, exec, execSync } from './streams.ts';
import { EngineVolumes } from './volumes.ts';

export interface DockerRuntimeOptions {
  /** How to reach the engine, as dockerode takes it. */
  connection: Docker.DockerOptions;
  cluster: string;
  /** The image of sandboxes: it holds `sh`, `ip`, `sleep`, and Node.js or `nc`. */
  sandboxImage: string;
  /** The cluster's network; default `skiff-<cluster>`. */
  network?: string;
  /** The container, and the volume, of a node; default `skiff-<cluster>-<node>`. */
  nodeContainer?(node: string): string;
  clock: Clock;
  log: Logger;
}

/** Seconds: what is more the engine takes for something else. */
const longestGrace = 2 ** 31 - 1;

export function createDockerRuntime(options: DockerRuntimeOptions): Runtime {
  return new DockerRuntime(options);
}

class DockerRuntime implements Runtime {
  readonly #docker: Docker;
  readonly #engine: Engine;
  readonly #helpers: Helpers;
  readonly #volumes: EngineVolumes;
  readonly #imageVolumes: ImageVolumes;
  readonly #podCgroups: PodCgroups;
  readonly #logUsage: LogUsage;
  readonly #cluster: string;
  readonly #network: string;
  readonly #nodeContainer: (node: string) => string;
  readonly #clock: Clock;
  readonly #log: Logger;
  /** Labels of sandboxes and of containers by id: they never change. */
  readonly #labels = new Map<string, Labels>();
  /** How containers began and ended, by id; holds as long as the state is the same and no event said otherwise. */
  readonly #endings = new Map<string, { state: string; ending: ContainerEnding }>();
  /** What was stopped from here, by id: newer engines (Docker 28) answer before their own list knows of it. */
  readonly #stopped = new Set<string>();
  readonly #watchers = new Set<{ onEvent(event: RuntimeEvent): void; onGap(): void }>();
  #events: EventStream | undefined;
  readonly #privileges: Privileges;
  readonly #accounts: ImageAccounts;

  constructor(private readonly options: DockerRuntimeOptions) {
    this.#docker = new Docker(options.connection);
    this.#engine = new Engine(this.#docker);
    this.#cluster = options.cluster;
    const helpers = {
      docker: this.#docker,
      cluster: options.cluster,
      image: options.sandboxImage,
      log: options.log,
      create: (container: Docker.ContainerCreateOptions) => this.#create(container, undefined),
      remove: (id: string) => this.#remove(id),
    };
    this.#helpers = new Helpers(helpers);
    this.#logUsage = new LogUsage(this.#helpers, options.clock);
    this.#volumes = new EngineVolumes(helpers, this.#helpers, this.#engine);
    this.#podCgroups = new PodCgroups(this.#engine, this.#helpers, options.cluster);
    this.#imageVolumes = new ImageVolumes({ docker: this.#docker, cluster: options.cluster, volumes: this.#volumes, helpers: this.#helpers });
    this.#privileges = new Privileges(helpers);
    this.#accounts = new ImageAccounts(helpers);
    this.#network = options.network ?? `skiff-${options.cluster}`;
    this.#nodeContainer = options.nodeContainer ?? ((node) => `skiff-${options.cluster}-${node}`);
    this.#clock = options.clock;
    this.#log = options.log;
  }

  info(): Promise<RuntimeInfo> {
    return this.#engine.info();
  }

  async runSandbox(config: SandboxConfig, onCreated?: (id: string) => void): Promise<string> {
    const settings = {
      cluster: this.#cluster,
      image: this.options.sandboxImage,
      network: this.#network,
      nodeContainer: this.#nodeContainer,
    };
    const labels = { ...sandboxLabels(this.#cluster, config), ...cgroupLabels(config.ownCgroup ? await this.#podCgroups.parentOf(config) : undefined) };
    const id = await this.#create(sandboxOptions(settings, config, labels), config.uid);
    this.#labels.set(id, labels);
    onCreated?.(id);
    try {
      await startSandbox(this.#docker.getContainer(id), this.#clock);
    } catch (error) {
      await this.removeSandbox(id).catch((removal: unknown) => this.#log.warn('a sandbox that failed could not be removed', { id, error: String(removal) }));
      throw error;
    }
    return id;
  }

  async stopSandbox(id: string): Promise<void> {
    const containers = await this.#list({ [label.sandbox]: id });
    await Promise.all(containers.filter((container) => container.State === 'running').map((container) => this.#kill(container.Id)));
    await this.#kill(id);
  }

  async removeSandbox(id: string): Promise<void> {
    const containers = await this.#list({ [label.sandbox]: id });
    const labels = await this.#labelsOf(id).catch((error: unknown): Labels => {
      if (error instanceof RuntimeError && error.code === 'notFound') return {};
      throw error;
    });
    await Promise.all(containers.map((container) => this.#remove(container.Id)));
    if (labels[label.cgroup]) await this.#removeCgroup(id, labels);
    await this.#remove(id);
  }

  async listSandboxes(filter: { node?: string; podUid?: string } = {}): Promise<Sandbox[]> {
    const found = await this.#list({ [label.kind]: 'sandbox', ...this.#filter(filter) });
    return found.map(toSandbox);
  }

  /** As long as the sandbox is there it tells of its group, which goes when nothing runs in it. */
  async #removeCgroup(id: string, labels: Labels): Promise<void> {
    await this.#kill(id);
    await this.#podCgroups.remove(labels).catch((error: unknown) => {
      if (error instanceof RuntimeError && error.code === 'unavailable') throw error;
      this.#log.warn('the control group of a pod could not be removed', { id, error: String(error) });
    });
  }

  async updateSandboxResources(id: string, resources: ContainerResources): Promise<void> {
    await this.#podCgroups.limit(await this.#labelsOf(id), resources);
  }

  async createContainer(sandboxId: string, config: ContainerConfig): Promise<string> {
    const labels = this.#labelsOf(sandboxId);
    const [sandbox, mounts, lowersScores, grant, user] = await Promise.all([
      labels,
      labels.then((sandbox) => engineMounts(this.#engine, { nodeVolume: this.#nodeContainer, imageVolume: (image) => this.#imageVolume(image, sandbox) }, config.mounts)),
      (config.resources.oomScoreAdj ?? 0) < 0 && this.#privileges.lowersScores(),
      wantsEverything(config.security) ? this.#privileges.grant() : undefined,
      this.#userOf(config),
    ]);
    const id = await this.#create(
      containerOptions({ cluster: this.#cluster, lowersScores, ...(grant ? { grant } : {}), ...(user ? { user } : {}) }, sandboxId, sandbox, config, mounts),
      sandbox[label.podUid]!,
    );
    return id;
  }

  async #imageVolume(image: ImageSource, sandbox: Labels): Promise<Mount['source']> {
    try {
      return await this.#imageVolumes.source(image, sandbox);
    } catch (error) {
      if (error instanceof RuntimeError && error.code === 'unavailable') throw error;
      throw new RuntimeError('imageVolume', (error as Error).message);
    }
  }

  async missingPrivileges(): Promise<string[]> {
    return (await this.#privileges.grant())?.lacking ?? [];
  }

  async startContainer(id: string): Promise<void> {
    this.#stopped.delete(id);
    await tolerate([304], () => this.#docker.getContainer(id).start());
  }

  async stopContainer(id: string, graceSeconds: number): Promise<void> {
    await tolerate([304, 404], () => this.#docker.getContainer(id).stop({ t: Math.min(Math.max(0, Math.round(graceSeconds)), longestGrace) }));
    this.#stopped.add(id);
  }

  async removeContainer(id: string): Promise<void> {
    await this.#remove(id);
  }

  async listContainers(filter: { node?: string; sandboxId?: string; podUid?: string } = {}): Promise<Container[]> {
    const found = await this.#list({
      [label.kind]: 'container',
      ...this.#filter(filter),
      ...(filter.sandboxId ? { [label.sandbox]: filter.sandboxId } : {}),
    });
    const containers = await Promise.all(found.map((info) => this.#withEnding(info)));
    return containers.filter((container) => container !== undefined);
  }

  async containerStatus(id: string): Promise<Container> {
    const info = await engineCall(() => this.#docker.getContainer(id).inspect());
    const labels = info.Config.Labels ?? {};
    this.#mustBeOurs(id, labels);
    const ending = await this.#endingOf(info);
    this.#endings.set(info.Id, { state: info.State.Status, ending });
    return toContainer(
      { Id: info.Id, ImageID: info.Image, Created: ending.createdAt / 1000, State: stateNow(info.State.Status, ending), Labels: labels },
      ending,
    );
  }

  async updateResources(id: string, resources: ContainerResources): Promise<void> {
    // A quota that is not named stays; -1 takes it away. Scores belong to processes, not to groups, and stay.
    const options = resourceOptions({ ...resources, cpuQuota: resources.cpuQuota ?? -1, oomScoreAdj: undefined }, false);
    await engineCall(() => this.#docker.getContainer(id).update(options));
  }

  async stats(ids: string[]): Promise<ContainerStats[]> {
    const all = await Promise.all(ids.map((id) => statsOf(this.#docker, id)));
    return all.filter((stats) => stats !== undefined);
  }

  async diskUsage(id: string): Promise<DiskUsage> {
    const info = await tolerate([404], () => this.#docker.getContainer(id).inspect({ size: true } as Docker.ContainerInspectOptions));
    const { SizeRw = 0, LogPath } = (info ?? {}) as { SizeRw?: number; LogPath?: string };
    // What cannot be looked at must not hide what can.
    return { files: SizeRw, log: LogPath ? await this.#logUsage.bytes(LogPath).catch(() => 0) : 0 };
  }

  exec(id: string, command: string[], io: ExecIO): Promise<{ exitCode: number }> {
    return exec(this.#docker, id, command, io);
  }

  async execSync(id: string, command: string[], timeoutMs: number): Promise<{ exitCode: number; output: Buffer }> {
    const timer = new CommandTimer(this.#clock, timeoutMs);
    try {
      return await execSync(this.#docker, id, command, timer);
    } finally {
      timer.cancel();
    }
  }

  attach(id: string, io: ExecIO): Promise<void> {
    return attach(this.#docker, id, io, this.#clock);
  }

  async portForward(sandboxId: string, port: number): Promise<Duplex> {
    const labels = await this.#labelsOf(sandboxId);
    return portForward(this.#docker, sandboxId, labels[label.ip], port);
  }

  async logs(id: string, options: LogOptions, onLine: (line: LogLine) => unknown): Promise<void> {
    const labels = await this.#labelsOf(id);
    await readLogs(this.#docker, id, labels[label.tty] === 'true', options, this.#clock, onLine);
  }

  readFile(id: string, path: string, maxBytes: number): Promise<Buffer | undefined> {
    return readFile(this.#docker, id, path, maxBytes);
  }

  imageStatus(image: string): Promise<Image | undefined> {
    return imageStatus(this.#docker, image);
  }

  pullImage(image: string, auth: RegistryAuth | undefined, onProgress?: (progress: PullProgress) => void): Promise<string> {
    return pullImage(this.#docker, image, auth, onProgress);
  }

  listImages(): Promise<Image[]> {
    return listImages(this.#docker);
  }

  async removeImage(image: string): Promise<void> {
    await tolerate([404], () => this.#docker.getImage(image).remove());
  }

  createVolume(name: string, labels: Record<string, string>, options: VolumeOptions = {}): Promise<void> {
    return this.#volumes.create(name, labels, options);
  }

  removeVolume(name: string): Promise<void> {
    return this.#volumes.remove(name);
  }

  removePodVolumes(podUid: string): Promise<void> {
    return this.#volumes.removeOfPod(podUid);
  }

  podsWithVolumes(node: string): Promise<string[]> {
    return this.#volumes.podsOf(node);
  }

  volumeUsage(names: string[]): Promise<Map<string, VolumeUsage>> {
    return this.#volumes.usage(names);
  }

  hasVolume(name: string): Promise<boolean> {
    return this.#volumes.exists(name);
  }

  copyVolume(from: string, to: string): Promise<void> {
    return this.#volumes.copy(from, to);
  }

  volumeSubPath(name: string, path: string): Promise<string> {
    return this.#volumes.subPath(name, path);
  }

  setVolumeGroup(source: Mount['source'], ownership: VolumeOwnership): Promise<void> {
    return this.#volumes.setGroup(source, ownership);
  }

  watch(onEvent: (event: RuntimeEvent) => void, onGap: () => void): { cancel(): void } {
    const watcher = { onEvent, onGap };
    this.#watchers.add(watcher);
    this.#events ??= new EventStream(this.#docker, this.#cluster, this.#clock, this.#log, {
      onEvent: (event) => {
        if (event.type === 'removed') this.#forget(event.id);
        else if (event.type !== 'created') this.#endings.delete(event.id);
        for (const { onEvent } of this.#watchers) onEvent(event);
      },
      onGap: () => {
        this.#endings.clear();
        for (const { onGap } of this.#watchers) onGap();
      },
      onConnection: (connected) => {
        if (connected) {
          this.#engine.forget();
          this.#helpers.sweepAgain();
        } else for (const { onGap } of this.#watchers) onGap();
      },
    });
    return {
      cancel: () => {
        this.#watchers.delete(watcher);
        if (this.#watchers.size > 0) return;
        this.#events?.cancel();
        this.#events = undefined;
      },
    };
  }

  #filter(filter: { node?: string; podUid?: string }): Labels {
    return {
      ...(filter.node ? { [label.node]: filter.node } : {}),
      ...(filter.podUid ? { [label.podUid]: filter.podUid } : {}),
    };
  }

  async #list(labels: Labels): Promise<ListedContainer[]> {
    const wanted = Object.entries({ [label.cluster]: this.#cluster, ...labels }).map(([key, value]) => `${key}=${value}`);
    const found = (await engineCall(() => this.#docker.listContainers({ all: true, filters: { label: wanted } }))) as ListedContainer[];
    for (const { Id, Labels } of found) this.#labels.set(Id, Labels);
    return found.map((info) => (info.State === 'running' && this.#stopped.has(info.Id) ? { ...info, State: 'exited' } : info));
  }

  async #withEnding(info: ListedContainer): Promise<Container | undefined> {
    const known = this.#endings.get(info.Id);
    if (known?.state === info.State) return toContainer({ ...info, State: stateNow(info.State, known.ending) }, known.ending);
    const inspected = await tolerate([404], () => this.#docker.getContainer(info.Id).inspect());
    if (!inspected) return undefined;
    const ending = await this.#endingOf(inspected);
    // One that never ran and is on its way out, which can take long, leaves nothing to tell of.
    if (inspected.State.Status === removing && ending.startedAt === undefined) return undefined;
    this.#endings.set(info.Id, { state: inspected.State.Status, ending });
    // The inspection is later than the list, and its state goes with its times.
    return toContainer({ ...info, State: stateNow(inspected.State.Status, ending) }, ending);
  }

  /** Undefined: the engine takes it as it was said. */
  async #userOf({ image, security }: ContainerConfig): Promise<EngineUser | undefined> {
    if (!security.strictGroups && security.runAsGroup === undefined) return undefined;
    const { id, user } = await this.#accounts.image(image);
    return engineUser(security, user, await this.#accounts.of(id));
  }

  async #endingOf(info: Docker.ContainerInspectInfo): Promise<ContainerEnding> {
    const ending = endingOf(info);
    if (ending.startedAt === undefined) return ending;
    // Who it is never keeps anybody from knowing how it is.
    const accounts = await this.#accounts.in(info.Image, info.Id).catch(() => undefined);
    const user = accounts && resolveUser(info.Config.User, info.HostConfig.GroupAdd ?? [], accounts);
    return user ? { ...ending, user } : ending;
  }

  async #labelsOf(id: string): Promise<Labels> {
    const known = this.#labels.get(id);
    if (known) return known;
    const info = await engineCall(() => this.#docker.getContainer(id).inspect());
    const labels = info.Config.Labels ?? {};
    this.#mustBeOurs(id, labels);
    this.#labels.set(id, labels);
    return labels;
  }

  #mustBeOurs(id: string, labels: Labels): void {
    if (labels[label.cluster] !== this.#cluster) throw new RuntimeError('notFound', `No such container: ${id}`);
  }

  /** A name that is taken belongs to a container whose creation was not heard of (the answer was lost): it is replaced. */
  async #create(options: Docker.ContainerCreateOptions, podUid: string | undefined): Promise<string> {
    try {
      return (await this.#docker.createContainer(options)).id;
    } catch (error) {
      if (statusOf(error) !== 409) throw runtimeError(error);
      const left = await tolerate([404], () => this.#docker.getContainer(options.name!).inspect());
      const labels = left?.Config.Labels ?? {};
      if (left && (labels[label.cluster] !== this.#cluster || labels[label.podUid] !== podUid)) throw runtimeError(error);
      if (left) await this.#remove(left.Id);
      // An engine with much to do lets go of a name late.
      const name = left?.State.Status === removing ? `${options.name}_${left.Id.slice(0, 12)}` : options.name;
      return (await engineCall(() => this.#docker.createContainer({ ...options, name }))).id;
    }
  }

  /** Resolves when the container has ended. */
  async #kill(id: string): Promise<void> {
    await tolerate([404, 409], () => this.#docker.getContainer(id).kill());
    this.#stopped.add(id);
  }

  async #remove(id: string): Promise<void> {
    try {
      // `v`: an image's anonymous volumes go with the container.
      await tolerate([404], () => this.#docker.getContainer(id).remove({ force: true, v: true }));
    } catch (error) {
      // Somebody else is removing it at this moment.
      if (!(error instanceof RuntimeError) || !/already in progress/.test(error.message)) throw error;
    }
    this.#forget(id);
  }

  #forget(id: string): void {
    this.#labels.delete(id);
    this.#endings.delete(id);
    this.#stopped.delete(id);
  }
}

/** The engine's word for a container that it is taking away. */
const removing = 'removing';

/** What could not be started the engine still says to be only created: to us it has ended. */
const stateNow = (state: string, { reason }: ContainerEnding) => (reason === notStarted ? 'exited' : state);
