import type Docker from 'dockerode';
import { RuntimeError, type Container, type ContainerConfig, type ContainerResources, type ContainerSecurity } from '../index.ts';
import { containerLabels, containerName, givenBack, identityOf, label, type Labels } from './labels.ts';
import type { EngineUser } from './accounts.ts';
import type { EngineMounts } from './mounts.ts';
import { inPodCgroup } from './podCgroups.ts';
import { isAll, type Grant } from './privileges.ts';

/** The size at which the engine turns a container's log over, and how many it keeps (kubelet's containerLogMaxSize and -Files). */
const logOptions = { 'max-size': String(10 * 2 ** 20), 'max-file': '5' };

export interface ContainerSettings {
  cluster: string;
  /** Whether the engine has the right to make the kernel spare a container when memory runs out. */
  lowersScores: boolean;
  /** What stands for all privileges; undefined: all of them. */
  grant?: Grant;
  /** Who it runs as, where that is not what it was asked for word by word. */
  user?: EngineUser;
}

/** What the engine is told to create, for a container that joins a sandbox's namespaces. */
export function containerOptions(
  settings: ContainerSettings,
  sandboxId: string,
  sandbox: Labels,
  config: ContainerConfig,
  mounts: EngineMounts,
): Docker.ContainerCreateOptions {
  const joined = `container:${sandboxId}`;
  const { security } = config;
  const pidMode = config.pidOf ? `container:${config.pidOf}` : sandbox[label.hostPID] ? 'host' : sandbox[label.sharePID] ? joined : undefined;
  const user = settings.user?.user ?? userOf(security);
  const host: Docker.HostConfig = {
    NetworkMode: joined,
    IpcMode: sandbox[label.hostIPC] ? 'host' : joined,
    ...(pidMode ? { PidMode: pidMode } : {}),
    ...(sandbox[label.runtimeHandler] ? { Runtime: sandbox[label.runtimeHandler] } : {}),
    ...inPodCgroup(sandbox),
    LogConfig: { Type: 'json-file', Config: logOptions },
    RestartPolicy: { Name: 'no' },
    Mounts: mounts.mounts as unknown as Docker.HostConfig['Mounts'],
    Binds: mounts.binds,
    Devices: config.devices.map(({ host, container, permissions }) => deviceOption(host, container, permissions)),
    ...resourceOptions(config.resources, settings.lowersScores),
    ...securityOptions(security, settings.grant),
    ...groupOptions(settings.user?.groups ?? security.supplementalGroups?.map(String) ?? []),
  };
  if (security.privileged && settings.grant) likePrivileged(host, config);
  return {
    name: containerName(settings.cluster, config.name, identityOf(sandbox), config.attempt),
    Image: config.image,
    Labels: containerLabels(sandboxId, sandbox, config),
    Env: config.env.map(({ name, value }) => `${name}=${value}`),
    ...(config.command.length > 0 ? { Entrypoint: config.command } : {}),
    ...(config.args.length > 0 ? { Cmd: config.args } : {}),
    ...(config.workingDir ? { WorkingDir: config.workingDir } : {}),
    ...(user ? { User: user } : {}),
    OpenStdin: config.stdin,
    StdinOnce: config.stdinOnce,
    Tty: config.tty,
    // An image's own health check is nothing to Kubernetes.
    Healthcheck: { Test: ['NONE'] },
    HostConfig: host,
  };
}

function userOf(security: ContainerSecurity): string | undefined {
  if (security.runAsUser === undefined) {
    if (security.runAsGroup !== undefined)
      throw new RuntimeError('invalid', 'runAsGroup is specified without a runAsUser');
    return undefined;
  }
  return security.runAsGroup === undefined ? String(security.runAsUser) : `${security.runAsUser}:${security.runAsGroup}`;
}

function securityOptions(security: ContainerSecurity, grant: Grant | undefined): Docker.HostConfig {
  const options: string[] = [];
  const limited = security.privileged && grant;
  if (security.noNewPrivileges) options.push('no-new-privileges');
  if (limited) options.push('seccomp=unconfined', 'apparmor=unconfined', 'label=disable');
  else {
    if (security.seccomp?.type === 'Unconfined') options.push('seccomp=unconfined');
    if (security.seccomp?.type === 'Localhost') options.push(`seccomp=${security.seccomp.profile ?? ''}`);
    if (security.apparmor) options.push(`apparmor=${security.apparmor}`);
  }
  return {
    ...(security.privileged && !limited ? { Privileged: true } : {}),
    ...(security.readOnlyRootFilesystem ? { ReadonlyRootfs: true } : {}),
    ...capabilityOptions(security, grant),
    ...(security.procMount === 'Unmasked' || limited ? { MaskedPaths: [], ReadonlyPaths: [] } : {}),
    ...(options.length > 0 ? { SecurityOpt: options } : {}),
  };
}

const groupOptions = (groups: string[]): Docker.HostConfig => (groups.length > 0 ? { GroupAdd: groups } : {});

function capabilityOptions({ privileged, capabilities }: ContainerSecurity, grant: Grant | undefined): Docker.HostConfig {
  if (grant && privileged) return { CapAdd: grant.capabilities };
  if (!capabilities) return {};
  const { add, drop } = capabilities;
  if (!grant) return { CapAdd: add, CapDrop: drop };
  // All of them means all that there are.
  return { CapAdd: add.flatMap((name) => (isAll(name) ? grant.capabilities : [name])), CapDrop: drop };
}

const deviceOption = (host: string, container: string, permissions: string) => ({ PathOnHost: host, PathInContainer: container, CgroupPermissions: permissions });

/** What the engine's own word for a privileged container brings besides capabilities: all devices, and the kernel's settings to write to. */
function likePrivileged(host: Docker.HostConfig, { mounts }: ContainerConfig): void {
  const isFree = (path: string) => !mounts.some(({ target }) => target === path);
  host.DeviceCgroupRules = ['a *:* rwm'];
  if (isFree('/dev')) host.Devices = [deviceOption('/dev', '/dev', 'rwm'), ...(host.Devices as [])];
  if (isFree('/sys')) host.Binds = ['/sys:/sys', ...(host.Binds ?? [])];
}

/** The engine takes no less (moby, linuxMinMemory): who asks for less has at least what the engine needs to start anything. */
const leastMemory = 6 * 2 ** 20;

/** Without swap: a memory limit is a limit of memory and swap together, as Kubernetes has it. */
export function resourceOptions(resources: ContainerResources, lowersScores: boolean): Docker.HostConfig {
  const { cpuShares, cpuQuota, cpuPeriod, memoryLimit, oomScoreAdj, pidsLimit } = resources;
  const memory = memoryLimit === undefined ? undefined : Math.max(leastMemory, memoryLimit);
  return {
    ...(cpuShares !== undefined ? { CpuShares: cpuShares } : {}),
    ...(cpuQuota !== undefined ? { CpuQuota: cpuQuota, CpuPeriod: cpuPeriod ?? 100_000 } : {}),
    ...(memory !== undefined ? { Memory: memory, MemorySwap: memory } : {}),
    ...(oomScoreAdj !== undefined && (lowersScores || oomScoreAdj >= 0) ? { OomScoreAdj: oomScoreAdj } : {}),
    ...(pidsLimit !== undefined ? { PidsLimit: pidsLimit } : {}),
  };
}

/** What a list of the engine says of a container: all but times and how it ended. */
export interface ListedContainer {
  Id: string;
  ImageID: string;
  Created: number;
  State: string;
  Labels: Labels;
}

/** The part of an inspection that never changes while the container stays in one state. */
export type ContainerEnding = Pick<Container, 'createdAt' | 'startedAt' | 'finishedAt' | 'exitCode' | 'reason' | 'message' | 'user'>;

export function toContainer(info: ListedContainer, ending: ContainerEnding | undefined): Container {
  return {
    id: info.Id,
    sandboxId: info.Labels[label.sandbox] ?? '',
    name: info.Labels[label.container] ?? '',
    attempt: Number(info.Labels[label.attempt] ?? 0),
    state: stateOf(info.State),
    image: info.Labels[label.image] ?? info.ImageID,
    imageId: info.ImageID,
    ...(ending ?? { createdAt: info.Created * 1000 }),
    ...givenBack(info.Labels),
  };
}

export function stateOf(state: string): Container['state'] {
  switch (state) {
    case 'created':
      return 'created';
    case 'running':
    case 'paused':
    case 'restarting':
      return 'running';
    case 'exited':
    case 'dead':
    case 'removing':
      return 'exited';
    default:
      return 'unknown';
  }
}

/** The reason of a container that was created but could not be started, as containerd gives it. */
export const notStarted = 'StartError';

/** Mirrors what containerd makes of a container's state (ContainerStatus): the reasons are Kubernetes'. */
export function endingOf(info: Pick<Docker.ContainerInspectInfo, 'Created' | 'State'>): ContainerEnding {
  const { State: state } = info;
  const createdAt = Date.parse(info.Created);
  const startedAt = time(state.StartedAt);
  const times = { createdAt, ...(startedAt === undefined ? {} : { startedAt }) };
  if (state.Running) return times;
  if (startedAt === undefined) {
    if (stateOf(state.Status) === 'created' && !state.Error) return times;
    // It was created but could not be started.
    const finishedAt = time(state.FinishedAt) ?? createdAt;
    return { ...times, finishedAt, exitCode: 128, reason: notStarted, message: state.Error };
  }
  const finishedAt = time(state.FinishedAt) ?? startedAt;
  const reason = state.OOMKilled ? 'OOMKilled' : state.ExitCode === 0 ? 'Completed' : 'Error';
  return { ...times, finishedAt, exitCode: state.ExitCode, reason, ...(state.Error ? { message: state.Error } : {}) };
}

/** The engine says year 1 for a time that has not come. */
function time(text: string): number | undefined {
  return text && !text.startsWith('0001-') ? Date.parse(text) : undefined;
}
