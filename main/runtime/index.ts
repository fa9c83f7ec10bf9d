/**
 * The CRI's place (upstream: k8s.io/cri-api/pkg/apis/runtime/v1/api.proto): sandboxes, containers, images, streams.
 * It knows no Pod objects. Two implementations keep one contract (tests/contracts/runtime.ts): docker/ and simulated/.
 */
import type { Duplex, Readable, Writable } from 'node:stream';

/** A pod's identity as the runtime stores it: in labels, so that a restarted kubelet finds its pods again. */
export interface SandboxIdentity {
  name: string;
  namespace: string;
  uid: string;
  /** Counts the sandboxes that this pod has had. */
  attempt: number;
}

export interface SandboxConfig extends SandboxIdentity {
  /** Which node container's network and volumes the sandbox uses. */
  node: string;
  hostname: string;
  /** Behind the hostname in /etc/hosts: `<subdomain>.<namespace>.svc.<cluster domain>`. */
  domainName?: string;
  /** The processes see the full name as their hostname. */
  hostnameAsFQDN?: boolean;
  /** Another way to run containers that the engine knows under this name (RuntimeClass); default: the engine's usual one. */
  runtimeHandler?: string;
  /** The pod's address, chosen by the kubelet from its node's CIDR; undefined for a pod on the node's network. */
  ip?: string;
  /** The address of the node container, the pod's gateway. */
  gateway?: string;
  /** The same two of IPv6, where nodes and pods have such addresses too. */
  ipv6?: string;
  gatewayIPv6?: string;
  /** `node`: share the node container's network namespace (hostNetwork). */
  network: 'pod' | 'node';
  dns: { servers: string[]; searches: string[]; options: string[] };
  /** Lines for /etc/hosts: address → names. */
  hostAliases: { ip: string; hostnames: string[] }[];
  sysctls: Record<string, string>;
  /** Volumes of memory that keep their content as long as the sandbox runs, whichever containers come and go. */
  memoryVolumes?: string[];
  /** All of its containers together have limits: `updateSandboxResources`. */
  ownCgroup?: boolean;
  sharePID: boolean;
  hostPID: boolean;
  hostIPC: boolean;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

export type SandboxState = 'ready' | 'notReady';

export interface Sandbox extends SandboxIdentity {
  id: string;
  node: string;
  state: SandboxState;
  ip?: string;
  /** Milliseconds since the epoch. */
  createdAt: number;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

export interface Mount {
  /**
   * Where the content comes from: a path of the node's own volume (files written by the node agent, emptyDir),
   * a path of the user's machine (hostPath), a named volume of the engine (dynamic PersistentVolumes), an image, memory.
   */
  source:
    | { kind: 'node'; node: string; path: string }
    | { kind: 'host'; path: string }
    | { kind: 'volume'; name: string; subPath?: string }
    | { kind: 'image'; image: string; subPath?: string }
    | { kind: 'tmpfs'; name: string; sizeBytes?: number };
  target: string;
  readOnly: boolean;
  /** Also what is mounted below it; only where `RuntimeInfo.recursiveReadOnly`. */
  recursiveReadOnly?: boolean;
  propagation: 'private' | 'hostToContainer' | 'bidirectional';
}

/** Labels of a volume that is one pod's alone. */
export const podVolumeLabels = (node: string, podUid: string): Record<string, string> => ({
  'dev.skiff.node': node,
  'dev.skiff.pod.uid': podUid,
});

export interface VolumeOptions {
  /** A volume of memory; 0: without a limit of its own. */
  tmpfsBytes?: number;
  /** Permission bits of the root. */
  mode?: number;
  /** The group of a volume of memory, which its directories hand on. */
  group?: number;
  /** A directory of a file server, mounted when a container wants it. */
  nfs?: { server: string; path: string; options: string[] };
}

/** What a volume holds, and what is left of the file system that it lies on. */
export interface VolumeUsage {
  usedBytes: number;
  availableBytes: number;
  inodes: number;
  inodesFree: number;
}

/** Bytes. */
export interface DiskUsage {
  /** What it has written over its image. */
  files: number;
  /** Its log, with what was turned over. */
  log: number;
}

export interface VolumeOwnership {
  group: number;
  /** The group may only read. */
  readOnly: boolean;
  /** Nothing is done when the root belongs to the group already. */
  onRootMismatch: boolean;
}

export interface ContainerSecurity {
  /** A number, or a name that the image knows. */
  runAsUser?: number | string;
  runAsGroup?: number;
  supplementalGroups?: number[];
  /** Those only, and not the groups that the image gives the user. */
  strictGroups?: boolean;
  privileged?: boolean;
  readOnlyRootFilesystem?: boolean;
  noNewPrivileges?: boolean;
  capabilities?: { add: string[]; drop: string[] };
  /** `profile`: the JSON text of a profile. */
  seccomp?: { type: 'RuntimeDefault' | 'Unconfined' | 'Localhost'; profile?: string };
  apparmor?: string;
  procMount?: 'Default' | 'Unmasked';
}

export interface ContainerResources {
  /** CPU shares, as the kubelet derives them from requests. */
  cpuShares?: number;
  /** Microseconds of CPU time a period, and the period. */
  cpuQuota?: number;
  cpuPeriod?: number;
  /** Bytes. */
  memoryLimit?: number;
  oomScoreAdj?: number;
  pidsLimit?: number;
}

export interface ContainerConfig {
  name: string;
  /** Counts the containers that this name has had in its pod. */
  attempt: number;
  /** What to run: an image id or reference that `imageStatus` knows. */
  image: string;
  /** Empty: the image's own. */
  command: string[];
  args: string[];
  workingDir?: string;
  env: { name: string; value: string }[];
  mounts: Mount[];
  devices: { host: string; container: string; permissions: string }[];
  stdin: boolean;
  stdinOnce: boolean;
  tty: boolean;
  resources: ContainerResources;
  security: ContainerSecurity;
  /** Share the process namespace of this container (ephemeral containers' targetContainerName). */
  pidOf?: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

export type ContainerState = 'created' | 'running' | 'exited' | 'unknown';

/** Who the first process of a container is. */
export interface ContainerUser {
  uid: number;
  gid: number;
  /** The process' own group among them. */
  supplementalGroups: number[];
}

export interface Container {
  id: string;
  sandboxId: string;
  name: string;
  attempt: number;
  state: ContainerState;
  /** What was asked for, and the id of what runs. */
  image: string;
  imageId: string;
  createdAt: number;
  startedAt?: number;
  finishedAt?: number;
  exitCode?: number;
  /** `OOMKilled`, `Error`, `Completed`, `StartError` … as the CRI reports it. */
  reason?: string;
  message?: string;
  /** Once it has started. */
  user?: ContainerUser;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

export interface Image {
  id: string;
  tags: string[];
  digests: string[];
  sizeBytes: number;
  /** The user that the image runs as, when numeric (`uid`) or by name (`username`). */
  uid?: number;
  username?: string;
  /** Paths that the image declares as volumes. */
  volumes: string[];
}

export interface RegistryAuth {
  username?: string;
  password?: string;
  identityToken?: string;
  serverAddress?: string;
}

export interface PullProgress {
  /** Bytes over all layers, as far as they are known. */
  current: number;
  total: number;
  /** The engine's own word for what it does now. */
  status: string;
}

export interface ContainerStats {
  id: string;
  /** Milliseconds since the epoch. */
  timestamp: number;
  cpuNanoseconds: number;
  memoryWorkingSetBytes: number;
  memoryUsageBytes: number;
  /** Memory that belongs to no file. */
  memoryRssBytes?: number;
  pageFaults?: number;
  majorPageFaults?: number;
  /** Further counters and amounts, where the engine keeps them. */
  details?: UsageDetails;
  /** Of a sandbox with a network of its own. */
  network?: NetworkCounters;
}

export interface UsageDetails {
  /** In the program's own code, and in the kernel for it. */
  cpuUserNanoseconds?: number;
  cpuSystemNanoseconds?: number;
  /** How often a CPU limit was looked at, how often it held the container up, and for how long. */
  throttling?: { periods: number; throttledPeriods: number; throttledNanoseconds: number };
  memoryCacheBytes?: number;
  memoryMappedBytes?: number;
  memorySwapBytes?: number;
  memoryMostBytes?: number;
  processes?: number;
  /** By device, `major:minor`. */
  disks?: Map<string, DiskCounters>;
}

export interface DiskCounters {
  readBytes: number;
  writtenBytes: number;
  reads: number;
  writes: number;
}

/** Since the network was made, over all of its interfaces. */
export interface NetworkCounters {
  receivedBytes: number;
  receivedPackets: number;
  receiveErrors: number;
  receiveDrops: number;
  sentBytes: number;
  sentPackets: number;
  sendErrors: number;
  sendDrops: number;
}

export type RuntimeErrorCode = 'notFound' | 'conflict' | 'imageNotFound' | 'pullFailed' | 'imageVolume' | 'invalid' | 'unavailable' | 'other';

/** What went wrong, with the engine's own message. */
export class RuntimeError extends Error {
  constructor(
    readonly code: RuntimeErrorCode,
    message: string,
  ) {
    super(message);
  }
}

export interface RuntimeInfo {
  /** `docker`, `podman`, `simulated`. */
  name: string;
  version: string;
  os: string;
  architecture: string;
  kernelVersion: string;
  osImage: string;
  cpus: number;
  memoryBytes: number;
  cgroupVersion?: string;
  /** Who makes its control groups: `cgroupfs`, `systemd`. */
  cgroupDriver?: string;
  rootless?: boolean;
  /** Whether all that lies below a mount can be made read-only with it. */
  recursiveReadOnly?: boolean;
  /** Whether it knows the groups of a container's processes, and can leave out those of the image. */
  supplementalGroupsPolicy?: boolean;
  /** Tells this engine from others. */
  engineId?: string;
  /** The ways to run containers that it knows by name. */
  handlers?: string[];
  /** Whether the kernel holds containers to AppArmor's profiles. */
  appArmor?: boolean;
  /** Whether the engine runs on this machine, and not in a virtual one or elsewhere. */
  onThisMachine?: boolean;
}

export interface RuntimeEvent {
  type: 'created' | 'started' | 'exited' | 'removed' | 'oom';
  id: string;
  sandboxId?: string;
  podUid?: string;
}

export interface ExecIO {
  stdin?: Readable;
  stdout?: Writable;
  stderr?: Writable;
  tty: boolean;
  onResize?(listener: (size: { width: number; height: number }) => void): void;
  signal?: AbortSignal;
}

export interface LogLine {
  stream: 'stdout' | 'stderr';
  /** RFC 3339 with nanoseconds. */
  timestamp: string;
  /** Without timestamp; with the line feed it had, if any. */
  text: Buffer;
}

export interface LogOptions {
  follow: boolean;
  /** RFC 3339. */
  since?: string;
  /** How many of the last lines; undefined: all. */
  tail?: number;
  signal?: AbortSignal;
}

/** Sandboxes and containers of one cluster on one engine. Methods reject with RuntimeError. */
export interface Runtime {
  info(): Promise<RuntimeInfo>;

  /**
   * Creates and starts; resolves once the sandbox's network is as promised. `onCreated` is called as soon as there is an
   * id: containers can be created, but not started, while the sandbox starts. They go with a sandbox that fails.
   */
  runSandbox(config: SandboxConfig, onCreated?: (id: string) => void): Promise<string>;
  /** Stops all of the sandbox's containers at once and gives its address back. Idempotent. */
  stopSandbox(id: string): Promise<void>;
  /** Idempotent; stops first what still runs. */
  removeSandbox(id: string): Promise<void>;
  listSandboxes(filter?: { node?: string; podUid?: string }): Promise<Sandbox[]>;

  /**
   * What all containers of a sandbox with `ownCgroup` may use together; what is not named is without limit. A sandbox that is about
   * to start is waited for. Rejects where the engine cannot hold a pod to it.
   */
  updateSandboxResources(id: string, resources: ContainerResources): Promise<void>;

  createContainer(sandboxId: string, config: ContainerConfig): Promise<string>;
  /** Capabilities (`CAP_SYS_RESOURCE`) that the engine cannot give even to a privileged container: it runs without them. */
  missingPrivileges(): Promise<string[]>;
  startContainer(id: string): Promise<void>;
  /** Sends the stop signal, then SIGKILL after `graceSeconds`. Idempotent. */
  stopContainer(id: string, graceSeconds: number): Promise<void>;
  removeContainer(id: string): Promise<void>;
  listContainers(filter?: { node?: string; sandboxId?: string; podUid?: string }): Promise<Container[]>;
  containerStatus(id: string): Promise<Container>;
  /** Of a running container, at once; a CPU quota that is not named is taken away. A score for the lack of memory stays. */
  updateResources(id: string, resources: ContainerResources): Promise<void>;
  /** Of containers and sandboxes; what does not run is left out. */
  stats(ids: string[]): Promise<ContainerStats[]>;
  /** What a container has on the disk beside its image and its volumes; nothing when it is gone. */
  diskUsage(id: string): Promise<DiskUsage>;

  exec(id: string, command: string[], io: ExecIO): Promise<{ exitCode: number }>;
  /** Runs a command to its end and keeps at most 10 kB of its output; rejects with code `other` and "timeout" when it runs for too long. */
  execSync(id: string, command: string[], timeoutMs: number): Promise<{ exitCode: number; output: Buffer }>;
  attach(id: string, io: ExecIO): Promise<void>;
  /** One TCP connection to a port on the loopback, or else the address, of the sandbox's network namespace. */
  portForward(sandboxId: string, port: number): Promise<Duplex>;
  /** Reads no further while a promise that `onLine` gave is pending. */
  logs(id: string, options: LogOptions, onLine: (line: LogLine) => unknown): Promise<void>;
  /** A file of a (stopped or running) container, at most `maxBytes` of its end; undefined when it is not there. */
  readFile(id: string, path: string, maxBytes: number): Promise<Buffer | undefined>;

  imageStatus(image: string): Promise<Image | undefined>;
  pullImage(image: string, auth: RegistryAuth | undefined, onProgress?: (progress: PullProgress) => void): Promise<string>;
  listImages(): Promise<Image[]>;
  removeImage(image: string): Promise<void>;

  /** Idempotent; what a volume holds that is there already stays, and so do its options. `mode`: that of its root. */
  createVolume(name: string, labels: Record<string, string>, options?: VolumeOptions): Promise<void>;
  /** With all that it holds. Idempotent; rejects for a volume that is in use or not of this cluster. */
  removeVolume(name: string): Promise<void>;
  /** Those that were made with this pod's label (`podVolumeLabels`). Idempotent. */
  removePodVolumes(podUid: string): Promise<void>;
  /** The uids of the pods of a node that have volumes of their own. */
  podsWithVolumes(node: string): Promise<string[]>;
  /** By name; looks at all files of the volumes. What is not there, or not this cluster's, is left out. */
  volumeUsage(names: string[]): Promise<Map<string, VolumeUsage>>;
  /** Whether there is a volume of this name that is this cluster's. */
  hasVolume(name: string): Promise<boolean>;
  /** Puts all that a volume holds, with owners, modes and links, over what another holds. Rejects with code `notFound` for a volume that is not there. */
  copyVolume(from: string, to: string): Promise<void>;
  /**
   * Where a path below a volume's root leads, relative to the root, links followed; what is missing of it is made, as
   * directories of the root's mode. Rejects with code `invalid` when it leads out of the volume.
   */
  volumeSubPath(name: string, path: string): Promise<string>;
  /** Gives all files of a volume of the engine, or below a path of the machine, to a group. */
  setVolumeGroup(source: Mount['source'], ownership: VolumeOwnership): Promise<void>;

  /** Calls back for every change until cancelled; `onGap` when events may have been missed (list again then). */
  watch(onEvent: (event: RuntimeEvent) => void, onGap: () => void): { cancel(): void };
}

/** A node container: the machine of one Node. */
export interface Machine {
  name: string;
  /** 1 for the first; fixes the address and the pod CIDR. */
  index: number;
  ip: string;
  podCIDR: string;
  running: boolean;
}

export interface MachineConfig {
  name: string;
  /** 1 for the first; fixes the address and the pod CIDR. */
  index: number;
  labels?: Record<string, string>;
}

/** The node containers of one cluster, with their network. Only the docker runtime has them. */
export interface Machines {
  /** Makes the network, the node image and what else all machines need; says in words what it is doing. */
  prepare(onProgress: (step: string) => void): Promise<void>;
  /** Starts the machine or adopts the one that runs; resolves when its agent can be spoken to. */
  ensure(config: MachineConfig): Promise<Machine>;
  /** A byte stream to the machine's agent (main/node/protocol). One at a time a machine. */
  connect(name: string): Promise<Duplex>;
  list(): Promise<Machine[]>;
  stop(name: string): Promise<void>;
  remove(name: string): Promise<void>;
  /** Removes everything of this cluster from the engine: containers, network, volumes. */
  removeAll(): Promise<void>;
}

export type { ClusterOwner, DockerMachines, MachinesOptions } from './docker/machines.ts';
export type { EngineConnection, EngineDiscovery } from './docker/discover.ts';
export { hostsFile, resolvConf } from './networkFiles.ts';
