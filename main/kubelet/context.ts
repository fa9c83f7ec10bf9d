import type { Pod, Service } from '../api/index.ts';
import type { Client, EventRecorder } from '../client/index.ts';
import type { NodeAgent } from '../node/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { Clock } from '../util/clock.ts';
import type { Logger } from '../util/log.ts';
import type { Random } from '../util/random.ts';
import type { AddressPool } from './addresses.ts';
import type { AllocationManager } from './allocation.ts';
import type { DnsSettings } from './config/dns.ts';
import type { PodFacts } from './config/downward.ts';
import type { ObjectSource } from './config/environment.ts';
import type { CrashBackoff } from './crashBackoff.ts';
import type { ImageVolumeCounts } from './imageVolumes.ts';
import type { ImageManager } from './images/imageManager.ts';
import type { Histogram, Operations } from './operations.ts';
import type { ProbeManager } from './probes/probeManager.ts';
import { fieldPathOf } from './spec.ts';
import type { StatusManager } from './status/statusManager.ts';
import type { NodeFiles } from './volumes/files.ts';
import type { HostFiles } from './volumes/hostPath.ts';
import type { PodVolumes } from './volumes/podVolumes.ts';

/** What the machine of this node is, once the runtime has said it. */
export interface MachineFacts {
  /** `docker`, `simulated`: goes before container ids. */
  runtimeName: string;
  cpus: number;
  memoryBytes: number;
  /** Whether all that lies below a mount can be made read-only with it. */
  recursiveReadOnly: boolean;
  cgroupDriver: string;
  /** The ways to run containers that it knows by name; undefined: it takes any. */
  runtimeHandlers?: string[] | undefined;
  /** Whether the kernel holds containers to AppArmor's profiles. */
  appArmor: boolean;
  /** Whether the engine sees all of the user's machine, as one of its own programs; otherwise it runs in a virtual machine or elsewhere. */
  engineIsHere: boolean;
}

/** What `/metrics` says has happened since the kubelet began. */
export interface Counters {
  /** By signal. */
  evictions: Map<string, number>;
  /** Pods that had to go for critical ones, by what was missing. */
  preemptions: Map<string, number>;
  /** From when the kubelet heard of a pod to when it ran, in seconds. */
  podStarts: Histogram;
  operations: Operations;
  /** Ends of containers, by `<type> <exit code> <reason>`. */
  terminated: Map<string, number>;
  imageVolumes: ImageVolumeCounts;
}

/** What the parts of one kubelet share. */
export interface KubeletContext {
  nodeName: string;
  nodeIP: string;
  /** Undefined where the cluster has IPv4 alone. */
  nodeIPv6: string | undefined;
  clock: Clock;
  random: Random;
  log: Logger;
  client: Client;
  recorder: EventRecorder;
  runtime: Runtime;
  machine: MachineFacts;
  addresses: AddressPool;
  dns: DnsSettings;
  objects: ObjectSource;
  images: ImageManager;
  volumes: PodVolumes;
  hostFiles: HostFiles;
  probes: ProbeManager;
  statuses: StatusManager;
  backoff: CrashBackoff;
  allocation: AllocationManager;
  counters: Counters;
  /** What pods can have of the node, by resource. */
  allocatable(): Record<string, string>;
  servicesOf(namespace: string): Service[];
  apiService(): Service | undefined;
  /** The text of a seccomp profile of this node. */
  seccompProfile(name: string): Promise<string>;
  /** The engine's name for a RuntimeClass' way to run containers. Rejects where there is no such class. */
  runtimeHandler(runtimeClass: string): Promise<string>;
  /** The node's files and agent; these reject while the agent cannot be reached. */
  files(): Promise<NodeFiles>;
  agent(): Promise<NodeAgent>;
}

/** All addresses of a pod, or of the node, that has this one. */
export function addressesOf({ nodeIP, nodeIPv6, addresses }: Pick<KubeletContext, 'nodeIP' | 'nodeIPv6' | 'addresses'>, ip: string): string[] {
  if (ip === '') return [];
  return [ip, ip === nodeIP ? nodeIPv6 : addresses.ipv6Of(ip)].filter((address) => address !== undefined);
}

/** What a pod can be told of its node and of itself. */
export function factsOf(context: KubeletContext, podIP: string): PodFacts {
  const { nodeIP } = context;
  return { hostIP: nodeIP, hostIPs: addressesOf(context, nodeIP), podIP, podIPs: addressesOf(context, podIP), allocatable: context.allocatable() };
}

/** An event about a pod, or about one container of it. */
export function tell(context: KubeletContext, pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string, container?: string): void {
  const fieldPath = container === undefined ? undefined : fieldPathOf(pod, container);
  context.recorder.event({ apiVersion: 'v1', kind: 'Pod', metadata: pod.metadata }, type, reason, message, fieldPath ? { fieldPath } : {});
}
