import { describe, expect, it } from 'vitest';
import { resources } from '../../../main/client/index.ts';
import { settle } from '../../support/fakeClock.ts';
import { Harness } from './harness.ts';

const condition = (h: Harness, type: string) => h.server.find(resources.nodes, '', 'node-1')!.status!.conditions!.find((c) => c.type === type);
const mebi = 2 ** 20;

/** On a runtime that counts as real, where each container uses what the test says, by the name of its pod. */
async function started(used: Record<string, number> = {}) {
  const h = await new Harness({ runtimeName: 'docker' }).start();
  h.runtime.stats = async (ids) => {
    const containers = await h.runtime.listContainers();
    const sandboxes = await h.runtime.listSandboxes();
    return ids.map((id) => {
      const sandbox = sandboxes.find((s) => s.id === containers.find((c) => c.id === id)!.sandboxId)!;
      const bytes = used[sandbox.name] ?? 0;
      return { id, timestamp: h.clock.now(), cpuNanoseconds: 0, memoryUsageBytes: bytes, memoryWorkingSetBytes: bytes };
    });
  };
  const look = async () => {
    await h.clock.advance(10_000);
    await settle();
  };
  return { h, look };
}

const asking = (memory: string, priority = 0) => ({ priority, containers: [{ name: 'web', image: 'web:1', resources: { requests: { memory } } }] });

describe('a machine that runs out of memory', () => {
  it('loses the pod that takes most beyond what it asked for, and takes none that asks for nothing', async () => {
    const { h, look } = await started({ modest: 50 * mebi, greedy: 300 * mebi, important: 500 * mebi });
    await h.create('modest', asking('100Mi'));
    await h.create('greedy', asking('100Mi'));
    await h.create('important', asking('100Mi', 1000));
    h.agent.machine = { ...h.agent.machine, memoryAvailableBytes: 60 * mebi };
    await look();
    const message =
      'The node was low on resource: memory. Threshold quantity: 100Mi, available: 60Mi. Container web was using 300Mi, request is 100Mi, has larger consumption of memory. ';
    expect(h.pod('greedy').status).toMatchObject({ phase: 'Failed', reason: 'Evicted', message });
    expect(h.condition('greedy', 'DisruptionTarget')).toMatchObject({ status: 'True', reason: 'TerminationByKubelet' });
    expect(h.said('greedy')).toContain(`Evicted: ${message}`);
    expect(h.pod('modest').status!.phase).toBe('Running');
    expect(h.pod('important').status!.phase).toBe('Running');
    expect(condition(h, 'MemoryPressure')).toMatchObject({ status: 'True', reason: 'KubeletHasInsufficientMemory' });

    await h.create('late');
    expect(h.pod('late').status).toMatchObject({ phase: 'Failed', reason: 'Evicted', message: 'Pod was rejected: The node had condition: [MemoryPressure]. ' });
    await h.create('ready', { tolerations: [{ key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' }] });
    expect(h.pod('ready').status!.phase).not.toBe('Failed');
    h.agent.machine = { ...h.agent.machine, memoryAvailableBytes: 2000 * mebi };
    await h.clock.advance(320_000);
    expect(condition(h, 'MemoryPressure')).toMatchObject({ status: 'False' });
  });
});

describe('a disk that gets full', () => {
  it('first loses images that the kubelet has pulled and nobody uses', async () => {
    const { h, look } = await started();
    await h.create('web');
    await h.create('old', { containers: [{ name: 'web', image: 'old:1' }] });
    await h.runtime.pullImage('users:1', undefined);
    await h.delete('old', 0);
    const remove = h.runtime.removeImage.bind(h.runtime);
    // As an engine does with what a container uses.
    h.runtime.removeImage = async (id) => {
      if ((await h.runtime.listContainers()).some(({ imageId }) => imageId === id)) throw new Error('conflict');
      await remove(id);
    };
    await h.clock.advance(120_000);
    h.agent.machine = { ...h.agent.machine, diskAvailableBytes: 500 * mebi };
    await look();
    expect((await h.runtime.listImages()).flatMap(({ tags }) => tags).sort()).toEqual(['users:1', 'web:1']);
    expect(h.pod('web').status!.phase).toBe('Running');
    expect(condition(h, 'DiskPressure')).toMatchObject({ status: 'True' });
    expect(h.said('node-1').filter((text) => text.startsWith('NodeHas'))).toEqual(
      ['NodeHasSufficientMemory', 'NodeHasNoDiskPressure', 'NodeHasSufficientPID', 'NodeHasDiskPressure'].map((reason) => `${reason}: Node node-1 status is now: ${reason}`),
    );
    await look();
    expect(h.pod('web').status).toMatchObject({ phase: 'Failed', reason: 'Evicted', message: expect.stringContaining('The node was low on resource: ephemeral-storage. Threshold quantity: 1Gi, available: 500Mi. ') });
  });
});

describe('a disk that stays full', () => {
  it('loses the pod that has most on it beyond what it asked for', async () => {
    const { h, look } = await started();
    const asks = (storage: string) => ({ containers: [{ name: 'web', image: 'web:1', resources: { requests: { 'ephemeral-storage': storage } } }], volumes: [{ name: 'scratch', emptyDir: {} }] });
    const used = { modest: 100 * mebi, greedy: 300 * mebi, entitled: 500 * mebi };
    for (const [name, bytes] of Object.entries(used)) {
      const { uid } = (await h.create(name, asks(name === 'entitled' ? '1Gi' : '10Mi'))).metadata!;
      h.agent.used.set(`pods/${uid}/volumes/kubernetes.io~empty-dir/scratch`, bytes);
    }
    h.runtime.diskUsage = async () => ({ files: 15 * mebi, log: 5 * mebi });
    h.agent.machine = { ...h.agent.machine, diskAvailableBytes: 500 * mebi };
    await look();
    expect(h.pod('greedy').status).toMatchObject({
      phase: 'Failed',
      message: 'The node was low on resource: ephemeral-storage. Threshold quantity: 1Gi, available: 500Mi. Container web was using 20Mi, request is 10Mi, has larger consumption of ephemeral-storage. ',
    });
    expect(['modest', 'entitled'].map((name) => h.pod(name).status!.phase)).toEqual(['Running', 'Running']);
  });
});

describe('a pod with resources as a whole', () => {
  it('is measured against what it asked for as a whole when memory runs out', async () => {
    const { h, look } = await started({ whole: 300 * mebi, other: 50 * mebi });
    await h.create('whole', { resources: { requests: { memory: '200Mi' } } });
    await h.create('other', asking('100Mi'));
    h.agent.machine = { ...h.agent.machine, memoryAvailableBytes: 60 * mebi };
    await look();
    expect(h.pod('whole').status!.message).toBe(
      'The node was low on resource: memory. Threshold quantity: 100Mi, available: 60Mi. Pod whole was using 300Mi, request is 200Mi, has larger consumption of memory. Container web was using 300Mi, request is 0, has larger consumption of memory. ',
    );
  });
});

describe('a pod with a limit for its files', () => {
  it('goes when a volume has more than its limit', async () => {
    const { h, look } = await started();
    const { uid } = (await h.create('web', { volumes: [{ name: 'scratch', emptyDir: { sizeLimit: '10Mi' } }] })).metadata!;
    await look();
    expect(h.pod('web').status!.phase).toBe('Running');
    h.agent.used.set(`pods/${uid}/volumes/kubernetes.io~empty-dir/scratch`, 11 * mebi);
    await look();
    expect(h.pod('web').status).toMatchObject({ phase: 'Failed', reason: 'Evicted', message: 'Usage of EmptyDir volume "scratch" exceeds the limit "10Mi". ' });
  });

  it('goes when all of it has more than its limits come to, a container without one too, and when one container has more than its own', async () => {
    const { h, look } = await started();
    const container = (name: string, limit?: string) => ({ name, image: 'web:1', ...(limit ? { resources: { limits: { 'ephemeral-storage': limit } } } : {}) });
    await h.create('one', { containers: [container('web', '10Mi'), container('side')], volumes: [{ name: 'scratch', emptyDir: {} }] });
    await h.create('many', { containers: [container('web', '4Mi'), container('side', '100Mi')] });
    // Its log counts as what it wrote does.
    h.runtime.diskUsage = async (id) => ((await h.runtime.containerStatus(id)).name === 'web' ? { files: 2 * mebi, log: 3 * mebi } : { files: 6 * mebi, log: 0 });
    await look();
    await look();
    expect(h.pod('one').status).toMatchObject({ reason: 'Evicted', message: 'Pod ephemeral local storage usage exceeds the total limit of containers 10Mi. ' });
    expect(h.pod('many').status).toMatchObject({ reason: 'Evicted', message: 'Container web exceeded its local ephemeral storage limit "4Mi". ' });
    const metrics = (await h.kubelet.api.http('/metrics', new URLSearchParams())).body;
    for (const signal of ['ephemeralpodfs.limit', 'ephemeralcontainerfs.limit']) expect(metrics).toContain(`kubelet_evictions{eviction_signal="${signal}"} 1`);
  });
});
