import type { KubeletContext } from '../context.ts';
import { podStorage, type PodStorage } from '../eviction/localStorage.ts';
import type { PodWorker } from '../podWorker.ts';
import { uidOf } from '../spec.ts';
import { messageOf } from '../volumes/errors.ts';

/** How long a measurement is good for (upstream: volumeStatsAggPeriod). Milliseconds. */
const freshMs = 60_000;

/** Measures what pods have on the disk: when somebody asks, and each at most once a minute, as all of their files are looked at. */
export class StorageMeter {
  readonly #known = new Map<string, { at: number; time: number; storage: PodStorage }>();
  #measuring: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly context: KubeletContext,
    private readonly workers: () => PodWorker[],
  ) {}

  /** By the pods' uids; `time` in milliseconds since the epoch. */
  async usage(): Promise<ReadonlyMap<string, { time: number; storage: PodStorage }>> {
    // One after the other: whoever asks must not keep the engine from its work.
    await (this.#measuring = this.#measuring.then(() => this.#measure()));
    return this.#known;
  }

  async #measure(): Promise<void> {
    const { clock, log, machine } = this.context;
    if (machine.runtimeName === 'simulated') return;
    const workers = this.workers().filter(({ stage }) => stage === 'syncing');
    const uids = new Set(workers.map(({ pod }) => uidOf(pod)));
    for (const uid of this.#known.keys()) if (!uids.has(uid)) this.#known.delete(uid);
    for (const worker of workers) {
      const known = this.#known.get(uidOf(worker.pod));
      if (known && clock.monotonic() - known.at < freshMs) continue;
      try {
        this.#known.set(uidOf(worker.pod), { at: clock.monotonic(), time: clock.now(), storage: await podStorage(this.context, worker) });
      } catch (error) {
        return log.warn('what pods have on the disk could not be measured', { error: messageOf(error) });
      }
    }
  }
}
