import { afterEach, describe, expect, it } from 'vitest';
import type { Deployment, Event } from '../../../main/api/index.ts';
import type { KubeObject } from '../../../main/api/meta.ts';
import { podTally } from '../../../renderer/views/overview/health.ts';
import type { Seen } from '../../../renderer/views/overview/seen.ts';
import { troubles } from '../../../renderer/views/overview/troubles.ts';
import { mountScreen, type Screen } from '../support/mountScreen.ts';
import { containerStatus, makeDeployment, makePod } from '../support/objects.ts';

const crashing = { phase: 'Running', containerStatuses: [containerStatus({ state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 5m0s' } } })] };
const ownedBy = (uid: string, name: string) => ({ name, namespace: 'default', ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid, controller: true }] });

function warning(name: string, message: string, lastTimestamp: string, count = 1): Event {
  return { metadata: { name: `${name}.${count}`, namespace: 'default' }, involvedObject: { kind: 'Pod', name, namespace: 'default' }, type: 'Warning', reason: 'BackOff', message, count, lastTimestamp };
}

const nothing: Seen = {
  nodes: [], pods: [], deployments: [], replicaSets: [], setsOfDeployments: [], replicationControllers: [], statefulSets: [], daemonSets: [], jobs: [], cronJobs: [],
  autoscalers: [], claims: [], storageClasses: [], budgets: undefined, namespaces: [], events: [],
};
const wrong = (seen: Partial<Seen>, now = 0) => troubles({ ...nothing, ...seen }, now);
const told = (...given: Parameters<typeof wrong>) => wrong(...given).map(({ kind, name, word, tone, why }) => [kind, name, word, tone, why].join('|'));

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

  it('are told by what they are short of as well', () => {
    const short = { metadata: { name: 'node-4' }, status: { conditions: [{ type: 'Ready', status: 'True' }, { type: 'DiskPressure', status: 'True', message: 'kubelet has disk pressure' }, { type: 'PIDPressure', status: 'False' }] } };
    expect(told({ nodes: [short] })).toEqual(['Node|node-4|DiskPressure|warn|kubelet has disk pressure']);
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

  const later = Date.parse('2026-01-01T10:30:00Z');

  it('needs attention once its node has said again and again that it cannot go on, for as long as it does not', () => {
    const events = [mount('late', 1), mount('stuck', 3)];
    const found = wrong({ pods: [waits('late'), waits('stuck')], events }, Date.parse('2026-01-01T10:01:00Z'));
    expect(found).toEqual([{ namespace: 'default', name: 'stuck', kind: 'Pod', word: 'ContainerCreating', tone: 'warn', why: 'secret "gone" not found', means: 'pod.waiting.creating', others: 0 }]);
    expect(wrong({ pods: [waits('late'), waits('stuck')], events }, later)).toEqual(found);
  });

  const held = makePod('held', { spec: { nodeName: 'node-1', containers: [] }, metadata: { name: 'held', namespace: 'default', uid: 'held' }, status: { phase: 'Pending', conditions: [{ type: 'PodReadyToStartContainers', status: 'False', lastTransitionTime: '2026-01-01T10:00:00Z' as never }], containerStatuses: [containerStatus({ state: { waiting: { reason: 'ContainerCreating' } } })] } });

  it('needs attention by its own state after a while, which an event explains', () => {
    expect(told({ pods: [held] }, Date.parse('2026-01-01T10:01:00Z'))).toEqual([]);
    expect(told({ pods: [held] }, later)).toEqual(['Pod|held|ContainerCreating|warn|']);
    expect(told({ pods: [held], events: [mount('held', 1)] }, later)).toEqual(['Pod|held|ContainerCreating|warn|secret "gone" not found']);
  });

  it('needs attention when it has ended, was deleted and something holds it', () => {
    const pod = makePod('done', { metadata: { name: 'done', namespace: 'default', deletionTimestamp: '2026-01-01T10:00:00Z' as never, finalizers: ['example.com/hold'] }, status: { phase: 'Succeeded' } });
    expect(told({ pods: [pod] }, Date.parse('2026-01-01T10:00:30Z'))).toEqual([]);
    expect(told({ pods: [pod] }, later)).toEqual(['Pod|done|Terminating|warn|finalizers: example.com/hold']);
  });

  it('is not told beside its node that has fallen silent', () => {
    const node = { metadata: { name: 'node-1' }, status: { conditions: [{ type: 'Ready', status: 'Unknown', message: 'silent' }] } };
    expect(told({ pods: [held], nodes: [node] }, later)).toEqual(['Node|node-1|Unknown|bad|silent']);
  });
});

/** An event about the object `kind` `name`, whose uid is its name. */
const about = (kind: string, name: string, more: Partial<Event> = {}): Event => ({
  metadata: { name: `${name}.${more.reason ?? 1}`, namespace: 'default' },
  involvedObject: { kind, name, namespace: 'default', uid: name },
  type: 'Warning', reason: 'FailedCreate', message: 'exceeded quota: small', lastTimestamp: '2026-01-01T10:00:00Z', ...more,
});
const now = Date.parse('2026-01-01T10:01:00Z');
const monthsLater = Date.parse('2026-04-01T10:00:00Z');
const named = <T extends object>(name: string, more: T, metadata: object = {}) => ({ metadata: { name, namespace: 'default', uid: name, creationTimestamp: '2026-01-01T09:00:00Z' as never, ...metadata }, ...more });

describe('a workload whose pods or jobs are refused', () => {
  const failing = { status: { replicas: 0, conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'no service account' }] } };
  const owner = { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'web', controller: true }] };
  const cases: Record<string, [keyof Seen, object, object?]> = {
    StatefulSet: ['statefulSets', { spec: { replicas: 3 }, status: { replicas: 1 } }],
    DaemonSet: ['daemonSets', { status: { desiredNumberScheduled: 3, currentNumberScheduled: 2 } }],
    Job: ['jobs', { spec: { template: {} } }],
    CronJob: ['cronJobs', { spec: { schedule: '@daily' } }],
  };
  const seeing = (kind: keyof Seen, object: object, metadata?: object) => ({ [kind]: [named('it', object, metadata)] }) as Partial<Seen>;

  it.each(Object.entries(cases))('needs attention in the server’s words: a %s', (kind, [list, object]) => {
    const events = [about(kind, 'it')];
    expect(told({ ...seeing(list, object), events }, now)).toEqual([`${kind}|it|FailedCreate|bad|exceeded quota: small`]);
    expect(told({ ...seeing(list, object), events }, monthsLater)).toHaveLength(1);
    expect(told({ ...seeing(list, object), events: [] }, now)).toEqual([]);
  });

  it.each(['replicaSets', 'replicationControllers'] as const)('needs attention by its own condition, without any event: %s', (list) => {
    expect(told(seeing(list, failing), now)[0]).toMatch(/Replica.*\|it\|FailedCreate\|bad\|no service account/);
    expect(told({ ...seeing(list, {}), events: [about('ReplicaSet', 'it'), about('ReplicationController', 'it')] }, now)).toEqual([]);
  });

  it.each<[string, keyof Seen, object, object?]>([
    ['a StatefulSet that has its pods or was scaled down', 'statefulSets', { spec: { replicas: 1 }, status: { replicas: 1 } }],
    ['a DaemonSet that has its pods', 'daemonSets', { status: { desiredNumberScheduled: 2, currentNumberScheduled: 2 } }],
    ['a Job that is suspended', 'jobs', { spec: { template: {}, suspend: true } }],
    ['a CronJob that is suspended', 'cronJobs', { spec: { schedule: '@daily', suspend: true } }],
    ['what is being deleted', 'cronJobs', { spec: { schedule: '@daily' } }, { deletionTimestamp: '2026-01-01T10:00:30Z' }],
  ])('does not where all is well by now: %s', (_, list, object, metadata) => {
    const events = ['StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job', 'CronJob'].map((kind) => about(kind, 'it'));
    expect(told({ ...seeing(list, object, metadata), events }, now)).toEqual([]);
  });

  it('is told by its Deployment where it is a ReplicaSet of one, and by itself where that is gone or has let it go', () => {
    const deployments = [named('web', { spec: {} as never, status: {} })];
    const set = (metadata: object) => ({ replicaSets: [named('it', failing, metadata)], deployments });
    expect(told(set(owner), now)).toEqual([]);
    expect(told({ ...set(owner), deployments: [] }, now)).toEqual(['ReplicaSet|it|FailedCreate|bad|no service account']);
    expect(told(set({ labels: { 'pod-template-hash': 'h1' } }), now)).toHaveLength(1);
    // A new one may be heard of before its Deployment.
    expect(told({ ...set({ ...owner, creationTimestamp: '2026-01-01T10:00:30Z' }), deployments: [] }, now)).toEqual([]);
  });

  it('is well once something was made, whatever events say', () => {
    const [list, set] = cases.StatefulSet!;
    const forged = about('StatefulSet', 'it', { reason: 'SuccessfulCreate', type: 'Normal', lastTimestamp: '2026-01-01T10:00:30Z' });
    expect(told({ ...seeing(list, set), events: [about('StatefulSet', 'it'), forged] }, now)).toHaveLength(1);
    const pod = makePod('it-1', { metadata: { name: 'it-1', namespace: 'default', creationTimestamp: '2026-01-01T10:00:20Z' as never, ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'it', uid: 'it', controller: true }] } });
    expect(told({ ...seeing(list, set), pods: [pod], events: [about('StatefulSet', 'it')] }, now)).toEqual([]);
  });

  it('is a CronJob as well whose schedule cannot be read, by that alone', () => {
    expect(told(seeing('cronJobs', { spec: { schedule: '61 * * * *' } }), now)[0]).toMatch(/^CronJob\|it\|UnparseableSchedule\|bad\|/);
  });
});

describe('events that somebody made up', () => {
  const set = (name: string, namespace = 'default') => named(name, { spec: { replicas: 2 } as never, status: { replicas: 1 } }, { namespace });
  const of = (name: string, namespace = 'default') => ({ ...about('StatefulSet', name, { message: `about ${name}` }), metadata: { name: `${name}.1`, namespace } });
  const names = (seen: Partial<Seen>) => wrong(seen, now).map(({ namespace, name, others }) => `${namespace}/${name}+${others}`);

  it('say nothing of objects that there are not, nor of those of another namespace', () => {
    expect(names({ events: [of('ghost')] })).toEqual([]);
    expect(names({ statefulSets: [set('db')], events: [of('db', 'theirs')] })).toEqual([]);
    const pod = makePod('web', { metadata: { name: 'web', namespace: 'default', uid: 'web' }, status: { phase: 'Pending', containerStatuses: [containerStatus({ state: { waiting: { reason: 'ContainerCreating' } } })] } });
    const mount = { ...warning('web', 'forged', '2026-01-01T10:00:00Z', 9), reason: 'FailedMount', involvedObject: { kind: 'Pod', name: 'web', namespace: 'theirs', uid: 'web' } };
    expect(names({ pods: [pod], events: [{ ...mount, metadata: { name: 'x', namespace: 'theirs' } }] })).toEqual([]);
    expect(names({ pods: [pod], events: [mount] })).toHaveLength(1);
  });

  it('are one line for one object, and three for all of a kind in one namespace, however many there are', () => {
    const many = Array.from({ length: 40 }, (_, i) => `s${i}`);
    expect(names({ statefulSets: [set('db')], events: many.map((message) => ({ ...of('db'), message })) })).toEqual(['default/db+0']);
    expect(names({ statefulSets: many.map((name) => set(name)), events: many.map((name) => of(name)) })).toEqual(['default/s0+0', 'default/s1+0', 'default/s2+37']);
  });

  it('stand behind what objects say themselves, and those of one namespace in turns with another’s', () => {
    const many = ['a1', 'a2', 'a3', 'a4'];
    const seen = { statefulSets: [...many.map((name) => set(name, 'a')), set('b1', 'b')], events: [...many.map((name) => of(name, 'a')), of('b1', 'b')], pods: [makePod('web', { status: crashing })] };
    expect(names(seen)).toEqual(['default/web+0', 'a/a1+0', 'b/b1+0', 'a/a2+0', 'a/a3+1']);
  });
});

describe('a pod that is not ready while others of its workload are', () => {
  const owner = (kind: string, name: string) => ({ ownerReferences: [{ apiVersion: 'apps/v1', kind, name, uid: name, controller: true }] });
  const hash = (value: string) => ({ labels: { app: 'db', 'controller-revision-hash': value } });
  const running = (more: object = {}) => containerStatus({ started: true, state: { running: { startedAt: '2026-01-01T09:00:00Z' as never } }, ...more });
  const waits = (name: string, metadata: object = {}, container: object = {}) =>
    makePod(name, { metadata: { name, namespace: 'default', uid: name, ...owner('StatefulSet', 'db'), ...hash('1'), ...metadata }, spec: { nodeName: 'node-1', containers: [{ name: 'main' }] }, status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: '2026-01-01T09:00:00Z' as never, message: 'containers with unready status: [main]' }], containerStatuses: [running(container)] } });
  const leads = (name: string, metadata: object = {}) => makePod(name, { metadata: { name, namespace: 'default', uid: name, ...owner('StatefulSet', 'db'), ...hash('1'), ...metadata } });
  const graded = (seen: Partial<Seen>, at = now) => wrong(seen, at).map(({ name, tone, standby = false }) => `${name} ${tone}${standby ? ' standby' : ''}`);
  const probed = (message: string) => about('Pod', 'b', { reason: 'Unhealthy', message, count: 99 });
  const budget = (currentHealthy: number, app = 'db') => [named('db', { spec: { selector: { matchLabels: { app } } }, status: { currentHealthy, desiredHealthy: 2, disruptionsAllowed: 0, expectedPods: 3 } })];

  it('is told apart from faults: it may be a standby', () => {
    expect(graded({ pods: [leads('a'), waits('b'), waits('c')] })).toEqual(['b info standby']);
    expect(wrong({ pods: [leads('a'), waits('b'), waits('c')] }, now)[0]).toMatchObject({ others: 1, word: 'Running', means: 'pod.standbyWhy' });
    expect(told({ pods: [leads('a'), waits('b')], events: [probed('Readiness probe failed: I am not the leader')] }, now)).toEqual(['Pod|b|Running|info|Readiness probe failed: I am not the leader']);
  });

  it('is told not at all in its first minutes, however often its probe fails', () => {
    const young = waits('b');
    young.status!.conditions![0]!.lastTransitionTime = '2026-01-01T10:00:00Z' as never;
    const events = [probed('Readiness probe failed: I am not the leader')];
    expect(graded({ pods: [leads('a'), young], events })).toEqual([]);
    expect(graded({ pods: [young], events })).toEqual(['b warn']);
  });

  it.each<[string, Partial<Seen>]>([
    ['none else is ready', { pods: [waits('a'), waits('b')] }],
    ['only those of an earlier template are, as in a rollout that hangs', { pods: [leads('a', hash('0')), waits('b')] }],
    ['only those of another owner are', { pods: [leads('a', owner('StatefulSet', 'other')), waits('b')] }],
    ['the ready one is being deleted', { pods: [leads('a', { deletionTimestamp: '2026-01-01T10:00:55Z' }), waits('b')] }],
    ['it belongs to its node alone', { pods: [leads('a', owner('DaemonSet', 'db')), waits('b', owner('DaemonSet', 'db'))] }],
    ['nobody owns it', { pods: [waits('b', { ownerReferences: [] })] }],
    ['it was started again lately', { pods: [leads('a'), waits('b', {}, { restartCount: 3, state: { running: { startedAt: '2026-01-01T09:50:00Z' } } })] }],
    ['its start is not over', { pods: [leads('a'), waits('b', {}, { started: false })] }],
    ['more than its readiness fails', { pods: [leads('a'), waits('b')], events: [probed('Liveness probe failed: HTTP probe failed with statuscode: 500')] }],
    ['a budget lacks healthy pods', { pods: [leads('a'), waits('b')], budgets: budget(1) }],
  ])('is told as a fault where %s', (_, seen) => {
    const found = graded(seen);
    expect(found.length).toBeGreaterThan(0);
    expect(found.filter((each) => !each.endsWith(' warn'))).toEqual([]);
  });

  it('is no fault where its budget has what it wants, or speaks of others', () => {
    const pods = [leads('a'), waits('b'), waits('c', {}, { restartCount: 3 })];
    expect(graded({ pods, budgets: budget(2) })).toEqual(['b info standby']);
    expect(graded({ pods, budgets: budget(1, 'other') })).toEqual(['b info standby']);
    expect(graded({ pods, budgets: budget(1).map((each) => ({ ...each, metadata: { ...each.metadata, namespace: 'theirs' } })) })).toEqual(['b info standby']);
  });

  it('is a fault where its Deployment is not available without it', () => {
    const of = { ...owner('ReplicaSet', 'web-h1'), labels: { app: 'web', 'pod-template-hash': 'h1' } };
    const pods = [leads('a', of), waits('b', of)];
    const deployment = (name: string, status: string) => ({ metadata: { name, namespace: 'default' }, spec: {}, status: { replicas: 2, updatedReplicas: 2, conditions: [{ type: 'Available', status }] } }) as unknown as Deployment;
    expect(graded({ pods, deployments: [deployment('web', 'False')] })).toEqual(['b warn']);
    expect(graded({ pods, deployments: [deployment('web', 'True'), deployment('other', 'False')] })).toEqual(['b info standby']);
  });
});

describe('an autoscaler', () => {
  const scaler = (type: string, reason: string, lastTransitionTime = '2026-01-01T09:30:00Z') => named('it', { spec: {} as never, status: { conditions: [{ type, status: 'False', reason, message: 'no metrics', lastTransitionTime: lastTransitionTime as never }] } });
  const words = (...given: Parameters<typeof scaler>) => told({ autoscalers: [scaler(...given) as never] }, now);

  it('needs attention when its conditions say for a while that it cannot work, and not where it was switched off', () => {
    expect(words('ScalingActive', 'FailedGetResourceMetric')).toEqual(['HorizontalPodAutoscaler|it|FailedGetResourceMetric|bad|no metrics']);
    expect(words('AbleToScale', 'FailedGetScale')).toEqual(['HorizontalPodAutoscaler|it|FailedGetScale|bad|no metrics']);
    expect(words('ScalingActive', 'FailedGetResourceMetric', '2026-01-01T10:00:30Z')).toEqual([]);
    expect(words('ScalingActive', 'ScalingDisabled')).toEqual([]);
    expect(words('ScalingLimited', 'TooFewReplicas')).toEqual([]);
  });
});

describe('a claim', () => {
  const claim = (spec: object, status: object = { phase: 'Pending' }, metadata: object = {}) => named('data', { spec, status }, metadata);
  const classes = [{ metadata: { name: 'now' }, provisioner: 'p', volumeBindingMode: 'Immediate' }, { metadata: { name: 'late' }, provisioner: 'p', volumeBindingMode: 'WaitForFirstConsumer' }];
  const words = (object: KubeObject, more: Partial<Seen> = {}) => told({ claims: [object], storageClasses: classes, ...more }, now);
  const failed = about('PersistentVolumeClaim', 'data', { reason: 'ProvisioningFailed', message: 'no disk is that large' });

  it('needs attention when it has had no volume for a while, with the reason that an event gives', () => {
    expect(words(claim({ storageClassName: 'now' }))).toEqual(['PersistentVolumeClaim|data|Pending|warn|']);
    expect(words(claim({ storageClassName: 'now' }), { events: [failed] })).toEqual(['PersistentVolumeClaim|data|Pending|warn|no disk is that large']);
    expect(words(claim({ storageClassName: 'gone' }))).toHaveLength(1);
    expect(words(claim({}), { storageClasses: undefined })).toEqual([]);
    expect(words(claim({ storageClassName: 'now' }, undefined, { creationTimestamp: '2026-01-01T10:00:30Z' }))).toEqual([]);
    expect(words(claim({ storageClassName: 'now' }, { phase: 'Bound' }), { events: [failed] })).toEqual([]);
  });

  it('may wait for its first pod, and for nothing more', () => {
    expect(words(claim({ storageClassName: 'late' }))).toEqual([]);
    expect(words(claim({ storageClassName: 'late' }, undefined, { annotations: { 'volume.kubernetes.io/selected-node': 'node-1' } }))).toHaveLength(1);
  });

  it('needs attention when its volume is lost or cannot be made larger', () => {
    expect(words(claim({}, { phase: 'Lost' }), { events: [about('PersistentVolumeClaim', 'data', { reason: 'ClaimLost', message: 'it is gone' })] })).toEqual(['PersistentVolumeClaim|data|Lost|bad|it is gone']);
    expect(words(claim({}, { phase: 'Bound', conditions: [{ type: 'ControllerResizeError', status: 'True', message: 'no room' }] }))).toEqual(['PersistentVolumeClaim|data|ControllerResizeError|bad|no room']);
  });
});

describe('the overview', () => {
  let screen: Screen;
  afterEach(() => {
    screen.wrapper.unmount();
    document.body.innerHTML = '';
  });
  const set = (name: string, replicas: number) => ({ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name, namespace: 'default', uid: name }, spec: { replicas: 2 }, status: { replicas } });
  const said = (name: string) => ({ ...about('StatefulSet', name), apiVersion: 'v1', kind: 'Event' });
  const asked = (resource: string) => screen.bridge.api.requests.filter(({ path }) => path.includes(`/${resource}`)).map(({ path }) => decodeURIComponent(path));

  it('shows what is refused, with a way to it, until it is well', async () => {
    screen = await mountScreen('/', ({ api }) => {
      for (const name of ['db', 'other']) api.put(set(name, 1) as never);
      api.put(makePod('db-0'));
    });
    expect(document.querySelector('.lines li')).toBeNull();
    screen.bridge.api.put(said('db') as never);
    await screen.follow();
    const line = document.querySelector('.lines li')!;
    expect(line.textContent).toContain('FailedCreate');
    expect(line.textContent).toContain('exceeded quota: small');
    expect(line.querySelector('a')!.getAttribute('href')).toContain('/k/statefulsets.apps/default/db');
    screen.bridge.api.put(set('db', 2) as never);
    await screen.follow();
    expect(document.querySelector('.lines li')).toBeNull();
    expect(document.querySelector('.calm')).not.toBeNull();
  });

  it('keeps a standby out of what needs attention, and asks for budgets only where there may be one', async () => {
    const owned = (name: string) => ({ metadata: { name, namespace: 'default', ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 'db', controller: true }] } });
    screen = await mountScreen('/', ({ api }) => void api.put(makePod('db-0', owned('db-0'))));
    expect(asked('poddisruptionbudgets')).toEqual([]);
    screen.bridge.api.put(makePod('db-1', { ...owned('db-1'), spec: { nodeName: 'node-1' }, status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: '2026-01-01T09:00:00Z' as never }], containerStatuses: [containerStatus({ started: true, state: { running: { startedAt: '2026-01-01T09:00:00Z' as never } } })] } }));
    await screen.follow();
    expect(asked('poddisruptionbudgets')).toHaveLength(1);
    expect(document.querySelector('.calm')).not.toBeNull();
    expect(document.querySelector('details.standing')!.textContent).toContain('db-1');
    expect(document.querySelector('details.standing summary')!.textContent).toContain('1');
  });

  it('follows a ReplicaSet that its Deployment has left behind', async () => {
    const set = { apiVersion: 'apps/v1', kind: 'ReplicaSet', ...named('web-h1', { spec: { replicas: 2 }, status: { conditions: [{ type: 'ReplicaFailure', status: 'True', message: 'exceeded quota: small' }] } }, { labels: { 'pod-template-hash': 'h1' }, ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'uid-web', controller: true }] }) };
    screen = await mountScreen('/', ({ api }) => {
      api.put(makeDeployment('web') as Deployment & KubeObject);
      api.put(set as never);
    });
    expect(document.querySelector('.lines li')).toBeNull();
    screen.bridge.api.put({ ...set, metadata: { ...set.metadata, ownerReferences: [] } } as never);
    screen.bridge.api.take('Deployment', 'default', 'web');
    await screen.follow();
    await screen.follow();
    expect(document.querySelector('.lines li a')!.getAttribute('href')).toContain('/k/replicasets.apps/default/web-h1');
    expect(document.querySelector('.lines li')!.textContent).toContain('exceeded quota: small');
    expect(asked('replicasets').at(-1)).toContain('labelSelector=pod-template-hash+in+(h1)');
    screen.bridge.api.put({ ...set, metadata: { ...set.metadata, ownerReferences: [] }, status: {} } as never);
    await screen.follow();
    expect(document.querySelector('.lines li')).toBeNull();
  });

  it('asks for no more than the metadata of ReplicaSets of Deployments, and for storage classes only where a claim waits', async () => {
    screen = await mountScreen('/', ({ api }) => {
      const deployment = makeDeployment('web');
      api.put(deployment as Deployment & KubeObject);
    });
    expect(screen.bridge.api.requests.filter(({ path }) => path.includes('/replicasets')).map(({ path, accept = '' }) => [/labelSelector=([^&]*)/.exec(decodeURIComponent(path))![1], accept.includes('as=PartialObjectMetadataList')])).toEqual([['!pod-template-hash', false], ['pod-template-hash', true]]);
    expect(asked('storageclasses')).toEqual([]);
    screen.bridge.api.put({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...named('data', { spec: { storageClassName: 'late' }, status: { phase: 'Pending' } }) } as never);
    await screen.follow();
    await screen.follow();
    expect(asked('storageclasses')).toHaveLength(1);
    expect(document.querySelector('.lines li a')!.getAttribute('href')).toContain('/k/persistentvolumeclaims/default/data');
  });
});
