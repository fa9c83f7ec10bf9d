import { createHash } from 'node:crypto';
import type { Node, NodeCondition, NodeStatus } from '../../api/index.ts';
import { declaredFeatures } from '../../api/nodeFeatures.ts';
import type { Pressure } from '../eviction/evictionManager.ts';
import type { Image, RuntimeInfo } from '../../runtime/index.ts';

/** Upstream's --node-status-max-images. */
const maxImages = 50;
/** Upstream's --max-pods; a node's range of addresses has room for more. */
const maxPods = 110;
/** What the eviction threshold memory.available keeps back. */
const reservedMemory = 100 * 2 ** 20;

export interface NodeFacts {
  name: string;
  ips: string[];
  labels: Record<string, string>;
  zone?: string;
  podCIDRs: string[];
  info: RuntimeInfo;
  images: Image[];
  storageBytes: number;
  version: string;
  /** Why the node cannot run pods; undefined: it can. */
  problem: string | undefined;
  pressures: Pressure[];
  /** RFC 3339. */
  now: string;
}

/** Labels that every kubelet gives its node (pkg/kubelet/kubelet_node_status.go, initialNode). */
export function nodeLabels(facts: Pick<NodeFacts, 'name' | 'labels' | 'zone' | 'info'>): Record<string, string> {
  const { os, architecture } = facts.info;
  return {
    'beta.kubernetes.io/arch': architecture,
    'beta.kubernetes.io/os': os,
    'kubernetes.io/arch': architecture,
    'kubernetes.io/hostname': facts.name,
    'kubernetes.io/os': os,
    ...(facts.zone ? { 'topology.kubernetes.io/zone': facts.zone } : {}),
    ...facts.labels,
  };
}

export const nodeAnnotations = { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' };

export function newNode(facts: NodeFacts): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: facts.name,
      labels: nodeLabels(facts),
      annotations: { ...nodeAnnotations },
    },
    spec: { podCIDR: facts.podCIDRs[0], podCIDRs: facts.podCIDRs },
    status: nodeStatus(facts, undefined),
  };
}

/** Mirrors pkg/kubelet/nodestatus/setters.go. */
export function nodeStatus(facts: NodeFacts, old: NodeStatus | undefined): NodeStatus {
  const { info } = facts;
  const resources = {
    cpu: String(info.cpus),
    'ephemeral-storage': `${Math.floor(facts.storageBytes / 1024)}Ki`,
    'hugepages-1Gi': '0',
    'hugepages-2Mi': '0',
    pods: String(maxPods),
  };
  // What others say that the node has (extended resources) it keeps, and all of it can be had.
  const others = old?.capacity ?? {};
  return {
    ...old,
    addresses: [
      ...facts.ips.map((address) => ({ type: 'InternalIP', address })),
      { type: 'Hostname', address: facts.name },
    ],
    capacity: { ...others, ...resources, memory: `${Math.floor(info.memoryBytes / 1024)}Ki` },
    allocatable: {
      ...others,
      ...resources,
      'ephemeral-storage': String(Math.floor(facts.storageBytes * 0.9)),
      memory: `${Math.floor((info.memoryBytes - reservedMemory) / 1024)}Ki`,
    },
    conditions: conditions(facts, old?.conditions ?? []),
    nodeInfo: {
      machineID: identity(facts),
      systemUUID: identity(facts).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
      bootID: old?.nodeInfo?.bootID ?? '',
      kernelVersion: info.kernelVersion,
      osImage: info.osImage,
      containerRuntimeVersion: `${info.name}://${info.version}`,
      kubeletVersion: facts.version,
      kubeProxyVersion: '',
      operatingSystem: info.os,
      architecture: info.architecture,
    },
    daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
    declaredFeatures: [...declaredFeatures],
    features: { supplementalGroupsPolicy: info.supplementalGroupsPolicy ?? false },
    runtimeHandlers: ['', ...(info.handlers ?? [])].map((name) => ({ name, features: { recursiveReadOnlyMounts: info.recursiveReadOnly ?? false, userNamespaces: false } })),
    images: facts.images
      .map(({ digests, tags, sizeBytes }) => ({ names: [...digests, ...tags], sizeBytes }))
      .filter(({ names }) => names.length > 0)
      .sort((a, b) => b.sizeBytes - a.sizeBytes)
      .slice(0, maxImages),
  };
}

/** The same for the same node on the same engine. */
function identity({ name, info }: NodeFacts): string {
  return createHash('sha256').update(`${info.engineId ?? info.name}\n${name}`).digest('hex').slice(0, 32);
}

function conditions(facts: NodeFacts, old: NodeCondition[]): NodeCondition[] {
  const own: Pick<NodeCondition, 'type' | 'status' | 'reason' | 'message'>[] = [
    facts.pressures.includes('MemoryPressure')
      ? { type: 'MemoryPressure', status: 'True', reason: 'KubeletHasInsufficientMemory', message: 'kubelet has insufficient memory available' }
      : { type: 'MemoryPressure', status: 'False', reason: 'KubeletHasSufficientMemory', message: 'kubelet has sufficient memory available' },
    facts.pressures.includes('DiskPressure')
      ? { type: 'DiskPressure', status: 'True', reason: 'KubeletHasDiskPressure', message: 'kubelet has disk pressure' }
      : { type: 'DiskPressure', status: 'False', reason: 'KubeletHasNoDiskPressure', message: 'kubelet has no disk pressure' },
    { type: 'PIDPressure', status: 'False', reason: 'KubeletHasSufficientPID', message: 'kubelet has sufficient PID available' },
    facts.problem === undefined
      ? { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' }
      : { type: 'Ready', status: 'False', reason: 'KubeletNotReady', message: facts.problem },
  ];
  const others = old.filter((condition) => !own.some(({ type }) => type === condition.type));
  return [
    ...others,
    ...own.map((condition) => {
      const before = old.find(({ type }) => type === condition.type);
      const lastTransitionTime = before?.status === condition.status ? (before.lastTransitionTime ?? facts.now) : facts.now;
      return { ...condition, lastHeartbeatTime: facts.now, lastTransitionTime };
    }),
  ];
}
