import type { Job, JobStatus, Pod } from '../../api/index.ts';
import { cloneJson, equalJson } from '../../api/json.ts';
import { selectorFromLabelSelector } from '../../api/labels.ts';
import { controllerOf, keyOf, timestamp } from '../../api/meta.ts';
import { resources, type Client, type Informer } from '../../client/index.ts';
import { QueueController, type ControllerContext } from '../controller.ts';
import { claimObjects } from '../controllerRef.ts';
import { Expectations } from '../expectations.ts';
import type { JobAction } from '../metrics.ts';
import { PodControl } from '../podControl.ts';
import { addPodControllerIndex, isPodFinished, isPodReady, orphanPods, podsControlledBy } from '../pods.ts';
import { WrittenRevisions } from '../written.ts';
import type { BackoffRecord } from './backoff.ts';
import { ExpectedRemovals } from './expectedRemovals.ts';
import {
  ensureCondition,
  hasLimitPerIndex,
  isFinished,
  isIndexed,
  isManagedElsewhere,
  isSuspended,
  isTracked,
  jobCondition,
  trackingFinalizer,
} from './facts.ts';
import { parseIntervals, totalOf } from './intervals.ts';
import { JobPods, type ManageResult } from './jobPods.ts';
import { decideOutcome, isComplete, untilDeadline } from './outcome.ts';
import { beginSync, type JobSync } from './sync.ts';
import { countUntracked, planTracking } from './tracking.ts';

const kind = { group: 'batch', version: 'v1', kind: 'Job' };
/** What happens to pods within this time is dealt with, and written, together; upstream waits for a second. */
const batchPeriod = 100;
/** Before the names of pods in the queue that may have lost their Job. */
const orphan = 'orphan:';

/** Pods that run to their end, as often as wanted. Mirrors pkg/controller/job/job_controller.go. */
export class JobController extends QueueController {
  readonly #jobs: Informer<Job>;
  readonly #pods: Informer<Pod>;
  readonly #expectations: Expectations;
  readonly #removals = new ExpectedRemovals();
  readonly #written: WrittenRevisions;
  readonly #backoff = new Map<string, BackoffRecord>();
  readonly #jobPods: JobPods;

  constructor(context: ControllerContext) {
    super(context, 'job-controller');
    this.#expectations = new Expectations(this.clock);
    this.#jobPods = new JobPods(new PodControl(this.recorder), this.#expectations, this.clock, this.measures);
    this.#jobs = context.informers.informer(resources.jobs);
    this.#written = new WrittenRevisions(this.#jobs);
    this.#pods = context.informers.informer(resources.pods);
    addPodControllerIndex(this.#pods);
    this.#jobs.on({
      add: (job) => {
        if (isManagedElsewhere(job)) this.measures?.foreignJob(job.spec!.managedBy!);
        this.enqueueObject(job);
      },
      update: (old, job) => this.#jobUpdated(old, job),
      delete: (job) => {
        this.#forget(keyOf(job));
        this.#wakeTracked(job);
      },
    });
    this.#pods.on({
      add: (pod) => {
        this.#tellTracked(undefined, pod);
        this.#podAdded(pod);
      },
      update: (old, pod) => {
        this.#tellTracked(old, pod);
        this.#podUpdated(old, pod);
      },
      delete: (pod) => {
        this.#tellTracked(pod, undefined);
        this.#podDeleted(pod, true);
      },
    });
  }

  #tellTracked(old: Pod | undefined, pod: Pod | undefined): void {
    const is = waitsToBeCounted(pod);
    if (waitsToBeCounted(old) !== is) this.measures?.endedPodTracked(is ? 'add' : 'delete');
  }

  #jobUpdated(old: Job, job: Job): void {
    if (old.metadata!.uid !== job.metadata!.uid) this.#forget(keyOf(old));
    if (isFinished(job)) this.#wakeTracked(job);
    const changed = old.metadata!.generation !== job.metadata!.generation;
    this.enqueueAfter(keyOf(job), changed ? 0 : batchPeriod, job);
  }

  #ownerOf(pod: Pod): Job | undefined {
    const ref = controllerOf(pod);
    if (ref?.kind !== kind.kind) return undefined;
    const job = this.#jobs.get(`${pod.metadata!.namespace}/${ref.name}`);
    return job?.metadata!.uid === ref.uid ? job : undefined;
  }

  #wake(job: Job, pod: Pod): void {
    this.enqueueAfter(keyOf(job), batchPeriod, pod);
  }

  #wakeOrphan(pod: Pod): void {
    if (isTracked(pod)) this.enqueue(orphan + keyOf(pod), pod);
  }

  /** Pods that a Job which is over or gone may have left with their finalizers. */
  #wakeTracked(job: Job): void {
    for (const pod of podsControlledBy(this.#pods, job.metadata!.uid!)) this.#wakeOrphan(pod);
  }

  #wakeSelecting(pod: Pod): void {
    for (const job of this.#jobs.list(pod.metadata!.namespace)) {
      if (selectorFromLabelSelector(job.spec!.selector).matches(pod.metadata!.labels)) this.#wake(job, pod);
    }
  }

  #podAdded(pod: Pod): void {
    if (pod.metadata!.deletionTimestamp) return this.#podDeleted(pod, false);
    const owner = this.#ownerOf(pod);
    if (owner) {
      this.#expectations.creationObserved(keyOf(owner));
      this.#wake(owner, pod);
    } else if (!controllerOf(pod)) {
      this.#wakeOrphan(pod);
      this.#wakeSelecting(pod);
    }
  }

  #podUpdated(old: Pod, pod: Pod): void {
    if (pod.metadata!.deletionTimestamp) return this.#podDeleted(pod, false);
    const refChanged = !equalJson(controllerOf(old), controllerOf(pod));
    const former = refChanged ? this.#ownerOf(old) : undefined;
    const owner = this.#ownerOf(pod);
    for (const job of [former, owner]) {
      if (!job) continue;
      if (!isTracked(pod)) this.#removals.observed(keyOf(job), pod.metadata!.uid!);
      this.#wake(job, pod);
    }
    if (controllerOf(pod)) return;
    this.#wakeOrphan(pod);
    if (refChanged || !equalJson(old.metadata!.labels, pod.metadata!.labels)) this.#wakeSelecting(pod);
  }

  /** `final`: it is gone, not only on its way out. */
  #podDeleted(pod: Pod, final: boolean): void {
    const owner = this.#ownerOf(pod);
    if (!owner || isFinished(owner)) {
      if (!final) this.#wakeOrphan(pod);
      if (!owner) return;
    }
    const key = keyOf(owner);
    const uid = pod.metadata!.uid!;
    this.#expectations.deletionObserved(key, uid);
    if (final || !isTracked(pod)) this.#removals.observed(key, uid);
    this.#wake(owner, pod);
  }

  #forget(key: string): void {
    this.#expectations.forget(key);
    this.#removals.forget(key);
    this.#backoff.delete(key);
  }

  protected async sync(key: string, client: Client): Promise<void> {
    if (key.startsWith(orphan)) return this.#syncOrphan(client, key.slice(orphan.length));
    const cached = this.#jobs.get(key);
    if (!cached || isFinished(cached)) return this.#forget(key);
    // What this controller last wrote wakes it again when it arrives.
    if (isManagedElsewhere(cached) || !this.#written.seen(key)) return;
    const started = this.clock.monotonic();
    const done: Done = { action: 'reconciling' };
    let failed = true;
    try {
      await this.#syncJob(key, client, cloneJson(cached), done);
      failed = false;
    } finally {
      this.measures?.jobSynced(modeOf(cached), done.action, failed, this.clock.monotonic() - started);
    }
  }

  /** A pod that no Job will count any more need not wait for that. */
  async #syncOrphan(client: Client, key: string): Promise<void> {
    const pod = this.#pods.get(key);
    if (!pod || !isTracked(pod)) return;
    const ref = controllerOf(pod);
    if (ref && (ref.kind !== kind.kind || ref.apiVersion !== 'batch/v1')) return;
    const job = this.#ownerOf(pod);
    if (job && (isManagedElsewhere(job) || !isFinished(job))) return;
    await this.#jobPods.untrack(client, pod);
  }

  async #syncJob(key: string, client: Client, job: Job, done: Done): Promise<void> {
    const before = cloneJson(job.status ?? {});
    const settled = this.#expectations.satisfied(key);
    const pods = await this.#claim(client, job);
    const now = this.clock.now();
    const sync = beginSync(client, job, pods, this.#removals.of(key), this.#backoff.get(key));
    const status = job.status!;
    if (!status.startTime && !isSuspended(job)) status.startTime = timestamp(now);
    decideOutcome(sync, now);
    const wait = untilDeadline(job, now);
    if (!sync.finished && wait !== undefined) this.queue.addAfter(key, wait);
    const failure = await this.#managePods(sync, settled, done);
    status.active = sync.active || undefined;
    status.ready = sync.ready;
    status.terminating = sync.terminating;
    await this.#track(key, sync, before);
    if (failure) throw failure;
  }

  async #claim(client: Client, job: Job): Promise<Pod[]> {
    const { uid, namespace } = job.metadata!;
    const claimed = await claimObjects([...podsControlledBy(this.#pods, uid!), ...orphanPods(this.#pods, namespace!)], {
      client,
      owner: job,
      ownerKind: kind,
      ownerDef: resources.jobs,
      selector: selectorFromLabelSelector(job.spec!.selector),
      def: resources.pods,
      finalizer: trackingFinalizer,
    });
    return claimed.map((pod) => {
      if (controllerOf(pod) || isTracked(pod)) return pod;
      // Adopted just now, with the finalizer.
      const finalizers = [...(pod.metadata!.finalizers ?? []), trackingFinalizer];
      return { ...pod, metadata: { ...pod.metadata, finalizers } };
    });
  }

  /** Makes and deletes pods as the Job wants it now. Resolves with what went wrong. */
  async #managePods(sync: JobSync, settled: boolean, done: Done): Promise<Error | undefined> {
    if (sync.finished) return this.#deleteActive(sync, settled);
    const managed = settled && !sync.job.metadata!.deletionTimestamp;
    const result: Partial<ManageResult> = managed ? await this.#jobPods.manage(sync) : {};
    if (result.action) done.action = result.action;
    if (result.retryAfter) this.queue.addAfter(keyOf(sync.job), Math.max(result.retryAfter, batchPeriod));
    const now = this.clock.now();
    if (isComplete(sync)) {
      const message = 'Reached expected number of succeeded pods';
      sync.finished = jobCondition('SuccessCriteriaMet', 'CompletionsReached', message, now);
    } else if (managed) this.#tellSuspension(sync, now);
    return result.failure;
  }

  async #deleteActive(sync: JobSync, settled: boolean): Promise<Error | undefined> {
    const { deleted, failure } = await this.#jobPods.delete(sync, sync.activePods);
    // There may be pods that the cache does not know yet, or that are left: the end has to wait for them.
    if (deleted.length !== sync.active || !settled) sync.finished = undefined;
    sync.active -= deleted.length;
    sync.terminating += deleted.length;
    sync.ready -= deleted.filter(isPodReady).length;
    return failure;
  }

  #tellSuspension(sync: JobSync, now: number): void {
    const status = sync.job.status!;
    const suspended = isSuspended(sync.job);
    const wanted = suspended
      ? jobCondition('Suspended', 'JobSuspended', 'Job suspended', now)
      : jobCondition('Suspended', 'JobResumed', 'Job resumed', now, 'False');
    const conditions = ensureCondition(status.conditions, wanted);
    if (!conditions) return;
    status.conditions = conditions;
    this.recorder.event(sync.job, 'Normal', suspended ? 'Suspended' : 'Resumed', wanted.message!);
    // The deadline is about the time that the Job is active without a break.
    if (suspended) delete status.startTime;
    else status.startTime = timestamp(now);
  }

  /** Counts the pods that have ended, lets them go, and writes down the Job's end once nothing is left to be counted. */
  async #track(key: string, sync: JobSync, before: JobStatus): Promise<void> {
    const tracked = new Set<string>();
    for (const pod of sync.pods) {
      const uid = pod.metadata!.uid!;
      if (isTracked(pod) && !sync.untracked.has(uid)) tracked.add(uid);
    }
    countUntracked(sync.job.status!, tracked);
    const plan = planTracking(sync);
    this.#announceEnd(sync);
    if (!equalJson(before, sync.job.status)) await this.#writeStatus(key, sync, before);
    for (const action of plan.handled) this.measures?.podFailureHandled(action);
    this.#backoff.set(key, sync.backoff);
    const written = cloneJson(sync.job.status!);
    const { gone, failure } = await this.#untrack(key, sync, plan.untrack);
    for (const uid of gone) tracked.delete(uid);
    countUntracked(sync.job.status!, tracked);
    const ended = !failure && !plan.full && this.#end(sync);
    if (!equalJson(written, sync.job.status)) await this.#writeStatus(key, sync, written);
    if (failure) throw failure;
    if (ended) this.#sayEnded(sync);
  }

  /** The decision is written before pods are let go: it must not depend on them any more. */
  #announceEnd(sync: JobSync): void {
    const { finished } = sync;
    if (!finished) return;
    const status = sync.job.status!;
    const now = this.clock.now();
    const { type, reason = '', message = '' } = finished;
    if (type === 'FailureTarget' || type === 'SuccessCriteriaMet')
      status.conditions = ensureCondition(status.conditions, finished) ?? status.conditions;
    if (type === 'FailureTarget') sync.finished = jobCondition('Failed', reason, message, now);
    else if (type === 'SuccessCriteriaMet') sync.finished = jobCondition('Complete', reason, message, now);
  }

  #end({ job, finished, terminating }: JobSync): boolean {
    const status = job.status!;
    const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
    if (!finished || succeeded.length + failed.length > 0 || terminating > 0) return false;
    status.conditions = ensureCondition(status.conditions, finished) ?? status.conditions;
    if (finished.type === 'Complete') status.completionTime = finished.lastTransitionTime;
    return true;
  }

  #sayEnded({ job, finished }: JobSync): void {
    const { completions } = job.spec!;
    const { type, reason = '', message } = finished!;
    this.measures?.jobFinished(modeOf(job), type === 'Complete' ? 'succeeded' : 'failed', reason);
    if (type !== 'Complete') return this.recorder.event(job, 'Warning', reason, message!);
    if (completions !== undefined && (job.status!.succeeded ?? 0) > completions) {
      const tooMany = 'Too many succeeded pods running after completion count reached';
      this.recorder.event(job, 'Warning', 'TooManySucceededPods', tooMany);
    }
    this.recorder.event(job, 'Normal', 'Completed', 'Job completed');
  }

  /** `before`: what was written last. */
  async #writeStatus(key: string, sync: JobSync, before: JobStatus): Promise<void> {
    const written = await sync.client.of(resources.jobs).updateStatus(sync.job);
    this.#written.wrote(key, written);
    this.#tellEnded(written, before);
    sync.job = cloneJson(written);
    sync.job.status!.uncountedTerminatedPods ??= {};
  }

  /** Counts what the status says has ended, and did not say before. */
  #tellEnded(job: Job, before: JobStatus): void {
    const { measures } = this;
    if (!measures) return;
    const now = job.status!;
    const mode = modeOf(job);
    let succeeded = (now.succeeded ?? 0) - (before.succeeded ?? 0);
    if (isIndexed(job)) {
      const perIndex = hasLimitPerIndex(job);
      const more = (field: 'completedIndexes' | 'failedIndexes') => indexesIn(job, now[field]) - indexesIn(job, before[field]);
      // One that is out of range by now has ended all the same.
      succeeded = more('completedIndexes');
      measures.jobIndexesFinished('succeeded', perIndex, succeeded);
      if (perIndex && now.failedIndexes !== before.failedIndexes) measures.jobIndexesFinished('failed', perIndex, more('failedIndexes'));
    }
    measures.jobPodsFinished(mode, 'succeeded', succeeded);
    measures.jobPodsFinished(mode, 'failed', (now.failed ?? 0) - (before.failed ?? 0));
  }

  async #untrack(key: string, sync: JobSync, pods: Pod[]): Promise<{ gone: string[]; failure: Error | undefined }> {
    const uids = pods.map((pod) => pod.metadata!.uid!);
    this.#removals.expect(key, uids);
    let failure: Error | undefined;
    const gone: string[] = [];
    await Promise.all(
      pods.map(async (pod) => {
        const uid = pod.metadata!.uid!;
        try {
          await this.#jobPods.untrack(sync.client, pod);
        } catch (error) {
          // Its uid stays in the status until it is known to be let go.
          this.#removals.observed(key, uid);
          failure ??= error as Error;
          return;
        }
        gone.push(uid);
        // As long as the cache shows it with the finalizer it would be counted again.
        const cached = this.#pods.get(keyOf(pod));
        if (cached?.metadata!.uid !== uid || !isTracked(cached)) this.#removals.observed(key, uid);
      }),
    );
    return { gone, failure };
  }
}

/** What one sync has done, to be measured. */
interface Done {
  action: JobAction;
}

const waitsToBeCounted = (pod: Pod | undefined) => pod !== undefined && isTracked(pod) && isPodFinished(pod);
const modeOf = (job: Job) => (isIndexed(job) ? 'Indexed' : 'NonIndexed');
const indexesIn = (job: Job, text: string | undefined) => totalOf(parseIntervals(text, job.spec!.completions!));
