import type { MachineState } from '../../node/index.ts';
import type { ContainerStats } from '../../runtime/index.ts';
import type { KubeletContext } from '../context.ts';
import type { PodWorker } from '../podWorker.ts';
import { readySandbox } from '../runtimeStatus.ts';
import { uidOf } from '../spec.ts';
import { timestamp } from '../../api/meta.ts';
import type { PodStorage } from '../eviction/localStorage.ts';
import type { ClaimUsage } from './claimUsage.ts';

/** Of all that runs on the node, by container id. */
export async function nodeStats(context: KubeletContext, workers: PodWorker[]): Promise<Map<string, ContainerStats>> {
  const ids = workers.flatMap((worker) => worker.runtimeStatus.containers.filter(({ state }) => state === 'running').map(({ id }) => id));
  const stats = await context.runtime.stats(ids);
  return new Map(stats.map((one) => [one.id, one]));
}

/** Of the sandboxes with a network of their own, by id. */
export async function sandboxStats(context: KubeletContext, workers: PodWorker[]): Promise<Map<string, ContainerStats>> {
  const ids = workers.flatMap(({ pod, runtimeStatus }) => (pod.spec?.hostNetwork ? [] : (readySandbox(runtimeStatus)?.id ?? [])));
  return new Map((await context.runtime.stats(ids)).map((one) => [one.id, one]));
}

/** A measurement, and the one before it where there is one: CPU is told over the time in between. */
const usage = (stats: ContainerStats, before: ContainerStats | undefined) => {
  const time = timestamp(stats.timestamp);
  const elapsed = before ? stats.timestamp - before.timestamp : 0;
  const nanoCores = before && elapsed > 0 ? Math.max(0, Math.round(((stats.cpuNanoseconds - before.cpuNanoseconds) / elapsed) * 1000)) : undefined;
  return {
    cpu: { time, ...(nanoCores === undefined ? {} : { usageNanoCores: nanoCores }), usageCoreNanoSeconds: stats.cpuNanoseconds },
    memory: {
      time,
      usageBytes: stats.memoryUsageBytes,
      workingSetBytes: stats.memoryWorkingSetBytes,
      rssBytes: stats.memoryRssBytes ?? 0,
      pageFaults: stats.pageFaults ?? 0,
      majorPageFaults: stats.majorPageFaults ?? 0,
    },
  };
};

function sum(all: ContainerStats[]): ContainerStats {
  const total = (field: keyof Omit<ContainerStats, 'id' | 'network' | 'details'>) => all.reduce((result, one) => result + (one[field] ?? 0), 0);
  return {
    id: '',
    timestamp: Math.max(...all.map((one) => one.timestamp)),
    cpuNanoseconds: total('cpuNanoseconds'),
    memoryUsageBytes: total('memoryUsageBytes'),
    memoryWorkingSetBytes: total('memoryWorkingSetBytes'),
    memoryRssBytes: total('memoryRssBytes'),
    pageFaults: total('pageFaults'),
    majorPageFaults: total('majorPageFaults'),
  };
}

/** All of them together; what was not there before is left out of what was. */
function together(ids: string[], stats: Map<string, ContainerStats>, before: Map<string, ContainerStats>) {
  if (ids.length === 0) return {};
  const known = ids.flatMap((id) => before.get(id) ?? []);
  return usage(sum(ids.map((id) => stats.get(id)!)), known.length === ids.length ? sum(known) : undefined);
}

export interface SummarySources {
  stats: Map<string, ContainerStats>;
  sandboxes: Map<string, ContainerStats>;
  /** The measurement of the summary before. */
  before: Map<string, ContainerStats>;
  /** What is left of the machine; undefined: not known. */
  machine: MachineState | undefined;
  claims: ClaimUsage[];
  /** What pods have on the disk, by their uids. */
  storage: ReadonlyMap<string, { time: number; storage: PodStorage }>;
}

/** `/stats/summary` (k8s.io/kubelet/pkg/apis/stats/v1alpha1). */
export function summary(context: KubeletContext, workers: PodWorker[], { stats, sandboxes, before, machine, claims, storage }: SummarySources): unknown {
  const pods = workers.map((worker) => {
    const { pod } = worker;
    const containers = worker.runtimeStatus.containers.filter(({ id }) => stats.has(id));
    const disk = diskOf(storage.get(uidOf(pod)), machine);
    return {
      podRef: { name: pod.metadata!.name, namespace: pod.metadata!.namespace, uid: uidOf(pod) },
      startTime: pod.status?.startTime ?? null,
      containers: containers.map(({ id, name, startedAt, createdAt }) => ({ name, startTime: timestamp(startedAt ?? createdAt), ...usage(stats.get(id)!, before.get(id)), ...disk.ofContainer(name) })),
      ...together(containers.map(({ id }) => id), stats, before),
      ...volumesOf(claims.filter(({ podUid }) => podUid === uidOf(pod)), disk.volumes),
      ...disk.ofPod,
      ...networkOf(sandboxes.get(readySandbox(worker.runtimeStatus)?.id ?? '')),
    };
  });
  const now = timestamp(context.clock.now());
  return { node: { nodeName: context.nodeName, systemContainers: [], ...ofMachine(together([...stats.keys()], stats, before), machine, now) }, pods };
}

/** Images and containers lie on the same file system as the rest, as far as a node can see. */
function ofMachine(used: Partial<ReturnType<typeof usage>>, machine: MachineState | undefined, now: string) {
  if (!machine) return used;
  const fs = fileSystem(machine, now);
  return { ...used, memory: { time: now, ...used.memory, availableBytes: machine.memoryAvailableBytes }, fs, runtime: { imageFs: fs, containerFs: fs } };
}

/** Images, containers and logs lie on the same file system as the node's own files, as far as a node can see. */
function diskOf(known: { time: number; storage: PodStorage } | undefined, machine: MachineState | undefined) {
  if (!known || !machine) return { ofContainer: () => ({}), volumes: [], ofPod: {} };
  const { total, containers, volumes } = known.storage;
  const used = (usedBytes: number) => ({ ...fileSystem(machine, timestamp(known.time)), usedBytes });
  return {
    ofContainer: (name: string) => {
      const usage = containers.get(name);
      return usage ? { rootfs: used(usage.files), logs: used(usage.log) } : {};
    },
    volumes: [...volumes].map(([name, bytes]) => ({ ...used(bytes), name })),
    ofPod: { 'ephemeral-storage': used(total) },
  };
}

function volumesOf(claims: ClaimUsage[], others: object[]) {
  if (claims.length + others.length === 0) return {};
  return {
    volume: [...others, ...claims.map(({ volume, namespace, claim, time, engineVolume: _, podUid: __, ...amounts }) => ({ time: timestamp(time), ...amounts, name: volume, pvcRef: { name: claim, namespace } }))],
  };
}

function networkOf(sandbox: ContainerStats | undefined) {
  if (!sandbox?.network) return {};
  const { receivedBytes: rxBytes, receiveErrors: rxErrors, sentBytes: txBytes, sendErrors: txErrors } = sandbox.network;
  const counters = { name: 'eth0', rxBytes, rxErrors, txBytes, txErrors };
  return { network: { time: timestamp(sandbox.timestamp), ...counters, interfaces: [counters] } };
}

const fileSystem = ({ diskTotalBytes, diskAvailableBytes, inodes, inodesFree }: MachineState, time: string) => ({
  time,
  availableBytes: diskAvailableBytes,
  capacityBytes: diskTotalBytes,
  usedBytes: diskTotalBytes - diskAvailableBytes,
  ...(inodes > 0 ? { inodesFree, inodes, inodesUsed: inodes - inodesFree } : {}),
});
