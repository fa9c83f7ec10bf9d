import type { Job } from '../../api/index.ts';
import { isNotFound } from '../../api/status.ts';
import { splitKey } from '../../api/meta.ts';
import { resources, type Client, type Informer } from '../../client/index.ts';
import { QueueController, type ControllerContext } from '../controller.ts';
import { finishedCondition } from './facts.ts';

/** Deletes Jobs some time after their end, where they ask for that. Mirrors pkg/controller/ttlafterfinished. */
export class TTLAfterFinishedController extends QueueController {
  readonly #jobs: Informer<Job>;

  constructor(context: ControllerContext) {
    super(context, 'ttl-after-finished-controller');
    this.#jobs = context.informers.informer(resources.jobs);
    const changed = (job: Job) => {
      if (expiry(job) !== undefined) this.enqueueObject(job);
    };
    this.#jobs.on({ add: changed, update: (_, job) => changed(job) });
  }

  protected async sync(key: string, client: Client): Promise<void> {
    const cached = this.#jobs.get(key);
    if (!cached || !this.#isExpired(key, cached)) return;
    const { namespace, name } = splitKey(key);
    try {
      // The cache may be behind, and the user may have changed the time.
      const job = await client.of(resources.jobs).get(namespace, name);
      if (!this.#isExpired(key, job)) return;
      const { uid, resourceVersion } = job.metadata!;
      await client
        .of(resources.jobs)
        .delete(namespace, name, { propagationPolicy: 'Foreground', preconditions: { uid, resourceVersion } });
      this.measures?.jobExpired(this.clock.now() - expiry(job)!);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #isExpired(key: string, job: Job): boolean {
    const at = expiry(job);
    if (at === undefined) return false;
    const left = at - this.clock.now();
    if (left > 0) this.queue.addAfter(key, left);
    return left <= 0;
  }
}

/** When the Job shall go, in milliseconds since the epoch; undefined: not by itself, or it is going already. */
function expiry(job: Job): number | undefined {
  const { ttlSecondsAfterFinished } = job.spec!;
  const at = finishedCondition(job)?.lastTransitionTime;
  if (ttlSecondsAfterFinished === undefined || !at || job.metadata!.deletionTimestamp) return undefined;
  return Date.parse(at) + ttlSecondsAfterFinished * 1000;
}
