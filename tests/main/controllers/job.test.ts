import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Job, JobSpec, Pod } from '../../../main/api/index.ts';
import { timestamp } from '../../../main/api/meta.ts';
import { failure } from '../../../main/api/status.ts';
import { resources } from '../../../main/client/index.ts';
import { JobController } from '../../../main/controllers/job/jobController.ts';
import { TTLAfterFinishedController } from '../../../main/controllers/job/ttlAfterFinished.ts';
import { settle } from '../../support/fakeClock.ts';
import { seededRandom } from '../../support/objects.ts';
import { Cluster } from './harness.ts';

let cluster: Cluster;
beforeEach(async () => {
  cluster = new Cluster();
  await cluster.start(JobController, TTLAfterFinishedController);
});
afterEach(() => cluster.stop());

const tracking = 'batch.kubernetes.io/job-tracking';
const job = () => cluster.server.find(resources.jobs, 'default', 'work')!;
const indexOf = (pod: Pod) => pod.metadata!.annotations?.['batch.kubernetes.io/job-completion-index'];
/** Pods that are not over and not on their way out. */
const running = () =>
  cluster
    .pods()
    .filter(
      (pod) => pod.status!.phase !== 'Succeeded' && pod.status!.phase !== 'Failed' && !pod.metadata!.deletionTimestamp,
    );
const run = () => cluster.clock.advance(500);
const conditions = () => job().status!.conditions?.map(({ type, status, reason }) => `${type}=${status} ${reason}`);

/** As the API server stores it: with its defaults. */
async function create(spec: Partial<JobSpec> = {}): Promise<void> {
  const template = {
    metadata: { labels: { job: 'work' } },
    spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'work:1' }] },
  };
  const object: Job = {
    metadata: { name: 'work', namespace: 'default' },
    spec: {
      parallelism: 1,
      ...(spec.parallelism === undefined ? { completions: 1 } : {}),
      backoffLimit: 6,
      completionMode: 'NonIndexed',
      suspend: false,
      podReplacementPolicy: 'TerminatingOrFailed',
      selector: { matchLabels: { job: 'work' } },
      template,
      ...spec,
    },
  };
  await cluster.client.of(resources.jobs).create(object);
  await run();
}

/** What the kubelet does: the pod has ended. */
function end(pod: Pod, phase: 'Succeeded' | 'Failed', exitCode = phase === 'Failed' ? 1 : 0): void {
  cluster.server.change(resources.pods, 'default', pod.metadata!.name!, (p) => {
    const finishedAt = timestamp(cluster.clock.now());
    const state = { terminated: { exitCode, finishedAt } };
    p.status = {
      phase,
      containerStatuses: [{ name: 'main', image: '', imageID: '', ready: false, restartCount: 0, state }],
    };
  });
}

async function endAll(phase: 'Succeeded' | 'Failed', exitCode?: number): Promise<void> {
  for (const pod of running()) end(pod, phase, exitCode);
  await run();
}

describe('a job', () => {
  it('runs a pod to its end and is complete', async () => {
    await create();
    expect(running()).toHaveLength(1);
    expect(running()[0]!.metadata!.finalizers).toEqual([tracking]);
    expect(job().status).toMatchObject({ active: 1, ready: 0, startTime: timestamp(cluster.clock.now() - 500) });
    await endAll('Succeeded');
    expect(job().status).toMatchObject({ succeeded: 1, ready: 0, terminating: 0, uncountedTerminatedPods: {} });
    expect(job().status!.active).toBeUndefined();
    expect(job().status!.completionTime).toBeDefined();
    expect(conditions()).toEqual(['SuccessCriteriaMet=True CompletionsReached', 'Complete=True CompletionsReached']);
    expect(cluster.pods()[0]!.metadata!.finalizers).toEqual([]);
    expect(cluster.events('work', 'Completed')).toEqual(['Job completed']);
  });

  it('runs as many pods at once as it may, and no more than are missing', async () => {
    await create({ completions: 5, parallelism: 2 });
    expect(running()).toHaveLength(2);
    await endAll('Succeeded');
    await endAll('Succeeded');
    expect(running()).toHaveLength(1);
    await endAll('Succeeded');
    expect(job().status).toMatchObject({ succeeded: 5 });
    expect(conditions()).toContain('Complete=True CompletionsReached');
  });

  it('without a number of completions is complete when one pod has succeeded and none is left', async () => {
    await create({ parallelism: 2 });
    end(running()[0]!, 'Succeeded');
    await run();
    expect(running()).toHaveLength(1);
    expect(conditions()).toBeUndefined();
    await endAll('Succeeded');
    expect(job().status).toMatchObject({ succeeded: 2 });
    expect(conditions()).toContain('Complete=True CompletionsReached');
  });

  it('waits longer after each failure, and gives up at its limit', async () => {
    await create({ backoffLimit: 2 });
    await endAll('Failed');
    expect(running()).toHaveLength(0);
    await cluster.clock.advance(10_000);
    expect(running()).toHaveLength(1);
    await endAll('Failed');
    await cluster.clock.advance(15_000);
    expect(running()).toHaveLength(0);
    await cluster.clock.advance(5_000);
    expect(running()).toHaveLength(1);
    await endAll('Failed');
    expect(job().status).toMatchObject({ failed: 3 });
    expect(conditions()).toEqual(['FailureTarget=True BackoffLimitExceeded', 'Failed=True BackoffLimitExceeded']);
    expect(cluster.events('work', 'BackoffLimitExceeded')).toEqual(['Job has reached the specified backoff limit']);
  });

  it('that is late ends with its pods, once they are quite gone', async () => {
    await create({ activeDeadlineSeconds: 30 });
    await cluster.readyAll();
    await cluster.clock.advance(31_000);
    expect(running()).toHaveLength(0);
    expect(conditions()).toEqual(['FailureTarget=True DeadlineExceeded']);
    await cluster.reap();
    await run();
    expect(conditions()).toContain('Failed=True DeadlineExceeded');
    expect(job().status).toMatchObject({ failed: 1 });
  });

  it('stops while it is suspended, without counting that as a failure', async () => {
    await create();
    await cluster.client.of(resources.jobs).patch('default', 'work', 'merge', { spec: { suspend: true } });
    await run();
    expect(running()).toHaveLength(0);
    expect(conditions()).toEqual(['Suspended=True JobSuspended']);
    expect(job().status!.startTime).toBeUndefined();
    await cluster.client.of(resources.jobs).patch('default', 'work', 'merge', { spec: { suspend: false } });
    await run();
    expect(running()).toHaveLength(1);
    expect(conditions()).toEqual(['Suspended=False JobResumed']);
    expect(job().status!.failed).toBeUndefined();
    await endAll('Succeeded');
    expect(conditions()).toContain('Complete=True CompletionsReached');
  });

  it('replaces a deleted pod at once, or only after its end', async () => {
    await create();
    await cluster.readyAll();
    await cluster.client.of(resources.pods).delete('default', running()[0]!.metadata!.name!);
    await cluster.clock.advance(45_000);
    expect(running()).toHaveLength(1);
    expect(job().status).toMatchObject({ failed: 1, terminating: 1 });
  });

  it('that replaces only failed pods waits for their end', async () => {
    await create({ podReplacementPolicy: 'Failed' });
    await cluster.readyAll();
    const [pod] = running();
    await cluster.client.of(resources.pods).delete('default', pod!.metadata!.name!);
    await cluster.clock.advance(15_000);
    expect(running()).toHaveLength(0);
    end(pod!, 'Failed');
    await cluster.clock.advance(15_000);
    expect(running()).toHaveLength(1);
  });

  it('deletes itself some time after its end', async () => {
    await create({ ttlSecondsAfterFinished: 60 });
    await endAll('Succeeded');
    await cluster.clock.advance(50_000);
    expect(job().metadata!.deletionTimestamp).toBeUndefined();
    await cluster.clock.advance(10_000);
    expect(job().metadata!.finalizers).toEqual(['foregroundDeletion']);
  });

  it('that is gone lets go of its pods', async () => {
    await create();
    cluster.server.drop(resources.jobs, 'default', 'work');
    await run();
    expect(cluster.pods()[0]!.metadata!.finalizers).toEqual([]);
  });

  it('leaves alone what another controller manages', async () => {
    await create({ managedBy: 'example.com/other' });
    expect(cluster.pods()).toEqual([]);
    expect(job().status).toEqual({});
  });
});

describe('an indexed job', () => {
  it('gives each pod its number, and does not run one twice', async () => {
    await create({ completionMode: 'Indexed', completions: 3, parallelism: 2 });
    expect(running().map(indexOf)).toEqual(['0', '1']);
    const [pod] = running();
    expect(pod!.spec!.hostname).toBe('work-0');
    expect(pod!.metadata!.name).toMatch(/^work-0-/);
    expect(pod!.spec!.containers[0]!.env).toEqual([
      {
        name: 'JOB_COMPLETION_INDEX',
        valueFrom: { fieldRef: { fieldPath: "metadata.labels['batch.kubernetes.io/job-completion-index']" } },
      },
    ]);
    end(running()[1]!, 'Succeeded');
    await run();
    expect(running().map(indexOf)).toEqual(['0', '2']);
    expect(job().status).toMatchObject({ completedIndexes: '1', succeeded: 1 });
    await endAll('Succeeded');
    expect(job().status).toMatchObject({ completedIndexes: '0-2', succeeded: 3 });
    expect(conditions()).toContain('Complete=True CompletionsReached');
  });

  it('can limit failures by number: one fails, the others go on', async () => {
    const backoffLimit = 2 ** 31 - 1;
    await create({ completionMode: 'Indexed', completions: 2, parallelism: 2, backoffLimitPerIndex: 1, backoffLimit });
    end(running()[0]!, 'Failed');
    await cluster.clock.advance(11_000);
    const again = running().find((pod) => indexOf(pod) === '0')!;
    expect(again.metadata!.annotations).toMatchObject({ 'batch.kubernetes.io/job-index-failure-count': '1' });
    end(again, 'Failed');
    await cluster.clock.advance(60_000);
    expect(running().map(indexOf)).toEqual(['1']);
    expect(job().status).toMatchObject({ failedIndexes: '0', failed: 2 });
    await endAll('Succeeded');
    expect(conditions()).toEqual(['FailureTarget=True FailedIndexes', 'Failed=True FailedIndexes']);
  });

  it('can be a success early', async () => {
    const successPolicy = { rules: [{ succeededIndexes: '0,2', succeededCount: 1 }] };
    await create({ completionMode: 'Indexed', completions: 3, parallelism: 3, successPolicy });
    end(running()[2]!, 'Succeeded');
    await run();
    await cluster.reap();
    await run();
    expect(conditions()).toEqual(['SuccessCriteriaMet=True SuccessPolicy', 'Complete=True SuccessPolicy']);
    expect(job().status).toMatchObject({ completedIndexes: '2', succeeded: 1 });
    expect(job().status!.failed).toBeUndefined();
  });
});

describe('a policy for failed pods', () => {
  const rule = (action: string, values: number[]) => ({ action, onExitCodes: { operator: 'In', values } });

  it('can end the job at the first wrong exit code', async () => {
    await create({ podFailurePolicy: { rules: [rule('FailJob', [42])] } });
    const name = running()[0]!.metadata!.name;
    await endAll('Failed', 42);
    expect(conditions()).toEqual(['FailureTarget=True PodFailurePolicy', 'Failed=True PodFailurePolicy']);
    expect(job().status!.conditions!.at(-1)!.message).toBe(
      `Container main for pod default/${name} failed with exit code 42 matching FailJob rule at index 0`,
    );
  });

  it('can ignore failures', async () => {
    await create({ backoffLimit: 0, podFailurePolicy: { rules: [rule('Ignore', [3])] } });
    await endAll('Failed', 3);
    await cluster.clock.advance(11_000);
    expect(running()).toHaveLength(1);
    expect(job().status!.failed).toBeUndefined();
    await endAll('Failed', 4);
    expect(conditions()).toContain('Failed=True BackoffLimitExceeded');
  });
});

it('does not create twice while its cache lags behind', async () => {
  cluster.server.pause();
  await create({ completions: 3, parallelism: 3 });
  cluster.server.resume();
  await run();
  expect(cluster.pods()).toHaveLength(3);
});

it('does not count a pod again that its cache still shows as not counted', async () => {
  await create({ completions: 3, parallelism: 2, backoffLimit: 1000 });
  for (const pod of running()) end(pod, 'Failed');
  await settle();
  cluster.server.pause(resources.pods);
  await run();
  expect(job().status).toMatchObject({ failed: 2 });
  await cluster.client.of(resources.jobs).patch('default', 'work', 'merge', { spec: { backoffLimit: 999 } });
  await run();
  expect(job().status).toMatchObject({ failed: 2, uncountedTerminatedPods: {} });
  cluster.server.resume();
  await cluster.clock.advance(60_000);
  expect(job().status).toMatchObject({ failed: 2, active: 2 });
});

it('does not take a pod for a success that is on record as failed, since it was deleted, and ends well after all', async () => {
  await create();
  await cluster.readyAll();
  const [pod] = running();
  cluster.server.intercept = ({ method, path }) => {
    if (method === 'PATCH' && path.endsWith(pod!.metadata!.name!)) throw failure(500, 'InternalError', 'bad luck');
  };
  await cluster.client.of(resources.pods).delete('default', pod!.metadata!.name!);
  await run();
  expect(job().status!.uncountedTerminatedPods).toEqual({ failed: [pod!.metadata!.uid] });
  end(pod!, 'Succeeded');
  cluster.server.intercept = undefined;
  await cluster.clock.advance(60_000);
  expect(job().status).toMatchObject({ failed: 1, active: 1, uncountedTerminatedPods: {} });
  expect(conditions()).toBeUndefined();
  await endAll('Succeeded');
  expect(job().status).toMatchObject({ failed: 1, succeeded: 1 });
  expect(conditions()).toContain('Complete=True CompletionsReached');
});

it('counts each pod once, whatever fails on the way', async () => {
  for (let seed = 1; seed <= 15; seed++) {
    await cluster.stop();
    cluster = new Cluster();
    await cluster.start(JobController);
    const random = seededRandom(seed);
    cluster.server.intercept = ({ method, path }) => {
      const ours = /\/(jobs|pods)\b/.test(path) && method !== 'GET' && !path.endsWith('/jobs');
      if (ours && random.next() < 0.25) throw failure(500, 'InternalError', 'bad luck');
    };
    await create({ completions: 8, parallelism: 3, backoffLimit: 1000 });
    const ended = { Succeeded: new Set<string>(), Failed: new Set<string>() };
    for (let step = 0; step < 120 && !conditions()?.includes('Complete=True CompletionsReached'); step++) {
      if (random.next() < 0.3) cluster.server.pause();
      for (const pod of running()) {
        if (random.next() < 0.5) continue;
        const phase = random.next() < 0.7 ? 'Succeeded' : 'Failed';
        ended[phase].add(pod.metadata!.uid!);
        end(pod, phase);
      }
      await run();
      const { succeeded = 0, failed = 0, uncountedTerminatedPods: uncounted = {} } = job().status!;
      expect(succeeded + (uncounted.succeeded?.length ?? 0)).toBeLessThanOrEqual(ended.Succeeded.size);
      expect(failed + (uncounted.failed?.length ?? 0)).toBeLessThanOrEqual(ended.Failed.size);
      cluster.server.resume();
      await cluster.clock.advance(30_000);
    }
    expect(job().status).toMatchObject({ succeeded: 8 });
    expect(ended.Succeeded.size).toBe(8);
    expect(job().status!.failed ?? 0).toBe(ended.Failed.size);
    await settle();
  }
});
