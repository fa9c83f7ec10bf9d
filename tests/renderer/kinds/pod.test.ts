import { mount } from '@vue/test-utils';
import { describe, expect, it } from 'vitest';
import type { Event } from '../../../main/api/index.ts';
import { readableAmount } from '../../../renderer/kinds/amount.ts';
import { explainEnd, explainLast, explainState, explainWord } from '../../../renderer/kinds/pod/explain.ts';
import { podStatus, summarize } from '../../../renderer/kinds/pod/status.ts';
import { stuckOf } from '../../../renderer/kinds/pod/stuck.ts';
import { warningsOf } from '../../../renderer/kinds/pod/warnings.ts';
import StatusChip from '../../../renderer/components/StatusChip.vue';
import { makeI18n, messages, type Language } from '../../../renderer/i18n/index.ts';
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
      explainState(waiting('ImagePullBackOff').state, true)?.key,
      ...['FailedMount', 'Unhealthy', 'FailedPostStartHook', 'FailedCreatePodSandBox'].map((reason) => `pod.warning.${reason}`),
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

describe('the word of a pod’s state', () => {
  const pod = makePod('a', { status: { phase: 'Running', containerStatuses: [waiting('CrashLoopBackOff', 'back-off \u202e5m0s')] } });
  const chip = (language: Language) => mount(StatusChip, { props: { status: podStatus(pod) }, global: { plugins: [makeI18n(language)] } });

  it('is Kubernetes’ own in every language, and explained in each', () => {
    const [english, chinese] = [chip('en'), chip('zh')];
    expect([english.text(), chinese.text()]).toEqual(['CrashLoopBackOff', 'CrashLoopBackOff']);
    expect(english.attributes('title')).toBe('It keeps ending soon after its start. The kubelet waits longer before each new start; its last end and the logs of the previous run tell why.\nback-off \\u202e5m0s');
    expect(chinese.attributes('title')).toBe('容器启动后不久便不断退出，kubelet 每次重启前会等待更久。上次的退出信息和上一次运行的日志说明原因。\nback-off \\u202e5m0s');
  });

  it('is explained by a sentence that there is, and not at all where nobody knows it', () => {
    const known = ['Pending', 'Running', 'Completed', 'Succeeded', 'Error', 'NotReady', 'Terminating', 'Unknown', 'Evicted', 'SchedulingGated', 'OOMKilled', 'DeadlineExceeded', 'ContainerStatusUnknown', 'ContainerCreating', 'ImagePullBackOff', 'Init:ErrImagePull'];
    for (const word of known)
      for (const language of ['en', 'zh'] as const) expect(explainWord(word)!.split('.').reduce<unknown>((at, step) => (at as Record<string, unknown>)[step], messages[language]), word).toBeTypeOf('string');
    expect(['constructor', 'ExitCode:3', 'Init:0/2', ''].map(explainWord)).toEqual([undefined, undefined, undefined, undefined]);
    expect(explainState(waiting('constructor').state)).toBeUndefined();
  });
});

describe('what the node says in events alone', () => {
  const now = Date.parse('2026-01-01T10:00:00Z');
  const event = (reason: string, message: string, minutesAgo: number, more: Partial<Event> = {}): Event => ({
    metadata: { name: `${reason}.${minutesAgo}`, namespace: 'default' },
    involvedObject: { kind: 'Pod', name: 'web', uid: 'uid-web', fieldPath: 'spec.containers{main}' },
    type: 'Warning',
    reason,
    message,
    lastTimestamp: new Date(now - minutesAgo * 60_000).toISOString(),
    ...more,
  });
  const pod = (status: object) => makePod('web', { metadata: { name: 'web', uid: 'uid-web' }, status: { phase: 'Running', ...status } });
  const starting = pod({ phase: 'Pending', containerStatuses: [waiting('ContainerCreating')] });
  const unready = pod({ containerStatuses: [containerStatus({ state: { running: {} } })] });
  const mount = event('FailedMount', 'MountVolume.SetUp failed for volume "v" : secret "gone" not found', 1);
  const probe = event('Unhealthy', 'Readiness probe failed: connection refused', 1);

  it('is why a container does not start, or is not ready', () => {
    expect(warningsOf(starting, [mount, probe], now)).toEqual([mount, probe]);
    expect(warningsOf(unready, [mount, probe], now)).toEqual([probe]);
  });

  it('is the last word of each thing that is wrong, and nothing that is over', () => {
    const events = [event('Unhealthy', 'Readiness probe failed: no route', 4), probe, event('Unhealthy', 'Startup probe failed: connection refused', 3), event('FailedKillPod', 'error killing pod', 30)];
    expect(warningsOf(unready, events, now).map(({ message }) => message)).toEqual([probe.message, 'Startup probe failed: connection refused']);
    const others = [{ ...probe, type: 'Normal' }, event('BackOff', 'Back-off restarting', 1), { ...probe, involvedObject: { ...probe.involvedObject, uid: 'uid-of-another' } }];
    expect(warningsOf(unready, others, now)).toEqual([]);
  });

  it('stays with a container that was started again for it, and does not trouble one that always ran', () => {
    const ready = (restartCount: number) => pod({ conditions: [{ type: 'Ready', status: 'True' }], containerStatuses: [containerStatus({ ready: true, restartCount, state: { running: {} } })] });
    expect(warningsOf(ready(1), [probe], now)).toEqual([probe]);
    expect(warningsOf(ready(1), [event('Unhealthy', 'Liveness probe failed', 11)], now)).toEqual([]);
    expect(warningsOf(ready(0), [probe], now)).toEqual([]);
  });

  const condition = (type: string, status: string, minutesAgo: number) => ({ type, status, lastTransitionTime: new Date(now - minutesAgo * 60_000).toISOString() });

  it('holds for as long as the pod is no further, however long ago it was said', () => {
    const old = event('FailedMount', 'MountVolume.SetUp failed for volume "v" : secret "gone" not found', 50);
    const waits = (status: string) => pod({ phase: 'Pending', conditions: [condition('PodReadyToStartContainers', status, 55)], containerStatuses: [waiting('ContainerCreating')] });
    expect(warningsOf(waits('False'), [old], now)).toEqual([old]);
    // Its volumes and its network are there: it pulls its image.
    expect(warningsOf(waits('True'), [old, { ...mount }], now)).toEqual([]);
    const failing = event('Unhealthy', 'Readiness probe failed: connection refused', 50);
    const since = (minutesAgo: number) => pod({ conditions: [condition('Ready', 'False', minutesAgo)], containerStatuses: [containerStatus({ state: { running: {} } })] });
    expect(warningsOf(since(49), [failing], now)).toEqual([failing]);
    // It has been ready since.
    expect(warningsOf(since(20), [failing], now)).toEqual([]);
  });

  it('holds for the container that it speaks of', () => {
    const failing = event('Unhealthy', 'Readiness probe failed: connection refused', 50);
    const statuses = [containerStatus({ ready: true, state: { running: {} } }), containerStatus({ name: 'other', state: { running: {} } })];
    const two = { ...pod({ conditions: [condition('Ready', 'False', 55)], containerStatuses: statuses }), spec: { containers: statuses.map(({ name }) => ({ name })) } };
    expect(warningsOf(two, [failing], now)).toEqual([]);
    expect(warningsOf(two, [{ ...failing, involvedObject: { ...failing.involvedObject, fieldPath: 'spec.containers{other}' } }], now)).toHaveLength(1);
  });

  it('holds for a pod that does not end', () => {
    const kill = event('FailedKillPod', 'error killing pod', 50);
    expect(warningsOf({ ...unready, metadata: { ...unready.metadata, deletionTimestamp: '2026-01-01T08:00:00Z' } }, [kill], now)).toEqual([kill]);
  });

  it('is not needed to see that a pod does not get where it should: its state and the time tell', () => {
    const unseen = (creationTimestamp: string, conditions: object[] = []) => ({ ...pod({ phase: 'Pending', conditions }), metadata: { creationTimestamp }, spec: { schedulerName: 'mine', containers: [] } });
    expect([unseen('2026-01-01T09:59:30Z'), unseen('2026-01-01T09:58:00Z'), unseen('2026-01-01T09:58:00Z', [condition('PodScheduled', 'False', 2)])].map((each) => stuckOf(each, now))).toEqual([undefined, 'schedulerName: mine', undefined]);
    const created = (status: string, minutesAgo: number) => ({ ...pod({ phase: 'Pending', conditions: [condition('PodReadyToStartContainers', status, minutesAgo)] }), spec: { nodeName: 'n', containers: [] } });
    expect([created('False', 1), created('False', 3), created('True', 60)].map((each) => stuckOf(each, now))).toEqual([undefined, '', undefined]);
    const running = (minutesAgo: number) => ({ ...pod({ conditions: [{ ...condition('Ready', 'False', minutesAgo), message: 'containers with unready status: [main]' }] }), spec: { nodeName: 'n', containers: [] } });
    expect([running(4), running(6)].map((each) => stuckOf(each, now))).toEqual([undefined, 'containers with unready status: [main]']);
    const ended = { ...running(60), status: { ...running(60).status, containerStatuses: [containerStatus({ state: { terminated: { exitCode: 0 } } }), containerStatus({ name: 'other', ready: true, state: { running: {} } })] } };
    expect(stuckOf(ended, now)).toBeUndefined();
    const ending = (deletionTimestamp: string, finalizers?: string[]) => makePod('web', { metadata: { name: 'web', deletionTimestamp, ...(finalizers ? { finalizers } : {}) } });
    expect([ending('2026-01-01T10:00:20Z'), ending('2026-01-01T09:58:00Z'), ending('2026-01-01T09:58:00Z', ['example.com/hold'])].map((each) => stuckOf(each, now))).toEqual([undefined, '', 'finalizers: example.com/hold']);
  });
});

it('an amount is shown in the largest unit that fits', () => {
  expect(['24581692Ki', '2', '1500m', '20Mi', '1024Mi', '110', '0'].map(readableAmount)).toEqual(['23.44Gi', '2', '1500m', '20Mi', '1Gi', '110', '0']);
});
