import type { VolumeUsage } from '../../runtime/index.ts';
import type { KubeletContext } from '../context.ts';
import type { PodWorker } from '../podWorker.ts';
import { uidOf } from '../spec.ts';
import type { ClaimVolume } from '../volumes/podVolumes.ts';
import { messageOf } from '../volumes/errors.ts';
import type { Exposition } from './exposition.ts';

/** How long a measurement is good for (upstream: volumeStatsAggPeriod). Milliseconds. */
const freshMs = 60_000;

/** What a claim's volume holds; `capacityBytes` is what was promised to the claim, which no engine holds it to. */
export interface ClaimUsage extends ClaimVolume {
  podUid: string;
  /** Milliseconds since the epoch. */
  time: number;
  usedBytes: number;
  availableBytes: number;
  inodes: number;
  inodesFree: number;
  inodesUsed: number;
}

/** Measures the claims of a node's pods: when somebody asks, and at most once a minute, as all of their files are looked at. */
export class ClaimMeter {
  #known = new Map<string, VolumeUsage>();
  #at = -Infinity;
  #time = 0;
  #measuring: Promise<void> | undefined;

  constructor(
    private readonly context: KubeletContext,
    private readonly workers: () => PodWorker[],
  ) {}

  async usage(): Promise<ClaimUsage[]> {
    const claims = this.workers().flatMap(({ pod }) => this.context.volumes.claimsOf(uidOf(pod)).map((claim) => ({ ...claim, podUid: uidOf(pod) })));
    const isOld = this.context.clock.monotonic() - this.#at >= freshMs;
    if (claims.length > 0 && (isOld || claims.some(({ engineVolume }) => !this.#known.has(engineVolume))))
      await (this.#measuring ??= this.#measure([...new Set(claims.map(({ engineVolume }) => engineVolume))]).finally(() => (this.#measuring = undefined)));
    return claims.flatMap((claim) => {
      const found = this.#known.get(claim.engineVolume);
      if (!found) return [];
      const { usedBytes, availableBytes, inodes, inodesFree } = found;
      const left = Math.max(0, Math.min(availableBytes, claim.capacityBytes - usedBytes));
      return [{ ...claim, time: this.#time, usedBytes, availableBytes: left, inodes, inodesFree, inodesUsed: inodes - inodesFree }];
    });
  }

  async #measure(volumes: string[]): Promise<void> {
    try {
      this.#known = await this.context.runtime.volumeUsage(volumes);
      this.#at = this.context.clock.monotonic();
      this.#time = this.context.clock.now();
    } catch (error) {
      this.context.log.warn('the volumes of claims could not be measured', { error: messageOf(error) });
    }
  }
}

const families: readonly [name: string, help: string, of: (usage: ClaimUsage) => number][] = [
  ['capacity_bytes', 'Capacity in bytes of the volume', ({ capacityBytes }) => capacityBytes],
  ['available_bytes', 'Number of available bytes in the volume', ({ availableBytes }) => availableBytes],
  ['used_bytes', 'Number of used bytes in the volume', ({ usedBytes }) => usedBytes],
  ['inodes', 'Maximum number of inodes in the volume', ({ inodes }) => inodes],
  ['inodes_free', 'Number of free inodes in the volume', ({ inodesFree }) => inodesFree],
  ['inodes_used', 'Number of used inodes in the volume', ({ inodesUsed }) => inodesUsed],
];

/** Mirrors pkg/kubelet/metrics/collectors/volume_stats.go: a claim of several pods counts once. */
export function claimMetrics(metrics: Exposition, usages: ClaimUsage[]): void {
  const byClaim = new Map(usages.map((usage) => [`${usage.namespace}/${usage.claim}`, usage]));
  if (byClaim.size === 0) return;
  for (const [name, help, of] of families) {
    metrics.family(`kubelet_volume_stats_${name}`, 'gauge', help);
    for (const usage of byClaim.values()) metrics.sample({ namespace: usage.namespace, persistentvolumeclaim: usage.claim }, of(usage));
  }
}
