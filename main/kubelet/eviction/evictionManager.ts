import type { Pod } from '../../api/index.ts';
import { podRequests } from '../../api/podResources.ts';
import { parseQuantity } from '../../api/quantity.ts';
import { tolerates } from '../../api/tolerations.ts';
import type { MachineState } from '../../node/index.ts';
import type { ContainerStats } from '../../runtime/index.ts';
import type { Timer } from '../../util/clock.ts';
import type { Rejection } from '../admission.ts';
import type { KubeletContext } from '../context.ts';
import type { PodWorker } from '../podWorker.ts';
import { qosClassOf } from '../qos.ts';
import { nodeStats } from '../server/stats.ts';
import { initContainersOf, isCritical, isTerminalPhase, uidOf } from '../spec.ts';
import { messageOf } from '../volumes/errors.ts';
import { overStorageLimit, storageUsage, type Usage } from './localStorage.ts';

/** How often the machine is looked at (upstream: 10 s), and how long a pressure is told after it was last seen. Milliseconds. */
const checkMs = 10_000;
const transitionMs = 300_000;
/** Seconds that the containers of an evicted pod get. */
const grace = 1;

export const pressures = ['MemoryPressure', 'DiskPressure'] as const;
/** Conditions of a node that runs out of something. */
export type Pressure = (typeof pressures)[number];

interface Threshold {
  signal: 'memory.available' | 'nodefs.available' | 'nodefs.inodesFree';
  resource: 'memory' | 'ephemeral-storage' | 'inodes';
  condition: Pressure;
  least: number;
  available(state: MachineState): number;
}

/**
 * Memory as upstream's default has it. The disk is the user's, and usually fuller than a server's: a share of it would
 * drive pods away from a machine that has plenty, so what must be left is an amount.
 */
const thresholds: readonly Threshold[] = [
  { signal: 'memory.available', resource: 'memory', condition: 'MemoryPressure', least: 100 * 2 ** 20, available: (state) => state.memoryAvailableBytes },
  { signal: 'nodefs.available', resource: 'ephemeral-storage', condition: 'DiskPressure', least: 2 ** 30, available: (state) => state.diskAvailableBytes },
  { signal: 'nodefs.inodesFree', resource: 'inodes', condition: 'DiskPressure', least: 10_000, available: (state) => state.inodesFree },
];

/** As `/configz` and the messages name them. */
export const evictionHard = Object.fromEntries(thresholds.map(({ signal, least }) => [signal, amount(signal, least)]));

function amount(signal: string, value: number): string {
  if (signal.endsWith('inodesFree')) return String(value);
  return value % 2 ** 30 === 0 && value > 0 ? `${value / 2 ** 30}Gi` : value % 2 ** 20 === 0 ? `${value / 2 ** 20}Mi` : `${Math.floor(value / 1024)}Ki`;
}

export interface EvictionOptions {
  context: KubeletContext;
  workers(): PodWorker[];
  /** What is left of the machine; undefined: not known. */
  machineState(): Promise<MachineState | undefined>;
  /** Frees disk that no pod needs. Returns whether anything was freed. */
  reclaimDisk(): Promise<boolean>;
  /** The node's conditions are others now. */
  onChange(): void;
  /** About the node. */
  event(reason: string, message: string): void;
}

/**
 * Ends pods before the machine runs out of memory or disk: one at a time, those first that take more than they asked
 * for. Mirrors pkg/kubelet/eviction/eviction_manager.go and helpers.go.
 */
export class EvictionManager {
  /** When a pressure was seen last, milliseconds of the monotonic clock. */
  readonly #seen = new Map<Pressure, number>();
  #pressures = new Set<Pressure>();
  #timer: Timer | undefined;
  #stopped = false;

  constructor(private readonly options: EvictionOptions) {}

  start(): void {
    this.#timer = this.options.context.clock.setTimer(checkMs, () => {
      void this.synchronize()
        .catch((error: unknown) => this.options.context.log.warn('what is left of the machine is not known', { error: messageOf(error) }))
        .finally(() => !this.#stopped && this.start());
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  has(pressure: Pressure): boolean {
    return this.#pressures.has(pressure);
  }

  /** Under pressure a node takes only pods that do not add to it. Mirrors Admit. */
  judge(pod: Pod): Rejection | undefined {
    if (this.#pressures.size === 0 || isCritical(pod)) return undefined;
    if (!this.has('DiskPressure')) {
      if (qosClassOf(pod) !== 'BestEffort') return undefined;
      const tolerated = pod.spec?.tolerations?.some((toleration) => tolerates(toleration, { key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' }));
      if (tolerated) return undefined;
    }
    return { reason: 'Evicted', message: `The node had condition: [${[...this.#pressures].join(' ')}]. ` };
  }

  /** Looks once. */
  async synchronize(): Promise<void> {
    const { context } = this.options;
    const workers = this.options.workers().filter(({ stage }) => stage === 'syncing');
    if (workers.length === 0 && this.#pressures.size === 0) return;
    const state = await this.options.machineState();
    if (!state || this.#stopped) return;
    const met = thresholds.filter((threshold) => threshold.available(state) < threshold.least);
    this.#note(met.map(({ condition }) => condition));
    for (const worker of workers) {
      const excess = await overStorageLimit(context, worker);
      if (excess) return this.#evict(worker, excess.message, excess.signal);
    }
    const [worst] = met;
    if (!worst) return;
    this.options.event('EvictionThresholdMet', `Attempting to reclaim ${worst.resource}`);
    if (worst.condition === 'DiskPressure' && (await this.options.reclaimDisk())) return;
    const candidates = workers.filter(({ pod }) => !isTerminalPhase(pod.status?.phase) && !isCritical(pod));
    const usage = await usageOf(context, candidates, worst.resource);
    const [victim] = ranked(candidates, usage, worst.resource);
    if (!victim) return;
    this.#evict(victim, messageFor(victim, worst, worst.available(state), usage.get(uidOf(victim.pod))!), worst.signal);
  }

  #evict(worker: PodWorker, message: string, signal: string): void {
    const { counters } = this.options.context;
    counters.evictions.set(signal, (counters.evictions.get(signal) ?? 0) + 1);
    worker.evict(message, grace);
  }

  #note(conditions: Pressure[]): void {
    const now = this.options.context.clock.monotonic();
    for (const condition of conditions) this.#seen.set(condition, now);
    const current = new Set([...this.#seen].filter(([, at]) => now - at < transitionMs).map(([condition]) => condition));
    const changed = current.size !== this.#pressures.size || [...current].some((pressure) => !this.#pressures.has(pressure));
    this.#pressures = current;
    if (changed) this.options.onChange();
  }
}

type Ranked = Threshold['resource'];

/** Inodes are not counted: whoever has most on the disk is taken to have most of them. */
async function usageOf(context: KubeletContext, workers: PodWorker[], resource: Ranked): Promise<Map<string, Usage>> {
  if (resource === 'memory') {
    const stats = await nodeStats(context, workers);
    return new Map(workers.map((worker) => [uidOf(worker.pod), memoryUsage(worker, stats)]));
  }
  return new Map(await Promise.all(workers.map(async (worker) => [uidOf(worker.pod), await storageUsage(context, worker)] as const)));
}

function memoryUsage({ runtimeStatus }: PodWorker, stats: Map<string, ContainerStats>): Usage {
  const containers = new Map(runtimeStatus.containers.flatMap(({ id, name }) => (stats.has(id) ? [[name, stats.get(id)!.memoryWorkingSetBytes] as const] : [])));
  return { total: [...containers.values()].reduce((sum, bytes) => sum + bytes, 0), containers };
}

function requestOf(pod: Pod, resource: Ranked): number {
  if (resource === 'inodes') return 0;
  const requests = podRequests(pod);
  return resource === 'memory' ? requests.memory : requests.ephemeralStorage;
}

/** Who goes first: whoever has more than it asked for, then the least important, then whoever has the most more. */
export function ranked(workers: PodWorker[], usage: Map<string, Usage>, resource: Ranked): PodWorker[] {
  const excess = new Map(workers.map(({ pod }) => [pod, usage.get(uidOf(pod))!.total - requestOf(pod, resource)]));
  const of = ({ pod }: PodWorker) => excess.get(pod)!;
  return [...workers].sort((a, b) => Number(of(b) > 0) - Number(of(a) > 0) || (a.pod.spec?.priority ?? 0) - (b.pod.spec?.priority ?? 0) || of(b) - of(a));
}

/** Mirrors evictionMessage. */
function messageFor({ pod }: PodWorker, { signal, resource, least }: Threshold, available: number, { total, containers }: Usage): string {
  let message = `The node was low on resource: ${resource}. Threshold quantity: ${amount(signal, least)}, available: ${amount(signal, available)}. `;
  if (resource === 'inodes') return message;
  const text = (bytes: number) => (bytes === 0 ? '0' : amount(signal, bytes));
  const tell = (who: string, used: number, requested: number) => (message += `${who} was using ${text(used)}, request is ${text(requested)}, has larger consumption of ${resource}. `);
  const ofPod = resource === 'memory' ? pod.spec?.resources?.requests?.memory : undefined;
  if (ofPod !== undefined) tell(`Pod ${pod.metadata!.name}`, total, parseQuantity(ofPod).value());
  for (const { name, resources } of [...pod.spec!.containers, ...initContainersOf(pod)]) {
    const requested = parseQuantity(resources?.requests?.[resource] ?? '0').value();
    const used = containers.get(name) ?? 0;
    if (used > requested) tell(`Container ${name}`, used, requested);
  }
  return message;
}
