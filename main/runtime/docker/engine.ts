import type Docker from 'dockerode';
import os from 'node:os';
import { LruMap } from '../../util/lru.ts';
import type { RuntimeInfo } from '../index.ts';
import { engineCall } from './errors.ts';

/** What is known of the container engine behind a connection, asked once and kept until it was lost. */
export class Engine {
  #version: Promise<Docker.DockerVersion> | undefined;
  #info: Promise<RuntimeInfo> | undefined;
  #cgroups: Promise<{ driver: string; rootless: boolean }> | undefined;
  readonly #mountpoints = new LruMap<string, Promise<string>>(1000);

  constructor(readonly docker: Docker) {}

  /** An engine starts three programs for this answer. */
  #askVersion(): Promise<Docker.DockerVersion> {
    this.#version ??= engineCall(() => this.docker.version()).catch((error: unknown) => {
      this.#version = undefined;
      throw error;
    });
    return this.#version;
  }

  /** The newest API version that the engine speaks, `1.41`. */
  async apiVersion(): Promise<string> {
    return (await this.#askVersion()).ApiVersion;
  }

  async atLeast(version: string): Promise<boolean> {
    return isAtLeast(await this.apiVersion(), version);
  }

  /** Whether archives reach into the mounts of a container that was never started: Podman mounts as it starts, and would write beside them. */
  async reachesMounts(): Promise<boolean> {
    return !isPodman(await this.#askVersion());
  }

  /** Where the engine keeps a volume, on the engine's own machine. */
  mountpoint(volume: string): Promise<string> {
    let known = this.#mountpoints.get(volume);
    if (!known) {
      known = engineCall(async () => (await this.docker.getVolume(volume).inspect()).Mountpoint).catch((error: unknown) => {
        this.#mountpoints.delete(volume);
        throw error;
      });
      this.#mountpoints.set(volume, known);
    }
    return known;
  }

  /** Who makes its control groups: `cgroupfs`, `systemd`, or `none`. */
  cgroups(): Promise<{ driver: string; rootless: boolean }> {
    this.#cgroups ??= engineCall(() => this.docker.info())
      .then((info) => ({ driver: info.CgroupDriver ?? 'none', rootless: isRootless(info.SecurityOptions ?? []) }))
      .catch((error: unknown) => {
        this.#cgroups = undefined;
        throw error;
      });
    return this.#cgroups;
  }

  /** The engine may have been replaced by another: nothing that was known counts any more. */
  forget(): void {
    this.#version = undefined;
    this.#cgroups = undefined;
    this.#mountpoints.clear();
  }

  /** As it is now; those who ask while it answers share the answer. */
  info(): Promise<RuntimeInfo> {
    this.#info ??= this.#askInfo().finally(() => (this.#info = undefined));
    return this.#info;
  }

  async #askInfo(): Promise<RuntimeInfo> {
    const [version, info] = await Promise.all([this.#askVersion(), engineCall(() => this.docker.info())]);
    const security: string[] = info.SecurityOptions ?? [];
    return {
      name: isPodman(version) ? 'podman' : 'docker',
      version: version.Version,
      os: info.OSType,
      architecture: architectures[info.Architecture] ?? info.Architecture,
      kernelVersion: info.KernelVersion,
      osImage: info.OperatingSystem,
      cpus: info.NCPU,
      memoryBytes: info.MemTotal,
      cgroupVersion: info.CgroupVersion,
      cgroupDriver: info.CgroupDriver,
      supplementalGroupsPolicy: true,
      engineId: info.ID,
      handlers: Object.keys((info.Runtimes as object | undefined) ?? {}).sort(),
      rootless: isRootless(security),
      appArmor: security.some((option) => option.includes('apparmor')),
      // A virtual machine has a kernel of its own.
      onThisMachine: process.platform === 'linux' && version.KernelVersion === os.release(),
      // The engine leaves the choice to us from API 1.44 on; the kernel knows it since 5.12.
      recursiveReadOnly: isAtLeast(version.ApiVersion, '1.44') && isAtLeast(version.KernelVersion ?? '', '5.12'),
    };
  }
}

const isPodman = (version: Docker.DockerVersion) => ((version as { Components?: { Name: string }[] }).Components ?? []).some(({ Name }) => /podman/i.test(Name));

const isRootless = (security: string[]) => security.some((option) => option.includes('rootless'));

/** Of `major.minor`, whatever follows. */
function isAtLeast(version: string, wanted: string): boolean {
  const [major, minor] = version.split('.').map((part) => parseInt(part, 10));
  const [wantedMajor, wantedMinor] = wanted.split('.').map(Number);
  return major! > wantedMajor! || (major === wantedMajor && minor! >= wantedMinor!);
}

/** Go's names, which Kubernetes uses, for the kernel's. */
const architectures: Record<string, string> = { x86_64: 'amd64', aarch64: 'arm64', armv7l: 'arm', i386: '386', i686: '386' };
