import type { NodeUsage, PodUsage } from '../../api/kubelet.ts';
import type { ContainerStats } from '../../runtime/index.ts';
import type { KubeletContext } from '../context.ts';
import type { PodWorker } from '../podWorker.ts';
import { uidOf } from '../spec.ts';
import { nodeStats } from './stats.ts';

/** Milliseconds. What is asked for again within the first gets the same answer; CPU is measured over at least the second. */
const freshMs = 10_000;
const shortest = 1000;
/** A measurement of longer ago says nothing about now. */
const longest = 90_000;

interface Sample {
  /** Milliseconds since the epoch. */
  at: number;
  stats: Map<string, ContainerStats>;
}

/**
 * What the containers of a node use. Nothing is measured unless somebody asks: the first who does waits a second, who
 * asks regularly gets the time since he asked last.
 */
export class UsageMeter {
  #before: Sample | undefined;
  #last: Sample | undefined;
  #measuring: Promise<NodeUsage> | undefined;

  constructor(
    private readonly context: KubeletContext,
    private readonly workers: () => PodWorker[],
  ) {}

  usage(): Promise<NodeUsage> {
    this.#measuring ??= this.#measure().finally(() => (this.#measuring = undefined));
    return this.#measuring;
  }

  async #measure(): Promise<NodeUsage> {
    const now = () => this.context.clock.now();
    if (!this.#last || !this.#before || now() - this.#last.at >= freshMs) await this.#sample();
    if (!this.#before || this.#last!.at - this.#before.at > longest || this.#last!.at - this.#before.at < shortest) {
      await this.context.clock.sleep(shortest);
      await this.#sample();
    }
    return nodeUsage(this.workers(), this.#before!, this.#last!);
  }

  async #sample(): Promise<void> {
    const stats = await nodeStats(this.context, this.workers());
    this.#before = this.#last;
    this.#last = { at: this.context.clock.now(), stats };
  }
}

/** A container that began since the first of the two has used all of its CPU time in between. */
export function nodeUsage(workers: PodWorker[], before: Sample, after: Sample): NodeUsage {
  const usage: NodeUsage = { timestamp: after.at, windowMs: after.at - before.at, cpuNanoCores: 0, memoryBytes: 0, pods: new Map() };
  for (const worker of workers) {
    const pod: PodUsage = { timestamp: 0, windowMs: 0, containers: [] };
    for (const { id, name, state, startedAt, createdAt } of worker.runtimeStatus.containers) {
      const now = after.stats.get(id);
      if (!now || state !== 'running') continue;
      const then = before.stats.get(id) ?? { timestamp: startedAt ?? createdAt, cpuNanoseconds: 0 };
      const windowMs = Math.max(1, now.timestamp - then.timestamp);
      const cpuNanoCores = (Math.max(0, now.cpuNanoseconds - then.cpuNanoseconds) / windowMs) * 1000;
      pod.containers.push({ name, cpuNanoCores, memoryBytes: now.memoryWorkingSetBytes });
      pod.timestamp = Math.max(pod.timestamp, now.timestamp);
      pod.windowMs = Math.max(pod.windowMs, windowMs);
      usage.cpuNanoCores += cpuNanoCores;
      usage.memoryBytes += now.memoryWorkingSetBytes;
    }
    if (pod.containers.length === 0) continue;
    usage.pods.set(uidOf(worker.pod), pod);
  }
  return usage;
}
