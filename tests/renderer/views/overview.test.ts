import { describe, expect, it } from 'vitest';
import type { Event } from '../../../main/api/index.ts';
import { podTally, troubles, warningGroups, type Seen } from '../../../renderer/views/overview/health.ts';
import { containerStatus, makePod } from '../support/objects.ts';

const crashing = { phase: 'Running', containerStatuses: [containerStatus({ state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 5m0s' } } })] };
const ownedBy = (uid: string, name: string) => ({ name, namespace: 'default', ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid, controller: true }] });

function warning(name: string, message: string, lastTimestamp: string, count = 1): Event {
  return { metadata: { name: `${name}.${count}`, namespace: 'default' }, involvedObject: { kind: 'Pod', name, namespace: 'default' }, type: 'Warning', reason: 'BackOff', message, count, lastTimestamp };
}

const wrong = (seen: Partial<Seen>, now = 0) => troubles({ nodes: [], pods: [], deployments: [], jobs: [], namespaces: [], events: [], ...seen }, now);

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
    expect(found).toEqual([{ namespace: 'default', name: 'stuck', kind: 'Pod', word: 'ContainerCreating', tone: 'warn', why: 'secret "gone" not found', others: 0 }]);
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
