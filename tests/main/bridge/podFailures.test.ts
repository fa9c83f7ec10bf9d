import { describe, expect, test } from 'vitest';
import type { ContainerState, Pod } from '../../../main/api/index.ts';
import { FailureLedger, podFailures } from '../../../main/bridge/index.ts';

function pod(state: ContainerState, last: ContainerState = {}, status: Pod['status'] = {}): Pod {
  return {
    metadata: { namespace: 'default', name: 'web-1', uid: 'u1' },
    status: { phase: 'Running', containerStatuses: [{ name: 'app', image: 'app', imageID: '', ready: false, restartCount: 1, state, lastState: last }], ...status },
  };
}

const running: ContainerState = { running: { startedAt: '2026-01-01T00:00:00Z' } };
const crashed: ContainerState = { terminated: { exitCode: 1, reason: 'Error' } };
const killed: ContainerState = { terminated: { exitCode: 137, reason: 'OOMKilled' } };
const backOff: ContainerState = { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s restarting failed container' } };

describe('what is wrong with a pod', () => {
  test.each([
    ['a running pod is well', pod(running), []],
    ['a pod that is being created is well', pod({ waiting: { reason: 'ContainerCreating' } }), []],
    ['a crash loop tells the exit code', pod(backOff, crashed), [['CrashLoopBackOff', 'exit code 1']]],
    ['memory is the cause of a crash loop that it caused', pod(backOff, killed), [['OOMKilled', 'exit code 137']]],
    ['an image that cannot be pulled', pod({ waiting: { reason: 'ImagePullBackOff', message: 'Back-off pulling image "nope"' } }), [['ImagePullBackOff', 'Back-off pulling image "nope"']]],
    [
      'a pod that no node takes',
      { metadata: { name: 'web-1', namespace: 'default', uid: 'u1' }, status: { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes are available' }] } },
      [['Unschedulable', '0/1 nodes are available']],
    ],
  ] satisfies [string, Pod, string[][]][])('%s', (_story, subject, expected) => {
    expect(podFailures(subject).map((f) => [f.reason, f.message])).toEqual(expected);
  });

  test('a pod that is being deleted fails no more', () => {
    const subject = pod(backOff, crashed);
    subject.metadata!.deletionTimestamp = '2026-01-01T00:00:00Z';
    expect(podFailures(subject)).toEqual([]);
  });
});

describe('the ledger of what was told', () => {
  test('a container that restarts again and again is told once', () => {
    const ledger = new FailureLedger();
    const told = [pod(crashed), pod(running, crashed), pod(backOff, crashed), pod(running, crashed), pod(backOff, crashed)].flatMap((p) => ledger.news(p));
    expect(told.map((f) => f.reason)).toEqual(['Error']);
  });

  test('another cause is news', () => {
    const ledger = new FailureLedger();
    ledger.news(pod({ waiting: { reason: 'ErrImagePull', message: 'not found' } }));
    expect(ledger.news(pod({ waiting: { reason: 'ImagePullBackOff' } }))).toEqual([]);
    expect(ledger.news(pod(killed)).map((f) => f.reason)).toEqual(['OOMKilled']);
  });

  test('a pod that was ready in between is told again', () => {
    const ledger = new FailureLedger();
    ledger.news(pod(backOff, crashed));
    ledger.news(pod(running, {}, { conditions: [{ type: 'Ready', status: 'True' }] }));
    expect(ledger.news(pod(backOff, crashed))).toHaveLength(1);
  });
});
