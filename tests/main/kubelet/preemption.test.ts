import { describe, expect, it } from 'vitest';
import type { Pod } from '../../../main/api/index.ts';
import { podsToPreempt } from '../../../main/kubelet/eviction/preemption.ts';
import { settle } from '../../support/fakeClock.ts';
import { Harness } from './harness.ts';

const critical = 2_000_001_000;
const asking = (cpu: string | undefined, priority = 0, equalLimits = false) => ({
  priority,
  terminationGracePeriodSeconds: 5,
  containers: [{ name: 'web', image: 'web:1', ...(cpu ? { resources: { requests: { cpu, memory: '1Mi' }, ...(equalLimits ? { limits: { cpu, memory: '1Mi' } } : {}) } } : {}) }],
});
const pod = (name: string, cpu?: string, priority = 0, guaranteed = false): Pod => ({ metadata: { name, uid: name }, spec: asking(cpu, priority, guaranteed) });
const names = (pods: Pod[]) => pods.map(({ metadata }) => metadata!.name);

describe('a critical pod for which a node has no room', () => {
  it('gets it from another as soon as that one has ended', async () => {
    const h = await new Harness().start();
    const stop = h.runtime.stopContainer.bind(h.runtime);
    let ended = () => {};
    h.runtime.stopContainer = async (id, grace) => {
      await new Promise<void>((resolve) => (ended = resolve));
      return stop(id, grace);
    };
    await h.create('small', asking('1'));
    await h.create('large', asking('6'));
    await h.create('system', asking('4', critical));
    expect(h.said('large')).toContain('Preempting: Preempted in order to admit critical pod');
    expect(h.pod('system').status?.phase ?? 'Pending').toBe('Pending');
    expect(h.said('system')).toEqual([]);
    ended();
    await settle();
    expect(h.pod('large').status).toMatchObject({ phase: 'Failed', reason: 'Preempting', message: 'Preempted in order to admit critical pod' });
    expect(h.condition('large', 'DisruptionTarget')).toMatchObject({ status: 'True', reason: 'TerminationByKubelet', message: 'Pod was preempted by Kubelet to accommodate a critical pod.' });
    expect(h.pod('system').status!.phase).toBe('Running');
    expect(h.pod('small').status!.phase).toBe('Running');
    expect((await h.kubelet.api.http('/metrics', new URLSearchParams())).body).toContain('kubelet_preemptions{preemption_signal="cpu"} 1');
  });

  it('is refused when nobody could give it enough', async () => {
    const h = await new Harness().start();
    await h.create('other', asking('5', critical));
    await h.create('system', asking('6', critical));
    expect(h.pod('system').status).toMatchObject({ phase: 'Failed', reason: 'UnexpectedAdmissionError', message: expect.stringContaining('no set of running pods found to reclaim resources: [(res: cpu, q: 3000), ]') });
    expect(h.pod('other').status!.phase).toBe('Running');
  });

  it('is forgotten when it is deleted while it waits', async () => {
    const h = await new Harness().start();
    h.runtime.stopContainer = () => new Promise(() => {});
    await h.create('large', asking('6'));
    await h.create('system', asking('4', critical));
    await h.delete('system', 0);
    await settle();
    expect(h.find('system')).toBeUndefined();
  });

  it('is the only one: an important pod is refused', async () => {
    const h = await new Harness().start();
    await h.create('large', asking('6'));
    await h.create('important', asking('4', 1000));
    expect(h.pod('important').status).toMatchObject({ phase: 'Failed', reason: 'OutOfcpu' });
    expect(h.pod('large').status!.phase).toBe('Running');
  });
});

describe('who makes room', () => {
  const cpu = (amount: number) => [{ name: 'cpu', amount }];
  const system = pod('system', '4', critical);
  it.each<[string, Pod[], number, string[]]>([
    ['who comes nearest', [pod('a', '1'), pod('b', '2'), pod('c', '4')], 2000, ['b']],
    ['who asks for less, of those that have enough', [pod('a', '5'), pod('b', '3')], 2000, ['b']],
    ['burstable pods before guaranteed ones', [pod('a', '2', 0, true), pod('b', '2')], 2000, ['b']],
    ['both classes when one is not enough', [pod('a', '2', 0, true), pod('b', '1')], 3000, ['b', 'a']],
    ['never another critical one', [pod('a', '2', critical), pod('b', '2')], 2000, ['b']],
  ])('%s', (_, pods, amount, chosen) => expect(names(podsToPreempt(system, pods, cpu(amount)))).toEqual(chosen));

  it('is a pod that asks for nothing, where only the number of pods is the matter', () => {
    expect(names(podsToPreempt(system, [pod('a', '1'), pod('b')], [{ name: 'pods', amount: 1 }]))).toEqual(['b']);
  });
});
