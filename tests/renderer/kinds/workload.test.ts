import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CronJob, DaemonSet, Event, Ingress, Job, Service, StatefulSet } from '../../../main/api/index.ts';
import type { KubeObject } from '../../../main/api/meta.ts';
import { core, startClient } from '../../../renderer/client/index.ts';
import { details as cronJobDetails } from '../../../renderer/kinds/cronjob/details.ts';
import { dependentsOf } from '../../../renderer/kinds/dependents.ts';
import { linksOf } from '../../../renderer/kinds/ingress/links.ts';
import { cronJobStatus } from '../../../renderer/kinds/cronjob/status.ts';
import { daemonSetStatus } from '../../../renderer/kinds/daemonset/status.ts';
import { completionsText, durationOf, jobStatus } from '../../../renderer/kinds/job/status.ts';
import { statefulSetStatus } from '../../../renderer/kinds/statefulset/status.ts';
import { refusalOf } from '../../../renderer/kinds/workload/refusal.ts';
import { linkOf } from '../../../renderer/kinds/service/links.ts';
import { restart, runNow } from '../../../renderer/kinds/workload/actions.ts';
import { FakeBridge } from '../support/fakeBridge.ts';
import { mountScreen, type Screen } from '../support/mountScreen.ts';
import { makePod } from '../support/objects.ts';

const cronJob = (more: object = {}): CronJob & { metadata: NonNullable<CronJob['metadata']> } => ({
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  metadata: { name: 'tick', namespace: 'default', uid: 'uid-tick' },
  spec: { schedule: '* * * * *', jobTemplate: { metadata: { labels: { of: 'tick' } }, spec: { template: { spec: { containers: [{ name: 'a', image: 'busybox' }] } } } }, ...more },
});

describe('what can be done with workloads', () => {
  let bridge: FakeBridge;
  beforeEach(() => {
    bridge = new FakeBridge();
    startClient(bridge);
  });

  it('a CronJob runs out of turn as kubectl makes it run', async () => {
    bridge.api.put(cronJob());
    const name = await runNow(cronJob());
    expect(name).toMatch(/^tick-[0-9a-z]+$/);
    expect(bridge.api.get<Job>('Job', 'default', name)).toMatchObject({
      metadata: { labels: { of: 'tick' }, annotations: { 'cronjob.kubernetes.io/instantiate': 'manual' }, ownerReferences: [{ kind: 'CronJob', name: 'tick', uid: 'uid-tick', controller: true }] },
      spec: { template: { spec: { containers: [{ image: 'busybox' }] } } },
    });
  });

  it('a long name leaves room for the stamp', async () => {
    const long = { ...cronJob(), metadata: { ...cronJob().metadata, name: 'x'.repeat(52) } };
    expect((await runNow(long)).length).toBeLessThanOrEqual(63);
    const longer = { ...cronJob(), metadata: { ...cronJob().metadata, name: 'x'.repeat(63) } };
    expect(await runNow(longer)).toHaveLength(63);
  });

  it('a CronJob is suspended or goes on, whichever it is not', async () => {
    const offered = (object: CronJob) => (cronJobDetails.actions ?? []).filter(({ shown }) => shown?.(object) ?? true).map(({ id }) => id);
    expect(offered(cronJob())).toEqual(['edit', 'run', 'suspend']);
    expect(offered(cronJob({ suspend: true }))).toEqual(['edit', 'run', 'unsuspend']);
    bridge.api.put(cronJob());
    await cronJobDetails.actions!.find(({ id }) => id === 'suspend')!.run!(cronJob(), core.cronJobs);
    expect(bridge.api.get<CronJob>('CronJob', 'default', 'tick')?.spec?.suspend).toBe(true);
  });

  it('a DaemonSet is restarted by a new annotation of its template', async () => {
    bridge.api.put({ apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'agent', namespace: 'default' } });
    await restart(core.daemonSets, { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'agent', namespace: 'default' } });
    expect(JSON.stringify(bridge.api.get('DaemonSet', 'default', 'agent'))).toContain('kubectl.kubernetes.io/restartedAt');
  });
});

describe('the page of a workload', () => {
  let screen: Screen;
  afterEach(() => {
    screen.wrapper.unmount();
    document.body.innerHTML = '';
  });

  it('shows the pods that it manages and no others', async () => {
    screen = await mountScreen('/k/statefulsets.apps/default/db', ({ api }) => {
      api.put({ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'db', namespace: 'default', uid: 'uid-db' }, spec: { replicas: 2, selector: { matchLabels: { app: 'db' } }, template: { spec: { containers: [{ name: 'db', image: 'postgres' }] } }, volumeClaimTemplates: [{ metadata: { name: 'data' } }] } } as never);
      api.put(makePod('db-0', { metadata: { name: 'db-0', namespace: 'default', uid: 'p0', ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 'uid-db', controller: true }] } }));
      api.put(makePod('stranger'));
      for (const name of ['data-db-0', 'data-db-x']) api.put({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name, namespace: 'default', uid: name }, status: { phase: 'Bound' } } as never);
    });
    expect(screen.text()).toContain('db-0');
    expect(screen.text()).toContain('data-db-0');
    expect(screen.text()).not.toContain('stranger');
    expect(screen.text()).not.toContain('data-db-x');
    expect(document.querySelector('.stepper')).not.toBeNull();
  });

  it('of a CronJob shows its Jobs and how they went', async () => {
    screen = await mountScreen('/k/cronjobs.batch/default/tick', ({ api }) => {
      api.put(cronJob());
      api.put({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'tick-1', namespace: 'default', uid: 'j1', ownerReferences: [{ apiVersion: 'batch/v1', kind: 'CronJob', name: 'tick', uid: 'uid-tick', controller: true }] }, status: { conditions: [{ type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded' }] } } as never);
    });
    expect(screen.text()).toContain('tick-1');
    expect(screen.text()).toContain('BackoffLimitExceeded');
  });
});

describe('the state of a Job', () => {
  const job = (type?: string, more: object = {}): Job => ({ spec: { template: {}, ...more }, status: type ? { conditions: [{ type, status: 'True', reason: 'Why' }] } : {} }) as Job;
  it.each([
    [job(), 'Running'],
    [job('Complete'), 'Complete'],
    [job('Failed'), 'Why'],
    [job(undefined, { suspend: true }), 'Suspended'],
  ])('is a word', (object, word) => {
    expect(jobStatus(object).text).toBe(word);
  });
});

describe('where this computer reaches the cluster', () => {
  const service = (type: string, status: object = {}): Service => ({ spec: { type }, status }) as Service;
  it('a Service by its node port, or its own where it has an address', () => {
    expect(linkOf(service('NodePort'), { port: 80, nodePort: 30001 })).toBe('http://localhost:30001/');
    expect(linkOf(service('LoadBalancer', { loadBalancer: { ingress: [{ ip: '127.0.0.1' }] } }), { port: 443, nodePort: 30002 })).toBe('https://127.0.0.1:443/');
    expect(linkOf(service('ClusterIP'), { port: 80 })).toBe('');
    expect(linkOf(service('NodePort'), { port: 53, nodePort: 30003, protocol: 'UDP' })).toBe('');
  });

  it('an Ingress by hosts that lead here, once it has an address', () => {
    const backend = { service: { name: 'web', port: { number: 80 } } };
    const ingress = (ports?: number[]): Ingress =>
      ({
        spec: { tls: [{ hosts: ['safe.localhost'] }], rules: [{ host: 'web.localhost', http: { paths: [{ path: '/a', backend }] } }, { host: 'safe.localhost', http: { paths: [{ backend }] } }, { host: 'shop.example.com', http: { paths: [{ backend }] } }] },
        status: ports ? { loadBalancer: { ingress: [{ ip: '127.0.0.1', ports: ports.map((port) => ({ port })) }] } } : {},
      }) as Ingress;
    expect(linksOf(ingress()).map(({ url }) => url)).toEqual([undefined, undefined, undefined]);
    expect(linksOf(ingress([80, 443])).map(({ url }) => url)).toEqual(['http://web.localhost/a', 'https://safe.localhost/', undefined]);
    expect(linksOf(ingress([8080, 8443])).map(({ url }) => url)).toEqual(['http://web.localhost:8080/a', 'https://safe.localhost:8443/', undefined]);
  });
});

describe('how far workloads have come, in one word', () => {
  const set = (status: object, spec: object = {}) => ({ metadata: { name: 'db', generation: 2 }, spec: { replicas: 3, updateStrategy: { type: 'RollingUpdate' }, ...spec }, status: { observedGeneration: 2, replicas: 3, readyReplicas: 3, updatedReplicas: 3, currentRevision: 'a', updateRevision: 'a', ...status } }) as unknown as StatefulSet;

  it.each([
    ['Available', set({})],
    ['Progressing', set({ observedGeneration: 1 })],
    ['Unavailable', set({ readyReplicas: 2 })],
    ['Progressing', set({ updateRevision: 'b', updatedReplicas: 1 })],
    ['Available', set({ updateRevision: 'b', updatedReplicas: 1 }, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } })],
    ['Available', set({ updateRevision: 'b', updatedReplicas: 0 }, { updateStrategy: { type: 'OnDelete' } })],
    ['Progressing', set({ replicas: 3 }, { replicas: 0 })],
    ['Scaled to 0', set({ replicas: 0, readyReplicas: 0, updatedReplicas: 0 }, { replicas: 0 })],
  ])('a StatefulSet is %s', (word, object) => expect(statefulSetStatus(object).text).toBe(word));

  const daemons = (status: object, type = 'RollingUpdate') => ({ metadata: { name: 'agent', generation: 2 }, spec: { updateStrategy: { type } }, status: { observedGeneration: 2, desiredNumberScheduled: 5, updatedNumberScheduled: 5, numberAvailable: 5, ...status } }) as unknown as DaemonSet;

  it.each([
    ['Available', daemons({})],
    ['Progressing', daemons({ updatedNumberScheduled: 4 })],
    ['Available', daemons({ updatedNumberScheduled: 4 }, 'OnDelete')],
    ['Unavailable', daemons({ numberAvailable: 4 })],
    ['No node', daemons({ desiredNumberScheduled: 0 })],
  ])('a DaemonSet is %s', (word, object) => expect(daemonSetStatus(object).text).toBe(word));

  it('a CronJob is at rest, at work or suspended', () => {
    expect([cronJob(), { ...cronJob(), status: { active: [{ name: 'tick-1' }] } }, cronJob({ suspend: true })].map((each) => cronJobStatus(each).text)).toEqual(['Scheduled', 'Running', 'Suspended']);
  });

  it('a Job that has ended ran so long, whether it failed or not', () => {
    const startTime = '2026-01-01T10:00:00Z';
    const failed = { type: 'Failed', status: 'True', lastTransitionTime: '2026-01-01T10:00:30Z' };
    const times = [{ startTime }, { startTime, completionTime: '2026-01-01T10:00:10Z' }, { startTime, conditions: [failed] }].map((status) => durationOf({ spec: { template: {} }, status } as Job));
    expect(times).toEqual([undefined, 10_000, 30_000]);
  });

  it.each([
    ['2/6', { completions: 6 }],
    ['2/1 of 3', { parallelism: 3 }],
    ['2/1', { parallelism: 1 }],
  ])('a Job has completed %s', (text, spec) => expect(completionsText({ spec: { template: {}, ...spec }, status: { succeeded: 2 } } as Job)).toBe(text));
});

describe('the page of a Job', () => {
  let screen: Screen;
  afterEach(() => {
    screen.wrapper.unmount();
    document.body.innerHTML = '';
  });
  const facts = () => Object.fromEntries([...document.querySelector('.facts')!.children].map((fact) => [fact.querySelector('dt')!.textContent, fact.querySelector('dd')!.textContent!.trim()]));

  it('tells of indexes where it has them, and of no limit that there is not', async () => {
    const spec = { completionMode: 'Indexed', completions: 6, parallelism: 2, backoffLimit: 2147483647, backoffLimitPerIndex: 1, template: { spec: { containers: [] } } };
    const status = { succeeded: 3, failed: 2, completedIndexes: '0-1,4', failedIndexes: '2' };
    screen = await mountScreen('/k/jobs.batch/default/count', ({ api }) => void api.put({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'count', namespace: 'default', uid: 'uid-count' }, spec, status } as never));
    expect(facts()).toMatchObject({ 'Succeeded / wanted': '3 / 6', 'Failed / allowed': '2', 'Completed indexes': '0-1,4', 'Failed indexes': '2', 'Failures allowed per index': '1' });
  });
});

describe('deleting', () => {
  const owner = (kind: string, name: string) => [{ apiVersion: 'batch/v1', kind, name, uid: `uid-${name}`, controller: true }];
  const job = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'tick-1', namespace: 'default', uid: 'uid-tick-1', ownerReferences: owner('CronJob', 'tick') }, spec: { template: { spec: { containers: [] } } } };
  const names = (found: { kind: string; name: string }[]) => found.map(({ kind, name }) => `${kind} ${name}`);

  it('names what goes along with a CronJob, a Job and their namespace', async () => {
    const bridge = new FakeBridge();
    startClient(bridge);
    for (const object of [cronJob(), job, makePod('tick-1-a', { metadata: { name: 'tick-1-a', namespace: 'default', ownerReferences: owner('Job', 'tick-1') } }), makePod('stranger')]) bridge.api.put(object as never);
    expect(names(await dependentsOf(core.cronJobs, cronJob()))).toEqual(['Job tick-1', 'Pod tick-1-a']);
    expect(names(await dependentsOf(core.jobs, job))).toEqual(['Pod tick-1-a']);
    expect(names(await dependentsOf(core.namespaces, { metadata: { name: 'default' } }))).toEqual(expect.arrayContaining(['CronJob tick', 'Job tick-1', 'Pod stranger']));
  });
});

describe('a workload whose pods are refused', () => {
  const event = (reason: string, lastTimestamp: string): Event => ({ metadata: { name: `${reason}.${lastTimestamp}` }, involvedObject: {}, type: 'Warning', reason, message: 'exceeded quota', lastTimestamp });
  const set = (replicas: number, more: object = {}) => ({ kind: 'StatefulSet', metadata: {}, spec: { replicas: 3 }, status: { replicas }, ...more });
  const refused = event('FailedCreate', '2026-01-01T10:09:00Z');
  const at = (time: string) => () => Date.parse(time);

  it('says so until a pod is made, which no event has to tell', () => {
    expect(refusalOf(set(1), [refused], at('2026-01-01T10:00:00Z'))).toMatchObject({ message: 'exceeded quota', event: refused });
    expect(refusalOf(set(1), [refused], at('2026-01-01T10:09:20Z'))).toBeUndefined();
    expect(refusalOf(set(1), [event('SuccessfulCreate', '2026-01-01T10:09:30Z'), refused], () => 0)).toBeDefined();
  });

  it('is a CronJob until it has run again, also where the Job is gone by then', () => {
    const ran = (status: object) => refusalOf({ ...cronJob(), status } as KubeObject, [refused], () => 0);
    expect([ran({}), ran({ lastScheduleTime: '2026-01-01T10:08:00Z' }), ran({ lastScheduleTime: '2026-01-01T10:10:00Z' }), ran({ lastSuccessfulTime: '2026-01-01T10:09:30Z' })].map(Boolean)).toEqual([true, true, false, false]);
  });

  it('says so for as long as it lacks pods, however rarely it is told', () => {
    expect(refusalOf(set(1), [event('FailedCreate', '2025-01-01T09:00:00Z')], () => 0)).toBeDefined();
    expect(refusalOf(set(3), [refused], () => 0)).toBeUndefined();
    expect(refusalOf(set(1, { metadata: { deletionTimestamp: '2026-01-01T10:09:30Z' } }), [refused], () => 0)).toBeUndefined();
  });

  it('is a Job that runs fewer pods than it wants, until it has ended', () => {
    const job = (spec: object, status: object = {}) => refusalOf({ kind: 'Job', metadata: {}, spec, status } as KubeObject, [refused], () => 0) !== undefined;
    expect([job({ parallelism: 2, completions: 5 }, { active: 1 }), job({ parallelism: 2, completions: 5 }, { active: 2 }), job({ parallelism: 2, completions: 5 }, { active: 1, succeeded: 4 })]).toEqual([true, false, false]);
    expect([job({}), job({}, { active: 1 }), job({ parallelism: 3 }, { succeeded: 1 }), job({ suspend: true }), job({}, { conditions: [{ type: 'Failed', status: 'True' }] })]).toEqual([true, false, false, false, false]);
  });

  it('is a ReplicaSet by its own condition, which keeps the words of the first refusal', () => {
    const failing = { kind: 'ReplicaSet', metadata: {}, status: { conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'no service account' }] } } as KubeObject;
    expect(refusalOf(failing, [], () => 0)).toMatchObject({ message: 'no service account', certain: true });
    expect(refusalOf(failing, [refused], () => 0)).toMatchObject({ message: 'exceeded quota' });
    expect(refusalOf({ ...failing, status: {} } as KubeObject, [refused], () => 0)).toBeUndefined();
  });

  it('shows the words of the server where its pods would be', async () => {
    const screen = await mountScreen('/k/statefulsets.apps/default/db', ({ api }) => {
      api.put({ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'db', namespace: 'default', uid: 'uid-db' }, spec: { replicas: 1, selector: { matchLabels: { app: 'db' } }, template: { spec: { containers: [] } } } } as never);
      api.put({ ...event('FailedCreate', new Date().toISOString()), apiVersion: 'v1', kind: 'Event', metadata: { name: 'db.1', namespace: 'default' }, involvedObject: { kind: 'StatefulSet', name: 'db', namespace: 'default', uid: 'uid-db' } } as never);
    });
    expect(document.querySelector('.trouble .reported')?.textContent).toBe('exceeded quota');
    screen.bridge.api.put({ ...event('FailedCreate', '2026-01-01T09:00:00Z'), apiVersion: 'v1', kind: 'Event', metadata: { name: 'db.1', namespace: 'default' }, involvedObject: { kind: 'StatefulSet', name: 'db', namespace: 'default', uid: 'uid-db' } } as never);
    await screen.follow();
    expect(document.querySelector('.trouble .reported')?.textContent).toBe('exceeded quota');
    screen.bridge.api.put(makePod('db-0', { metadata: { name: 'db-0', namespace: 'default', ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 'uid-db', controller: true }] } }) as never);
    await screen.follow();
    expect(document.querySelector('.trouble')).toBeNull();
    screen.wrapper.unmount();
    document.body.innerHTML = '';
  });

  it('is a CronJob whose Jobs are refused', async () => {
    const screen = await mountScreen('/k/cronjobs.batch/default/tick', ({ api }) => {
      api.put({ apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'tick', namespace: 'default', uid: 'uid-tick' }, spec: { schedule: '* * * * *', jobTemplate: { spec: { template: { spec: { containers: [] } } } } } } as never);
      api.put({ ...event('FailedCreate', '2026-01-01T09:00:00Z'), apiVersion: 'v1', kind: 'Event', metadata: { name: 'tick.1', namespace: 'default' }, involvedObject: { kind: 'CronJob', name: 'tick', namespace: 'default', uid: 'uid-tick' } } as never);
    });
    expect(document.querySelector('.trouble strong')?.textContent).toBe('Its Jobs cannot be made');
    screen.wrapper.unmount();
    document.body.innerHTML = '';
  });
});
