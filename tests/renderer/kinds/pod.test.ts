import { describe, expect, it } from 'vitest';
import { explainEnd, explainLast, explainState } from '../../../renderer/kinds/pod/explain.ts';
import { podStatus, summarize } from '../../../renderer/kinds/pod/status.ts';
import { messages } from '../../../renderer/i18n/index.ts';
import { containerStatus, makePod } from '../support/objects.ts';

const waiting = (reason: string, message?: string) => containerStatus({ state: { waiting: { reason, ...(message ? { message } : {}) } } });
const ended = (exitCode: number, reason?: string) => containerStatus({ state: { terminated: { exitCode, ...(reason ? { reason } : {}) } } });

describe('a pod in one word, as kubectl says it', () => {
  it.each([
    ['Running', 'ok', { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }], containerStatuses: [containerStatus({ ready: true, state: { running: {} } })] }],
    ['Running', 'warn', { phase: 'Running', containerStatuses: [containerStatus({ ready: false, state: { running: {} } })] }],
    ['Pending', 'warn', { phase: 'Pending' }],
    ['Pending', 'bad', { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes are available' }] }],
    ['SchedulingGated', 'warn', { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] }],
    ['ContainerCreating', 'warn', { phase: 'Pending', containerStatuses: [waiting('ContainerCreating')] }],
    ['CrashLoopBackOff', 'bad', { phase: 'Running', containerStatuses: [waiting('CrashLoopBackOff')] }],
    ['OOMKilled', 'bad', { phase: 'Failed', containerStatuses: [ended(137, 'OOMKilled')] }],
    ['ExitCode:3', 'bad', { phase: 'Failed', containerStatuses: [ended(3)] }],
    ['Completed', 'idle', { phase: 'Succeeded', containerStatuses: [ended(0, 'Completed')] }],
    ['Evicted', 'bad', { phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource' }],
    ['Init:0/1', 'warn', { phase: 'Pending', initContainerStatuses: [containerStatus({ state: { running: {} } })] }],
    ['Init:CrashLoopBackOff', 'bad', { phase: 'Pending', initContainerStatuses: [waiting('CrashLoopBackOff')] }],
    ['Init:ExitCode:2', 'bad', { phase: 'Pending', initContainerStatuses: [ended(2)] }],
  ])('%s (%s)', (text, tone, status) => {
    expect(podStatus(makePod('p', { status }))).toMatchObject({ text, tone });
  });

  it('is terminating once its deletion was asked', () => {
    const pod = makePod('p', { metadata: { name: 'p', deletionTimestamp: '2026-01-01T00:00:00Z' } });
    expect(summarize(pod).word).toBe('Terminating');
  });

  it('counts a ready sidecar and its restarts with the others', () => {
    const pod = makePod('p', {
      spec: { containers: [{ name: 'main' }], initContainers: [{ name: 'proxy', restartPolicy: 'Always' }, { name: 'setup' }] },
      status: {
        phase: 'Running',
        conditions: [{ type: 'Initialized', status: 'True' }, { type: 'Ready', status: 'True' }],
        initContainerStatuses: [containerStatus({ name: 'proxy', ready: true, started: true, restartCount: 2, state: { running: {} } }), { ...ended(0), name: 'setup', restartCount: 5 }],
        containerStatuses: [containerStatus({ ready: true, restartCount: 1, state: { running: {} } })],
      },
    });
    expect(summarize(pod)).toEqual({ word: 'Running', ready: 2, total: 2, restarts: 3 });
  });
});

describe('what is wrong, in plain words', () => {
  it('has a sentence for each reason, in both languages', () => {
    const keys = [
      ...['ContainerCreating', 'CrashLoopBackOff', 'ImagePullBackOff', 'ErrImagePull', 'CreateContainerConfigError'].map((reason) => explainState(waiting(reason).state)?.key),
      ...[0, 1, 2, 126, 127, 137, 139, 143, 255].map((exitCode) => explainEnd({ exitCode }).key),
      explainEnd({ exitCode: 137, reason: 'OOMKilled' }).key,
    ];
    for (const key of keys)
      for (const language of ['en', 'zh'] as const) {
        const text = key!.split('.').reduce<unknown>((at, step) => (at as Record<string, unknown>)[step], messages[language]);
        expect(text, `${key} ${language}`).toBeTypeOf('string');
      }
  });

  it('tells a kill for memory from another kill, and names a signal', () => {
    expect(explainEnd({ exitCode: 137, reason: 'OOMKilled' }).key).toBe('pod.end.oom');
    expect(explainEnd({ exitCode: 137, reason: 'Error' }).key).toBe('pod.end.exit137');
    expect(explainEnd({ exitCode: 136 })).toEqual({ key: 'pod.end.signal', values: { signal: 8 } });
  });

  it('explains the run before a restart, and nothing where there was none', () => {
    const restarted = containerStatus({ restartCount: 1, lastState: { terminated: { exitCode: 1 } } });
    expect(explainLast(restarted)?.key).toBe('pod.end.exit1');
    expect(explainLast(containerStatus({}))).toBeUndefined();
  });
});
