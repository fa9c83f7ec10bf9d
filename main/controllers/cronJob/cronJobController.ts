import { parseSchedule, type Schedule } from '../../api/cronSchedule.ts';
import type { CronJob, Job } from '../../api/index.ts';
import { cloneJson, equalJson } from '../../api/json.ts';
import { controllerOf, keyOf, newControllerRef, timestamp } from '../../api/meta.ts';
import { isAlreadyExists, isNotFound } from '../../api/status.ts';
import { locationFault, TimeZone } from '../../api/timeZone.ts';
import { resources, type Client, type Informer } from '../../client/index.ts';
import { QueueController, type ControllerContext } from '../controller.ts';
import { finishedCondition } from '../job/facts.ts';
import { isNamespaceTerminating } from '../podControl.ts';
import { dueTime, untilNext } from './due.ts';

const kind = { group: 'batch', version: 'v1', kind: 'CronJob' };
const scheduledAnnotation = 'batch.kubernetes.io/cronjob-scheduled-timestamp';

/** Jobs at the times of a schedule. Mirrors pkg/controller/cronjob/cronjob_controllerv2.go. */
export class CronJobController extends QueueController {
  readonly #cronJobs: Informer<CronJob>;
  readonly #jobs: Informer<Job>;

  constructor(context: ControllerContext) {
    super(context, 'cronjob-controller');
    this.#cronJobs = context.informers.informer(resources.cronJobs);
    this.#jobs = context.informers.informer(resources.jobs);
    this.#cronJobs.on({
      add: (cronJob) => this.enqueueObject(cronJob),
      update: (old, cronJob) => this.#changed(old, cronJob),
    });
    this.#jobs.on({
      add: (job) => this.#jobChanged(job),
      update: (old, job) => {
        if (!equalJson(controllerOf(old), controllerOf(job))) this.#jobChanged(old);
        this.#jobChanged(job);
      },
      delete: (job) => this.#jobChanged(job),
    });
  }

  /** Times that a new schedule would have had are not made up for: it counts from its next one on. */
  #changed(old: CronJob, cronJob: CronJob): void {
    const { schedule, timeZone } = cronJob.spec!;
    if (old.spec!.schedule === schedule && old.spec!.timeZone === timeZone) return this.enqueueObject(cronJob);
    try {
      const wait = untilNext(cronJob, this.clock.now(), parseSchedule(schedule, timeZone));
      if (wait !== undefined) this.queue.addAfter(keyOf(cronJob), wait);
    } catch {
      // What is wrong with it is said in its turn.
      this.enqueueObject(cronJob);
    }
  }

  #jobChanged(job: Job): void {
    const ref = controllerOf(job);
    if (ref?.kind !== kind.kind) return;
    const cronJob = this.#cronJobs.get(`${job.metadata!.namespace}/${ref.name}`);
    if (cronJob?.metadata!.uid === ref.uid) this.enqueue(keyOf(cronJob), job);
  }

  protected async sync(key: string, client: Client): Promise<void> {
    const cached = this.#cronJobs.get(key);
    if (!cached) return;
    const cronJob = cloneJson(cached);
    cronJob.status ??= {};
    const jobs = this.#jobs
      .list(cronJob.metadata!.namespace)
      .filter((job) => controllerOf(job)?.uid === cronJob.metadata!.uid);
    await this.#removeOld(client, cronJob, jobs);
    let failure: unknown;
    try {
      await this.#follow(client, cronJob, jobs);
      if (!cronJob.metadata!.deletionTimestamp) await this.#schedule(key, client, cronJob);
    } catch (error) {
      failure = error;
    }
    if (cronJob.status.active?.length === 0) delete cronJob.status.active;
    if (!equalJson(cached.status ?? {}, cronJob.status)) await this.#writeStatus(client, cronJob);
    if (failure && !isNamespaceTerminating(failure)) throw failure;
  }

  async #writeStatus(client: Client, cronJob: CronJob): Promise<void> {
    try {
      await client.of(resources.cronJobs).updateStatus(cronJob);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** Jobs beyond the history that the user wants to keep. */
  async #removeOld(client: Client, cronJob: CronJob, jobs: Job[]): Promise<void> {
    const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = cronJob.spec!;
    const limits = { Complete: successfulJobsHistoryLimit, Failed: failedJobsHistoryLimit };
    for (const [type, limit] of Object.entries(limits)) {
      if (limit === undefined) continue;
      const ended = jobs.filter((job) => finishedCondition(job)?.type === type).sort(byStart);
      for (const job of ended.slice(0, Math.max(0, ended.length - limit))) await this.#delete(client, cronJob, job);
    }
  }

  async #delete(client: Client, cronJob: CronJob, job: Job): Promise<boolean> {
    const { namespace, name, uid } = job.metadata!;
    if (job.metadata!.deletionTimestamp) {
      forget(cronJob, uid!);
      return true;
    }
    try {
      await client.of(resources.jobs).delete(namespace!, name!, { propagationPolicy: 'Background' });
    } catch (error) {
      this.recorder.event(cronJob, 'Warning', 'FailedDelete', `Deleted job: ${(error as Error).message}`);
      return isNotFound(error);
    }
    forget(cronJob, uid!);
    this.recorder.event(cronJob, 'Normal', 'SuccessfulDelete', `Deleted job ${name}`);
    return true;
  }

  /** Brings the status up to what has become of the Jobs. */
  async #follow(client: Client, cronJob: CronJob, jobs: Job[]): Promise<void> {
    const status = cronJob.status!;
    for (const job of jobs) {
      const { uid, name } = job.metadata!;
      const active = isActive(cronJob, uid!);
      const finished = finishedCondition(job);
      if (!finished && !active && !(await this.#isActiveByNow(client, cronJob, uid!))) {
        const message = `Saw a job that the controller did not create or forgot: ${name}`;
        this.recorder.event(cronJob, 'Warning', 'UnexpectedJob', message);
      }
      if (finished && active) {
        forget(cronJob, uid!);
        const message = `Saw completed job: ${name}, condition: ${finished.type}`;
        this.recorder.event(cronJob, 'Normal', 'SawCompletedJob', message);
      }
      const { completionTime } = job.status ?? {};
      if (finished?.type === 'Complete' && completionTime && completionTime > (status.lastSuccessfulTime ?? ''))
        status.lastSuccessfulTime = completionTime;
    }
    const known = new Set(jobs.map((job) => job.metadata!.uid));
    for (const ref of status.active ?? []) {
      if (known.has(ref.uid) || (await this.#find(client, ref.namespace!, ref.name!))) continue;
      this.recorder.event(cronJob, 'Normal', 'MissingJob', `Active job went missing: ${ref.name}`);
      forget(cronJob, ref.uid!);
    }
  }

  /** The cache may not know the last write of this controller yet: then the server does. */
  async #isActiveByNow(client: Client, cronJob: CronJob, uid: string): Promise<boolean> {
    const { namespace, name } = cronJob.metadata!;
    const fresh = await client.of(resources.cronJobs).get(namespace!, name!);
    if (!isActive(fresh, uid)) return false;
    cronJob.metadata = cloneJson(fresh.metadata!);
    cronJob.status = cloneJson(fresh.status!);
    return true;
  }

  async #find(client: Client, namespace: string, name: string): Promise<Job | undefined> {
    try {
      return await client.of(resources.jobs).get(namespace, name);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #schedule(key: string, client: Client, cronJob: CronJob): Promise<void> {
    if (!this.#knowsTimeZone(cronJob) || cronJob.spec!.suspend) return;
    const schedule = this.#parse(cronJob);
    if (!schedule) return;
    const now = this.clock.now();
    let due: ReturnType<typeof dueTime>;
    try {
      due = dueTime(cronJob, now, schedule);
    } catch (error) {
      this.recorder.event(cronJob, 'Warning', 'InvalidSchedule', `invalid schedule: ${cronJob.spec!.schedule} : ${(error as Error).message}`);
      return;
    }
    if (due?.many) {
      const message = 'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew';
      this.recorder.event(cronJob, 'Warning', 'TooManyMissedTimes', message);
    }
    if (due) await this.#start(client, cronJob, due.at, now);
    const wait = untilNext(cronJob, now, schedule);
    if (wait !== undefined) this.queue.addAfter(key, wait);
  }

  #knowsTimeZone(cronJob: CronJob): boolean {
    const { timeZone } = cronJob.spec!;
    const fault = timeZone && locationFault(timeZone);
    if (!fault) return true;
    this.recorder.event(cronJob, 'Warning', 'UnknownTimeZone', `invalid timeZone: "${timeZone}": ${fault}`);
    return false;
  }

  #parse(cronJob: CronJob): Schedule | undefined {
    const { schedule, timeZone } = cronJob.spec!;
    if (schedule.includes('TZ')) {
      const message = `CRON_TZ or TZ used in schedule "${schedule}" is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details`;
      this.recorder.event(cronJob, 'Warning', 'UnsupportedSchedule', message);
    }
    try {
      return parseSchedule(schedule, timeZone);
    } catch (error) {
      const message = `unparseable schedule: "${schedule}" : ${(error as Error).message}`;
      this.recorder.event(cronJob, 'Warning', 'UnparseableSchedule', message);
      return undefined;
    }
  }

  /** Starts the Job of the time `at`, unless something speaks against it. */
  async #start(client: Client, cronJob: CronJob, at: number, now: number): Promise<void> {
    const { startingDeadlineSeconds, concurrencyPolicy } = cronJob.spec!;
    const status = cronJob.status!;
    if (startingDeadlineSeconds !== undefined && at + startingDeadlineSeconds * 1000 < now) {
      const when = new Date(at).toUTCString().replace('GMT', '+0000');
      this.recorder.event(cronJob, 'Warning', 'MissSchedule', `Missed scheduled time to start a job: ${when}`);
      return;
    }
    const name = jobName(cronJob, at);
    if (status.lastScheduleTime === timestamp(at) || status.active?.some((ref) => ref.name === name)) return;
    if (concurrencyPolicy === 'Forbid' && status.active?.length) {
      const message = 'Not starting job because prior execution is running and concurrency policy is Forbid';
      this.recorder.event(cronJob, 'Normal', 'JobAlreadyActive', message);
      return;
    }
    if (concurrencyPolicy === 'Replace') await this.#replaceActive(client, cronJob);
    const job = await this.#create(client, cronJob, at);
    if (!job) return;
    const { namespace, uid, resourceVersion } = job.metadata!;
    const ref = { kind: 'Job', apiVersion: 'batch/v1', namespace, name, uid, resourceVersion };
    status.active = [...(status.active ?? []), ref];
    status.lastScheduleTime = timestamp(at);
  }

  async #replaceActive(client: Client, cronJob: CronJob): Promise<void> {
    for (const { namespace, name } of cronJob.status!.active ?? []) {
      const job = await this.#find(client, namespace!, name!);
      if (job && !(await this.#delete(client, cronJob, job)))
        throw new Error(`could not replace job ${namespace}/${name}`);
    }
  }

  /** Undefined when somebody else has a Job of that name, or the status knows it already. */
  async #create(client: Client, cronJob: CronJob, at: number): Promise<Job | undefined> {
    const wanted = jobFor(cronJob, at);
    const { namespace, name } = wanted.metadata!;
    try {
      const job = await client.of(resources.jobs).create(wanted);
      this.measures?.cronJobStarted(Date.parse(job.metadata!.creationTimestamp!) - at);
      this.recorder.event(cronJob, 'Normal', 'SuccessfulCreate', `Created job ${name}`);
      return job;
    } catch (error) {
      if (!isAlreadyExists(error)) {
        if (!isNamespaceTerminating(error))
          this.recorder.event(cronJob, 'Warning', 'FailedCreate', `Error creating job: ${(error as Error).message}`);
        throw error;
      }
    }
    const job = await client.of(resources.jobs).get(namespace!, name!);
    const ours = controllerOf(job)?.uid === cronJob.metadata!.uid;
    return ours && !isActive(cronJob, job.metadata!.uid!) ? job : undefined;
  }
}

const isActive = ({ status }: CronJob, uid: string) => status?.active?.some((ref) => ref.uid === uid) ?? false;

function forget(cronJob: CronJob, uid: string): void {
  const status = cronJob.status!;
  status.active = status.active?.filter((ref) => ref.uid !== uid);
}

/** The same for the same time: however often it is tried, there is one Job. */
const jobName = (cronJob: CronJob, at: number) => `${cronJob.metadata!.name}-${Math.floor(at / 60_000)}`;

function jobFor(cronJob: CronJob, at: number): Job {
  const { jobTemplate, timeZone } = cronJob.spec!;
  const { labels, annotations } = cloneJson(jobTemplate.metadata ?? {});
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      namespace: cronJob.metadata!.namespace,
      name: jobName(cronJob, at),
      labels,
      annotations: { ...annotations, [scheduledAnnotation]: new TimeZone(timeZone).format(at) },
      ownerReferences: [newControllerRef(cronJob, kind)],
    },
    spec: cloneJson(jobTemplate.spec!),
  };
}

function byStart(a: Job, b: Job): number {
  const left = a.status?.startTime ?? '~';
  const right = b.status?.startTime ?? '~';
  if (left !== right) return left < right ? -1 : 1;
  return a.metadata!.name! < b.metadata!.name! ? -1 : 1;
}
