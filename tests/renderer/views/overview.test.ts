import { afterEach, describe, expect, it } from 'vitest';
import type { Deployment, Event } from '../../../main/api/index.ts';
import type { KubeObject } from '../../../main/api/meta.ts';
import { accusations } from '../../../renderer/views/overview/accused.ts';
import { podTally, troubles, warningGroups, type Seen } from '../../../renderer/views/overview/health.ts';
import { mountScreen, type Screen } from '../support/mountScreen.ts';
import { containerStatus, makeDeployment, makePod } from '../support/objects.ts';

const crashing = { phase: 'Running', containerStatuses: [containerStatus({ state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 5m0s' } } })] };
const ownedBy = (uid: string, name: string) => ({ name, namespace: 'default', ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid, controller: true }] });

function warning(name: string, message: string, lastTimestamp: string, count = 1): Event {
  return { metadata: { name: `${name}.${count}`, namespace: 'default' }, involvedObject: { kind: 'Pod', name, namespace: 'default' }, type: 'Warning', reason: 'BackOff', message, count, lastTimestamp };
}

const wrong = (seen: Partial<Seen>, now = 0) => troubles({ nodes: [], pods: [], deployments: [], jobs: [], namespaces: [], events: [], cases: [], ...seen }, now);

describe('what needs attention', () => {
  it('is one trouble for the pods of one owner that fail in one way', () => {
    const pods = [makePod('a', { status: crashing, metadata: ownedBy('1', 'a') }), makePod('b', { status: crashing, metadata: ownedBy('1', 'b') }), makePod('c', { status: crashing }), makePod('fine')];
    expect(wrong({ pods }).map(({ name, word, why, others }) => [name, word, why, others])).toEqual([
      ['a', 'CrashLoopBackOff', 'back-off 5m0s', 1],
      ['c', 'CrashLoopBackOff', 'back-off 5m0s', 0],
    ]);
  });
});

describe('nodes that are not ready', () => {
  const node = (name: string, status: string, message: string) => ({ metadata: { name }, status: { conditions: [{ type: 'Ready', status, message }] } });
  const nodes = [node('node-1', 'False', 'container runtime is down'), node('node-2', 'False', 'container runtime is down'), node('node-3', 'True', 'kubelet is ready')];
  const on = (name: string, nodeName: string) => makePod(name, { spec: { nodeName, containers: [] } });

  it('need attention, in their own words', () => {
    expect(wrong({ nodes })).toEqual([{ namespace: '', name: 'node-1', kind: 'Node', word: 'NotReady', tone: 'bad', why: 'container runtime is down', others: 1 }]);
  });

  it('have no healthy pods: what they said last may hold no longer', () => {
    expect(podTally([on('a', 'node-1'), on('b', 'node-3')], nodes)).toEqual({ healthy: 1, moving: 0, unhealthy: 1 });
  });
});

describe('a job that failed', () => {
  const failed = (name: string, owner?: string) => ({
    metadata: { name, namespace: 'default', ...(owner ? { ownerReferences: [{ apiVersion: 'batch/v1', kind: 'CronJob', name: owner, uid: owner, controller: true }] } : {}) },
    spec: { template: { spec: { containers: [] } } },
    status: { conditions: [{ type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded', message: 'Job has reached the specified backoff limit' }] },
  });

  it('needs attention in the words of its condition, once for all jobs of one CronJob', () => {
    const jobs = [failed('once'), failed('night-1', 'night'), failed('night-2', 'night'), { ...failed('fine'), status: {} }];
    expect(wrong({ jobs }).map(({ kind, name, word, why, others }) => [kind, name, word, why, others])).toEqual([
      ['Job', 'once', 'BackoffLimitExceeded', 'Job has reached the specified backoff limit', 0],
      ['Job', 'night-1', 'BackoffLimitExceeded', 'Job has reached the specified backoff limit', 1],
    ]);
  });
});

describe('a namespace that is being deleted', () => {
  const conditions = [{ type: 'NamespaceContentRemaining', status: 'True', message: 'Some resources are remaining: pods. has 1 resource instances' }];
  const going = (name: string, status: object) => ({ metadata: { name, deletionTimestamp: '2026-01-01T10:00:00Z' }, status: { phase: 'Terminating', ...status } });

  it('needs attention when something has been in its way for a while', () => {
    const namespaces = [going('held', { conditions }), going('going', {}), { metadata: { name: 'stays' }, status: { phase: 'Active' } }];
    expect(wrong({ namespaces }, Date.parse('2026-01-01T10:00:30Z'))).toEqual([]);
    expect(wrong({ namespaces }, Date.parse('2026-01-01T10:02:00Z'))).toEqual([
      { namespace: '', name: 'held', kind: 'Namespace', word: 'Terminating', tone: 'warn', why: 'Some resources are remaining: pods. has 1 resource instances', others: 0 },
    ]);
  });
});

describe('a pod that is on its way', () => {
  const waits = (name: string) => makePod(name, { metadata: { name, namespace: 'default', uid: name }, status: { phase: 'Pending', containerStatuses: [containerStatus({ state: { waiting: { reason: 'ContainerCreating' } } })] } });
  const mount = (name: string, count: number): Event => ({ ...warning(name, 'secret "gone" not found', '2026-01-01T10:00:00Z', count), reason: 'FailedMount', involvedObject: { kind: 'Pod', name, namespace: 'default', uid: name } });

  it('needs attention once its node has said again and again that it cannot go on', () => {
    const found = wrong({ pods: [waits('late'), waits('stuck')], events: [mount('late', 1), mount('stuck', 3)] }, Date.parse('2026-01-01T10:01:00Z'));
    expect(found).toEqual([{ namespace: 'default', name: 'stuck', kind: 'Pod', word: 'ContainerCreating', tone: 'warn', why: 'secret "gone" not found', means: 'pod.waiting.creating', others: 0 }]);
  });
});

/** An event about the object `kind` `name`, whose uid is its name. */
const about = (kind: string, name: string, more: Partial<Event> = {}): Event => ({
  metadata: { name: `${name}.${more.reason ?? 1}`, namespace: 'default' },
  involvedObject: { apiVersion: { CronJob: 'batch/v1', Job: 'batch/v1', HorizontalPodAutoscaler: 'autoscaling/v2' }[kind] ?? 'apps/v1', kind, name, namespace: 'default', uid: name },
  type: 'Warning', reason: 'FailedCreate', message: 'exceeded quota: small', lastTimestamp: '2026-01-01T10:00:00Z', ...more,
});
const now = Date.parse('2026-01-01T10:01:00Z');

describe('a workload whose pods or jobs are refused', () => {
  const owner = { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'web', controller: true }] };
  const object = (kind: string, more: object, metadata: object = {}) => ({ kind, metadata: { name: 'it', namespace: 'default', uid: 'it', ...metadata }, ...more }) as KubeObject;
  const failing = { status: { conditions: [{ type: 'ReplicaFailure', status: 'True' }] } };
  const words = (given: KubeObject, events = [about(given.kind!, 'it')]) =>
    wrong({ cases: accusations(events, [], now).map((accusation) => ({ accusation, object: given })) }, now).map(({ kind, name, word, tone, why }) => [kind, name, word, tone, why].join('|'));

  it.each([
    ['StatefulSet', object('StatefulSet', { spec: { replicas: 3 }, status: { replicas: 1 } })],
    ['DaemonSet', object('DaemonSet', { status: { desiredNumberScheduled: 3, currentNumberScheduled: 2 } })],
    ['ReplicaSet', object('ReplicaSet', failing)],
    ['CronJob', object('CronJob', { spec: {} })],
  ])('needs attention in the server’s words: a %s', (kind, given) => expect(words(given)).toEqual([`${kind}|it|FailedCreate|bad|exceeded quota: small`]));

  it.each([
    ['a StatefulSet that has its pods or was scaled down', object('StatefulSet', { spec: { replicas: 1 }, status: { replicas: 1 } })],
    ['a DaemonSet that has its pods', object('DaemonSet', { status: { desiredNumberScheduled: 2, currentNumberScheduled: 2 } })],
    ['a ReplicaSet that is without the condition', object('ReplicaSet', {})],
    ['a ReplicaSet whose Deployment tells it', object('ReplicaSet', failing, owner)],
    ['a CronJob that is suspended', object('CronJob', { spec: { suspend: true } })],
    ['what is being deleted', object('CronJob', { spec: {} }, { deletionTimestamp: '2026-01-01T10:00:30Z' })],
  ])('does not where all is well by now: %s', (_, given) => expect(words(given)).toEqual([]));

  it('is no longer accused once something was made, or nobody complains any more', () => {
    const late = about('StatefulSet', 'it', { reason: 'SuccessfulCreate', type: 'Normal', lastTimestamp: '2026-01-01T10:00:30Z' });
    expect(accusations([about('StatefulSet', 'it'), late], [], now)).toEqual([]);
    expect(accusations([about('StatefulSet', 'it')], [], now + 3_600_000)).toEqual([]);
  });

  it('is a Job as well, as long as it goes on', () => {
    const job = (more: object = {}) => ({ metadata: { name: 'it', namespace: 'default', uid: 'it' }, spec: { template: {}, ...more } });
    expect(wrong({ jobs: [job()], events: [about('Job', 'it')] }, now)).toMatchObject([{ kind: 'Job', name: 'it', word: 'FailedCreate', tone: 'bad', why: 'exceeded quota: small' }]);
    expect(wrong({ jobs: [job({ suspend: true })], events: [about('Job', 'it')] }, now)).toEqual([]);
  });

  it('is not asked for where its Deployment is known, nor by a name that no object has, nor without end', () => {
    const sets = [about('ReplicaSet', 'web-5d4f8c7b9'), about('ReplicaSet', 'bare-x')];
    expect(accusations(sets, [makeDeployment('web') as Deployment], now).map(({ name }) => name)).toEqual(['bare-x']);
    expect(accusations([about('StatefulSet', 'a,metadata.name!=b'), about('StatefulSet', ''), about('constructor', 'it')], [], now)).toEqual([]);
    const elsewhere = { ...about('StatefulSet', 'it'), metadata: { name: 'forged', namespace: 'theirs' } };
    expect(accusations([elsewhere, about('StatefulSet', 'it')], [], now).map(({ namespace }) => namespace)).toEqual(['default', 'theirs']);
    const [a, b] = [about('StatefulSet', 'a'), about('StatefulSet', 'b')];
    expect(accusations([a, b], [], now).map(({ name }) => name)).toEqual(['a', 'b']);
    expect(accusations([{ ...b, lastTimestamp: '2026-01-01T10:00:30Z' }, a], [], now).map(({ name }) => name)).toEqual(['a', 'b']);
    const foreign = { ...about('StatefulSet', 'it'), involvedObject: { ...about('StatefulSet', 'it').involvedObject, apiVersion: 'example.com/v1' } };
    expect(accusations([foreign], [], now)).toEqual([]);
    expect(accusations(Array.from({ length: 500 }, (_, i) => about('StatefulSet', `s${i}`)), [], now).length).toBeLessThan(50);
  });
});

describe('an autoscaler', () => {
  const scaler = (type: string, reason: string) => ({ kind: 'HorizontalPodAutoscaler', metadata: { name: 'it', namespace: 'default', uid: 'it' }, status: { conditions: [{ type, status: 'False', reason, message: 'no metrics' }] } }) as KubeObject;
  const words = (object: KubeObject) =>
    wrong({ cases: accusations([about('HorizontalPodAutoscaler', 'it', { reason: 'FailedGetResourceMetric' })], [], now).map((accusation) => ({ accusation, object })) }, now).map(({ kind, word, why }) => [kind, word, why].join('|'));

  it('needs attention when its conditions say that it cannot work, and not where it was switched off', () => {
    expect(words(scaler('ScalingActive', 'FailedGetResourceMetric'))).toEqual(['HorizontalPodAutoscaler|FailedGetResourceMetric|no metrics']);
    expect(words(scaler('AbleToScale', 'FailedGetScale'))).toEqual(['HorizontalPodAutoscaler|FailedGetScale|no metrics']);
    expect(words(scaler('ScalingActive', 'ScalingDisabled'))).toEqual([]);
    expect(words(scaler('ScalingLimited', 'TooFewReplicas'))).toEqual([]);
  });
});

describe('the overview', () => {
  let screen: Screen;
  afterEach(() => {
    screen.wrapper.unmount();
    document.body.innerHTML = '';
  });
  const set = (name: string, replicas: number) => ({ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name, namespace: 'default', uid: name }, spec: { replicas: 2 }, status: { replicas } });
  const said = (name: string) => ({ ...about('StatefulSet', name, { lastTimestamp: new Date().toISOString() }), apiVersion: 'v1', kind: 'Event' });
  const asked = () => screen.bridge.api.requests.filter(({ path }) => path.includes('/statefulsets')).map(({ path }) => decodeURIComponent(path));

  it('follows just the sets that events accuse, until they are well', async () => {
    screen = await mountScreen('/', ({ api }) => {
      for (const name of ['db', 'other']) api.put(set(name, 1) as never);
    });
    expect(asked()).toEqual([]);
    const before = screen.bridge.api.watching;
    screen.bridge.api.put(said('db') as never);
    await screen.follow();
    await screen.follow();
    expect(asked()).toHaveLength(1);
    expect(asked()[0]).toContain('fieldSelector=metadata.name=db');
    const line = document.querySelector('.lines li')!;
    expect(line.textContent).toContain('FailedCreate');
    expect(line.textContent).toContain('exceeded quota: small');
    expect(line.querySelector('a')!.getAttribute('href')).toContain('/k/statefulsets.apps/default/db');
    screen.bridge.api.put(set('db', 2) as never);
    await screen.follow();
    expect(document.querySelector('.lines li')).toBeNull();
    const made = { ...said('db'), metadata: { name: 'db.2', namespace: 'default' }, type: 'Normal', reason: 'SuccessfulCreate', lastTimestamp: new Date(Date.now() + 1000).toISOString() };
    screen.bridge.api.put(made as never);
    await screen.follow();
    for (let i = 0; i < 20; i++) await screen.follow();
    expect(screen.bridge.api.watching).toBe(before);
  });
});

describe('warnings', () => {
  it('say when they were seen last, though some have seconds and others microseconds', () => {
    const late = { ...warning('web-2', 'no room', '', 1), lastTimestamp: undefined, eventTime: '2026-01-01T10:00:05.900000Z' } as unknown as Event;
    const [group] = warningGroups([warning('web-1', 'no room', '2026-01-01T10:00:05Z'), late], 0);
    expect(group).toMatchObject({ last: '2026-01-01T10:00:05.900000Z', times: 2 });
  });

  it('are grouped by their cause, whatever pod they name, the latest first', () => {
    const events = [
      warning('web-1', 'Back-off restarting failed container main in pod web-1_default(0a1b2c3d)', '2026-01-01T10:00:00Z', 3),
      warning('web-2', 'Back-off restarting failed container main in pod web-2_default(9f8e7d6c)', '2026-01-01T10:05:00Z', 4),
      warning('old', 'Back-off restarting failed container main in pod old_default(9f8e7d6c)', '2026-01-01T08:00:00Z'),
      { ...warning('db', 'Failed to pull image', '2026-01-01T10:06:00Z'), reason: 'Failed' },
      { ...warning('fine', 'Pulled', '2026-01-01T10:06:00Z'), type: 'Normal' },
    ];
    const groups = warningGroups(events, Date.parse('2026-01-01T09:30:00Z'));
    expect(groups.map(({ reason, times, objects }) => [reason, times, objects.map(({ name }) => name)])).toEqual([
      ['Failed', 1, ['db']],
      ['BackOff', 7, ['web-1', 'web-2']],
    ]);
  });
});
