import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DeploymentSpec, Job, JobSpec, Pod, ReplicaSet, StatefulSet, StatefulSetSpec } from '../../../main/api/index.ts';
import { scaledValue } from '../../../main/api/intstr.ts';
import { controllerOf, timestamp } from '../../../main/api/meta.ts';
import { resources } from '../../../main/client/index.ts';
import { DeploymentController } from '../../../main/controllers/deployment.ts';
import { parseIntervals } from '../../../main/controllers/job/intervals.ts';
import { JobController } from '../../../main/controllers/job/jobController.ts';
import { ReplicaSetController } from '../../../main/controllers/replicaSet.ts';
import { StatefulSetController } from '../../../main/controllers/statefulSet/statefulSetController.ts';
import { settle } from '../../support/fakeClock.ts';
import { Stormy } from './stormy.ts';

/** The same stories every time; `RUNS=300` tells so many others. */
const runs = process.env.RUNS ? { numRuns: Number(process.env.RUNS) } : { numRuns: 10, seed: 2026 };
const patience = { timeout: process.env.RUNS ? 3_600_000 : 120_000 };
const template = { metadata: { labels: { app: 'x' } }, spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } };
const hasEnded = ({ status }: Pod) => status?.phase === 'Succeeded' || status?.phase === 'Failed';
const isGoing = ({ metadata }: Pod) => metadata!.deletionTimestamp !== undefined;
const indexOf = ({ metadata }: Pod) => Number(metadata!.annotations!['batch.kubernetes.io/job-completion-index']);
const endOf = ({ status }: Job) => status?.conditions?.find(({ type, status: is }) => (type === 'Complete' || type === 'Failed') && is === 'True');

/** What a Job's status says at each revision, held against the pods that there were. */
class JobLedger {
  readonly broken: string[] = [];
  readonly #ended = { succeeded: new Set<string>(), failed: new Set<string>() };
  readonly #counted = new Set<string>();
  #before: Job | undefined;

  constructor(private readonly pods: ReadonlyMap<string, Pod>) {}

  pod(type: string, pod: Pod, job: Job): void {
    const uid = pod.metadata!.uid!;
    if (pod.status?.phase === 'Succeeded') this.#ended.succeeded.add(uid);
    if (pod.status?.phase === 'Failed' || isGoing(pod)) this.#ended.failed.add(uid);
    if (type !== 'ADDED') return;
    const { parallelism, podReplacementPolicy, completionMode, backoffLimitPerIndex } = job.spec!;
    const others = [...this.pods.values()].filter((other) => !hasEnded(other) && (podReplacementPolicy === 'Failed' || !isGoing(other)));
    if (others.length > parallelism!) this.broken.push(`${others.length} pods at once, ${parallelism} allowed`);
    if (endOf(job)) this.broken.push('a pod after the end');
    if (completionMode !== 'Indexed') return;
    const index = indexOf(pod);
    if (others.filter((other) => !isGoing(other) && indexOf(other) === index).length > 1) this.broken.push(`two pods for index ${index}`);
    const failures = Number(pod.metadata!.annotations?.['batch.kubernetes.io/job-index-failure-count'] ?? 0);
    if (failures > (backoffLimitPerIndex ?? Infinity)) this.broken.push(`index ${index} begins after ${failures} failures`);
  }

  job(job: Job): void {
    const [before, now] = [this.#before?.status ?? {}, job.status ?? {}];
    const lists = (status: Job['status']) => ({ succeeded: status?.uncountedTerminatedPods?.succeeded ?? [], failed: status?.uncountedTerminatedPods?.failed ?? [] });
    const [waited, waiting] = [lists(before), lists(now)];
    if (this.#before && endOf(this.#before)) {
      if (JSON.stringify(before) !== JSON.stringify(now)) this.broken.push('a status that changes after its end');
      return;
    }
    this.#before = job;
    for (const outcome of ['succeeded', 'failed'] as const) {
      for (const uid of waiting[outcome]) {
        if (this.#counted.has(uid)) this.broken.push(`${uid} waits to be counted once more`);
        if (!this.#ended[outcome].has(uid)) this.broken.push(`${uid} has not ${outcome}`);
      }
      const left = waited[outcome].filter((uid) => !waiting[outcome].includes(uid));
      for (const uid of left) this.#counted.add(uid);
      const more = (now[outcome] ?? 0) - (before[outcome] ?? 0);
      const byIndex = outcome === 'succeeded' && job.spec!.completionMode === 'Indexed';
      if (!byIndex && more !== left.length) this.broken.push(`${more} more ${outcome}, ${left.length} were waiting for it`);
    }
    if (waiting.succeeded.some((uid) => waiting.failed.includes(uid))) this.broken.push('a pod waits to be counted as both');
    this.#indexes(job, before);
    if (!endOf(job)) return;
    if (now.active || now.ready || now.terminating) this.broken.push('an end with pods that run');
    if ([...this.pods.values()].some((pod) => !hasEnded(pod))) this.broken.push('an end beside pods that run');
    if (waiting.succeeded.length + waiting.failed.length > 0) this.broken.push('an end with pods that are not counted');
  }

  #indexes({ spec, status }: Job, before: NonNullable<Job['status']>): void {
    if (spec!.completionMode !== 'Indexed') return;
    const read = (text: string | undefined) => indexesOf(text, spec!.completions!);
    const done = read(status?.completedIndexes);
    if ((status?.succeeded ?? 0) !== done.length) this.broken.push(`${status?.succeeded} succeeded, of which ${status?.completedIndexes}`);
    if (read(before.completedIndexes).some((index) => !done.includes(index))) this.broken.push(`${before.completedIndexes} becomes ${status?.completedIndexes}`);
    const failed = read(status?.failedIndexes);
    if (read(before.failedIndexes).some((index) => !failed.includes(index))) this.broken.push(`of the failed ${before.failedIndexes} becomes ${status?.failedIndexes}`);
    if (failed.some((index) => done.includes(index))) this.broken.push('an index that has both failed and succeeded');
  }
}

const indexesOf = (text: string | undefined, end: number) => parseIntervals(text, end).flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i));

/** Hears of every change beside the storm itself. */
function listen(storm: Stormy, hear: NonNullable<Stormy['server']['onChange']>): void {
  const tell = storm.server.onChange!;
  storm.server.onChange = (change) => {
    tell(change);
    hear(change);
  };
}

describe('at every revision, whatever goes wrong meanwhile', () => {
  it('a Job keeps its books', patience, async () => {
    const record = fc.record({
      seed: fc.nat(),
      unsent: fc.constantFrom(0, 0.05, 0.2),
      completions: fc.integer({ min: 1, max: 6 }),
      parallelism: fc.integer({ min: 1, max: 4 }),
      indexed: fc.boolean(),
      limit: fc.integer({ min: 0, max: 3 }),
      perIndex: fc.boolean(),
      podReplacementPolicy: fc.constantFrom('Failed', 'TerminatingOrFailed'),
      ignores: fc.boolean(),
      early: fc.option(fc.integer({ min: 1, max: 6 }), { freq: 3, nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(record, async ({ seed, unsent, completions, parallelism, indexed, limit, perIndex, podReplacementPolicy, ignores, early }) => {
        const storm: Stormy = new Stormy(seed, [JobController], () => {});
        const ledger = new JobLedger(storm.pods);
        const job = () => storm.server.find(resources.jobs, 'default', 'work')!;
        listen(storm, ({ type, def, object }) => {
          if (def.resource === 'pods') ledger.pod(type, object as Pod, job());
          else if (def.resource === 'jobs') ledger.job(object as Job);
        });
        await storm.start();
        storm.transport.unsent = unsent;
        const spec: JobSpec = {
          completions,
          parallelism,
          completionMode: indexed ? 'Indexed' : 'NonIndexed',
          ...(indexed && perIndex ? { backoffLimitPerIndex: limit, backoffLimit: 2 ** 31 - 1 } : { backoffLimit: limit * 3 }),
          ...(indexed && early && { successPolicy: { rules: [{ succeededCount: Math.min(early, completions) }] } }),
          ...(ignores && { podFailurePolicy: { rules: [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }] } }),
          podReplacementPolicy: ignores ? 'Failed' : podReplacementPolicy,
          selector: { matchLabels: { app: 'x' } },
          template,
        };
        storm.server.seed(resources.jobs, { metadata: { name: 'work', namespace: 'default', generation: 1, creationTimestamp: timestamp(storm.clock.now()) }, spec });
        const change = (edit: (spec: JobSpec) => void) =>
          storm.server.change(resources.jobs, 'default', 'work', (j) => {
            edit(j.spec!);
            j.metadata!.generation!++;
          });
        for (let i = 0; i < 100 && !endOf(job()); i++) {
          await storm.storm();
          const dice = storm.chance.next();
          const pod = storm.pick([...storm.pods.values()].filter((each) => !hasEnded(each) && !isGoing(each)));
          const going = storm.pick([...storm.pods.values()].filter((each) => !hasEnded(each) && isGoing(each)));
          if (dice < 0.05) change((s) => (s.suspend = !s.suspend));
          else if (going && dice < 0.2) storm.remove(going);
          else if (pod && dice < 0.3) await storm.server.client().of(resources.pods).delete('default', pod.metadata!.name!);
          else if (pod && dice < 0.5) storm.end(pod, 'Failed');
          else if (pod && dice < 0.75) storm.end(pod, 'Succeeded');
          else storm.moveOne();
          await settle();
        }
        change((s) => (s.suspend = false));
        for (let i = 0; i < 40 && !endOf(job()); i++) {
          await storm.calm();
          for (const pod of storm.pods.values()) {
            if (isGoing(pod)) storm.remove(pod);
            else if (!hasEnded(pod)) storm.end(pod, 'Succeeded');
          }
          await settle();
        }
        await storm.calm();
        const kept = [...storm.pods.values()].filter((pod) => pod.metadata!.finalizers?.length);
        const end = endOf(job());
        await storm.stop();
        expect(ledger.broken).toEqual([]);
        expect(end).toBeDefined();
        expect(kept).toEqual([]);
      }),
      runs,
    );
  });

  it('a StatefulSet goes in order, over its partition and within maxUnavailable', patience, async () => {
    const shape = fc.record({ replicas: fc.integer({ min: 1, max: 5 }), partition: fc.integer({ min: 0, max: 3 }), most: fc.constantFrom<number | string>(1, 1, 2, '50%'), image: fc.integer({ min: 1, max: 3 }) });
    const record = fc.record({ seed: fc.nat(), unsent: fc.constantFrom(0, 0.05, 0.2), start: fc.integer({ min: 0, max: 2 }), parallel: fc.boolean(), shapes: fc.array(shape, { minLength: 2, maxLength: 4 }) });
    await fc.assert(
      fc.asyncProperty(record, async ({ seed, unsent, start, parallel, shapes }) => {
        const broken: string[] = [];
        const specOf = ({ replicas, partition, most, image }: (typeof shapes)[number]): StatefulSetSpec => ({
          replicas,
          serviceName: 'db',
          ordinals: { start },
          podManagementPolicy: parallel ? 'Parallel' : 'OrderedReady',
          updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition, maxUnavailable: most } },
          selector: { matchLabels: { app: 'x' } },
          template: { metadata: template.metadata, spec: { containers: [{ name: 'c', image: `i:${image}` }] } },
        });
        /** What the controller may have in mind: the present and, until all is at rest, the one before. */
        let specs = [specOf(shapes[0]!)];
        const ordinal = (pod: Pod) => Number(pod.metadata!.name!.split('-').at(-1));
        const isWell = (pod: Pod | undefined) => pod !== undefined && !isGoing(pod) && pod.status?.phase === 'Running';
        const known = new Map<string, Pod>();
        const storm: Stormy = new Stormy(seed, [StatefulSetController], ({ type, pod }) => {
          const { name } = pod.metadata!;
          const before = known.get(name!);
          if (type === 'DELETED') return void known.delete(name!);
          known.set(name!, pod);
          const number = ordinal(pod);
          const at = (n: number) => storm.pods.get(`db-${n}`);
          const within = (spec: StatefulSetSpec) => number >= start && number < start + spec.replicas!;
          if (type === 'ADDED' && !specs.some(within)) broken.push(`number ${number} is none of its`);
          if (!isGoing(pod) || before === undefined || isGoing(before)) return;
          const others = [...storm.pods.values()].filter((other) => other.metadata!.name !== name);
          if (specs.every((spec) => !within(spec))) {
            if (parallel) return;
            if (others.some((other) => ordinal(other) > number)) broken.push(`number ${number} goes before those above it`);
            return;
          }
          if (!specs.every(within)) return;
          const partition = Math.min(...specs.map((spec) => spec.updateStrategy!.rollingUpdate!.partition!));
          if (number - start < partition) broken.push(`number ${number} is updated under the partition ${partition}`);
          if (!isWell(before)) return;
          if (new Set(specs.map((spec) => spec.replicas)).size > 1) return;
          const numbers = Array.from({ length: specs[0]!.replicas! }, (_, i) => start + i);
          const missing = numbers.filter((n) => !isWell(at(n))).length;
          const most = Math.max(...specs.map((spec) => Math.max(1, scaledValue(spec.updateStrategy!.rollingUpdate!.maxUnavailable!, spec.replicas!, false))));
          if (missing > most) broken.push(`${missing} are away, ${most} may be`);
        });
        await storm.start();
        const set: StatefulSet = { metadata: { name: 'db', namespace: 'default', generation: 1 }, spec: specs[0]! };
        storm.server.seed(resources.statefulSets, set);
        const rest = async () => {
          await storm.calm();
          for (let i = 0; i < 50; i++) {
            storm.moveOne();
            await settle();
            await storm.clock.advance(1000);
          }
          await storm.calm();
        };
        await rest();
        for (const shape of shapes.slice(1)) {
          const spec = specOf(shape);
          specs = [specs.at(-1)!, spec];
          storm.transport.unsent = storm.transport.unanswered = unsent;
          storm.server.change(resources.statefulSets, 'default', 'db', (s) => {
            s.spec = spec;
            s.metadata!.generation!++;
          });
          for (let i = 0; i < 30; i++) {
            await storm.storm();
            storm.moveOne();
            await settle();
          }
          await rest();
          specs = [spec];
        }
        const last = shapes.at(-1)!;
        const pods = [...storm.pods.values()];
        const { status } = storm.server.find(resources.statefulSets, 'default', 'db')!;
        await storm.stop();
        expect(broken).toEqual([]);
        expect(pods.map(ordinal).sort()).toEqual(Array.from({ length: last.replicas }, (_, i) => start + i));
        expect(pods.filter((pod) => ordinal(pod) - start >= last.partition && pod.spec!.containers[0]!.image !== `i:${last.image}`)).toEqual([]);
        expect(status).toMatchObject({ replicas: last.replicas, readyReplicas: last.replicas, availableReplicas: last.replicas });
      }),
      runs,
    );
  });

  it('a Deployment keeps its bounds while it is scaled, paused, rolled back and given other strategies', patience, async () => {
    const bound = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 100 }).map((p) => `${p}%`));
    const shape = fc.record({ replicas: fc.integer({ min: 0, max: 6 }), maxSurge: bound, maxUnavailable: bound, recreates: fc.constantFrom(false, true), paused: fc.constantFrom(false, false, false, true), image: fc.integer({ min: 1, max: 3 }) });
    const record = fc.record({ seed: fc.nat(), unsent: fc.constantFrom(0, 0.05, 0.2), history: fc.integer({ min: 1, max: 3 }), shapes: fc.array(shape, { minLength: 2, maxLength: 5 }) });
    await fc.assert(
      fc.asyncProperty(record, async ({ seed, unsent, history, shapes }) => {
        const broken: string[] = [];
        const specOf = ({ replicas, maxSurge, maxUnavailable, recreates, paused, image }: (typeof shapes)[number]): DeploymentSpec => ({
          replicas,
          paused,
          revisionHistoryLimit: history,
          strategy: recreates ? { type: 'Recreate' } : { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
          selector: { matchLabels: { app: 'x' } },
          template: { metadata: template.metadata, spec: { containers: [{ name: 'c', image: `i:${image}` }] } },
        });
        const most = ({ replicas, strategy }: DeploymentSpec) => replicas! + scaledValue(strategy!.rollingUpdate?.maxSurge ?? 0, replicas!, true);
        const least = ({ replicas, strategy }: DeploymentSpec) => {
          if (!strategy!.rollingUpdate) return 0;
          const { maxSurge, maxUnavailable } = strategy!.rollingUpdate;
          return replicas! - (scaledValue(maxUnavailable!, replicas!, false) || (scaledValue(maxSurge!, replicas!, true) === 0 ? 1 : 0));
        };
        /** What the controller may have in mind: the present and, until all is at rest, the one before. */
        let specs = [specOf(shapes[0]!)];
        const isWell = (pod: Pod) => !isGoing(pod) && pod.status?.phase === 'Running';
        const known = new Map<string, Pod>();
        const storm: Stormy = new Stormy(seed, [DeploymentController, ReplicaSetController], ({ type, pod }) => {
          const before = known.get(pod.metadata!.name!);
          known.set(pod.metadata!.name!, pod);
          const all = [...storm.pods.values()];
          const owner = controllerOf(pod)!.uid;
          const others = all.filter((other) => !hasEnded(other) && controllerOf(other)!.uid !== owner);
          const { strategy, template: newest } = specs.at(-1)!;
          const isNew = pod.spec!.containers[0]!.image === newest.spec!.containers[0]!.image;
          if (type === 'ADDED' && isNew && others.length > 0 && strategy!.type === 'Recreate') broken.push('a new pod beside an old one');
          const leaves = before && isWell(before) && (type === 'DELETED' || isGoing(pod));
          const well = all.filter(isWell).length;
          const needed = Math.min(...specs.map(least));
          if (leaves && well < needed) broken.push(`${well} ready, ${needed} needed`);
        });
        let revision = 0;
        const replicasOf = new Map<string, number>();
        listen(storm, ({ type, def, object }) => {
          if (def.resource === 'replicasets') {
            const { uid } = object.metadata!;
            const before = replicasOf.get(uid!) ?? 0;
            if (type === 'DELETED') return void replicasOf.delete(uid!);
            replicasOf.set(uid!, (object as ReplicaSet).spec!.replicas!);
            const sum = [...replicasOf.values()].reduce((a, b) => a + b, 0);
            const allowed = Math.max(...specs.map(most));
            if (replicasOf.get(uid!)! > before && sum > allowed) broken.push(`${sum} wanted, ${allowed} allowed`);
          } else if (def.resource === 'deployments') {
            const now = Number(object.metadata!.annotations?.['deployment.kubernetes.io/revision'] ?? 0);
            if (now < revision) broken.push(`revision ${revision} becomes ${now}`);
            revision = now;
          }
        });
        await storm.start();
        storm.server.seed(resources.deployments, { metadata: { name: 'web', namespace: 'default', generation: 1 }, spec: specs[0]! });
        const rest = async () => {
          await storm.calm();
          for (let i = 0; i < 60; i++) {
            storm.moveOne();
            await settle();
          }
          await storm.calm();
        };
        const become = (spec: DeploymentSpec) => {
          specs = [specs.at(-1)!, spec];
          storm.server.change(resources.deployments, 'default', 'web', (d) => {
            d.spec = spec;
            d.metadata!.generation!++;
          });
        };
        await rest();
        for (const each of shapes.slice(1)) {
          storm.transport.unsent = unsent;
          become(specOf(each));
          for (let i = 0; i < 25; i++) {
            await storm.storm();
            storm.moveOne();
            await settle();
          }
          await rest();
          specs = [specs.at(-1)!];
        }
        const last = { ...specs.at(-1)!, paused: false };
        become(last);
        await rest();
        const images = [...storm.pods.values()].map((pod) => pod.spec!.containers[0]!.image);
        const sets = storm.server.all(resources.replicaSets, 'default');
        await storm.stop();
        expect(broken).toEqual([]);
        expect(images).toEqual(Array(last.replicas!).fill(last.template.spec!.containers[0]!.image));
        const revisions = sets.map(({ metadata }) => Number(metadata!.annotations!['deployment.kubernetes.io/revision']));
        expect([new Set(revisions).size, Math.max(...revisions)]).toEqual([sets.length, revision]);
        expect(sets.length - 1).toBeLessThanOrEqual(history);
      }),
      runs,
    );
  });
});
