import { describe, expect, it } from 'vitest';
import type { ContainerResizePolicy, ResourceRequirements } from '../../../main/api/index.ts';
import { resources } from '../../../main/client/index.ts';
import type { ContainerResources } from '../../../main/runtime/index.ts';
import { settle } from '../../support/fakeClock.ts';
import { Harness } from './harness.ts';

const small: ResourceRequirements = { requests: { cpu: '100m', memory: '64Mi' }, limits: { cpu: '200m', memory: '128Mi' } };
const large: ResourceRequirements = { requests: { cpu: '300m', memory: '64Mi' }, limits: { cpu: '400m', memory: '256Mi' } };

/** A node of one CPU, 2 GiB. */
async function started() {
  const h = await new Harness({ simulated: { cpus: 1, memoryBytes: 2 * 2 ** 30 } }).start();
  const updates: (ContainerResources & { id: string })[] = [];
  h.runtime.updateResources = async (id, given) => void updates.push({ id, ...given });
  return { h, updates };
}

const pod = (resources: ResourceRequirements, resizePolicy?: ContainerResizePolicy[]) => ({
  containers: [{ name: 'web', image: 'web:1', resources, ...(resizePolicy ? { resizePolicy } : {}) }],
});

async function resize(h: Harness, name: string, wanted: ResourceRequirements): Promise<void> {
  h.server.change(resources.pods, 'default', name, (object) => {
    object.spec!.containers[0]!.resources = wanted;
    object.metadata!.generation!++;
  });
  await settle();
}

const statusOf = (h: Harness, name = 'web') => h.pod(name).status!.containerStatuses![0]!;

describe('a pod that is resized', () => {
  it('gets its new resources while it runs, and says so when it has them', async () => {
    const { h, updates } = await started();
    await h.create('web', pod(small));
    expect(statusOf(h)).toMatchObject({ resources: small, allocatedResources: small.requests });
    await resize(h, 'web', large);
    const { id } = (await h.container('web'))!;
    expect(updates).toEqual([expect.objectContaining({ id, cpuShares: 307, cpuQuota: 40_000, memoryLimit: 256 * 2 ** 20 })]);
    expect(statusOf(h)).toMatchObject({ resources: large, allocatedResources: large.requests, restartCount: 0 });
    expect(h.pod('web').status!.observedGeneration).toBe(2);
    expect(h.condition('web', 'PodResizeInProgress')).toBeUndefined();
    expect(h.events('web').map(({ reason }) => reason)).toEqual(expect.arrayContaining(['ResizeStarted', 'ResizeCompleted']));
  });

  it('changes an init container that runs', async () => {
    const { h, updates } = await started();
    await h.create('web', { initContainers: [{ name: 'init', image: 'init:1', resources: small }], containers: [{ name: 'web', image: 'web:1' }] });
    h.server.change(resources.pods, 'default', 'web', (object) => {
      object.spec!.initContainers![0]!.resources = large;
      object.metadata!.generation!++;
    });
    await settle();
    expect(updates).toEqual([expect.objectContaining({ id: (await h.container('web', 'init'))!.id, cpuQuota: 40_000 })]);
    expect(h.pod('web').status!.initContainerStatuses![0]).toMatchObject({ resources: large, restartCount: 0 });
    expect(h.condition('web', 'PodResizeInProgress')).toBeUndefined();
  });

  it('starts a container again whose policy for what changes says so', async () => {
    const { h, updates } = await started();
    await h.create('web', pod(small, [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }, { resourceName: 'memory', restartPolicy: 'RestartContainer' }]));
    await resize(h, 'web', large);
    await settle();
    expect(updates).toEqual([]);
    expect(statusOf(h)).toMatchObject({ resources: large, restartCount: 1 });
    expect(h.said('web')).toContain('Killing: Container web resize requires restart');
  });

  it('waits while the node has no room, and goes on when another pod has left', async () => {
    const { h, updates } = await started();
    await h.create('other', pod({ requests: { cpu: '600m' } }));
    await h.create('web', pod({ requests: { cpu: '200m' } }));
    await resize(h, 'web', { requests: { cpu: '700m' } });
    expect(h.condition('web', 'PodResizePending')).toMatchObject({
      status: 'True',
      reason: 'Deferred',
      observedGeneration: 2,
      message: "Node didn't have enough resource: cpu, requested: 700, used: 600, capacity: 1000",
    });
    expect(statusOf(h)).toMatchObject({ resources: { requests: { cpu: '200m' } }, allocatedResources: { cpu: '200m' } });
    expect(updates).toEqual([]);

    await h.restart();
    expect(h.condition('web', 'PodResizePending')).toMatchObject({ reason: 'Deferred' });
    await h.delete('other');
    await settle();
    expect(h.condition('web', 'PodResizePending')).toBeUndefined();
    expect(statusOf(h)).toMatchObject({ resources: { requests: { cpu: '700m' } }, allocatedResources: { cpu: '700m' } });
  });

  it('waits behind those that are more important, and of equals behind those that waited longer', async () => {
    const { h } = await started();
    await h.create('other', pod({ requests: { cpu: '700m' } }));
    const waiting = { first: 0, second: 0, important: 100 };
    for (const [name, priority] of Object.entries(waiting)) await h.create(name, { ...pod({ requests: { cpu: '100m' } }), priority });
    for (const name of Object.keys(waiting)) {
      await resize(h, name, { requests: { cpu: '400m' } });
      await h.clock.advance(2000);
    }
    await h.delete('other');
    await settle();
    // There is room for all but one.
    const pending = Object.keys(waiting).filter((name) => h.condition(name, 'PodResizePending'));
    expect(pending).toEqual(['second']);
  });

  it('gives a pod as a whole more before its containers, and less after them', async () => {
    const { h } = await started();
    const calls: string[] = [];
    h.runtime.updateSandboxResources = async (_, { cpuShares, cpuQuota, memoryLimit }) => void calls.push(`pod ${cpuShares} ${cpuQuota} ${memoryLimit! / 2 ** 20}`);
    h.runtime.updateResources = async (_, { memoryLimit }) => void calls.push(`container ${memoryLimit! / 2 ** 20}`);
    const resizeBoth = async (wanted: ResourceRequirements) => {
      calls.length = 0;
      h.server.change(resources.pods, 'default', 'web', (object) => {
        object.spec!.resources = wanted;
        object.spec!.containers[0]!.resources = wanted;
        object.metadata!.generation!++;
      });
      await settle();
      return calls;
    };
    await h.create('web', { ...pod(small), resources: small });
    expect(calls).toEqual(['pod 102 20000 128']);
    expect(await resizeBoth(large)).toEqual(['pod 307 40000 256', 'container 256']);
    expect(await resizeBoth(small)).toEqual(['container 128', 'pod 102 20000 128']);
    expect(await resizeBoth({ requests: small.requests!, limits: { cpu: '100m', memory: '256Mi' } })).toEqual(['pod 102 20000 256', 'container 256', 'pod 102 10000 256']);
    expect(h.condition('web', 'PodResizeInProgress')).toBeUndefined();
    await h.restart();
    await settle();
    expect(h.condition('web', 'PodResizeInProgress')).toBeUndefined();
  });

  it('says what it gave the pod as a whole as it was asked for', async () => {
    const { h } = await started();
    const whole = { requests: { cpu: '4m', memory: '10m' }, limits: { memory: '1.5Gi' } };
    await h.create('web', { ...pod({}), resources: whole });
    expect(h.pod('web').status).toMatchObject({ allocatedResources: { cpu: '4m', memory: '10m' }, resources: { requests: whole.requests, limits: { memory: '1536Mi' } } });
  });

  describe('as a whole for the first time', () => {
    const two = (limits?: Record<string, string>) => ({ containers: ['web', 'side'].map((name) => ({ name, image: 'web:1', resources: { requests: { cpu: '100m' }, ...(limits ? { limits } : {}) } })) });
    const whole = { requests: { cpu: '200m' }, limits: { cpu: '500m' } };
    const addWhole = async (h: Harness) => {
      h.server.change(resources.pods, 'default', 'web', (object) => {
        object.spec!.resources = whole;
        object.metadata!.generation!++;
      });
      await settle();
    };

    it('is refused that to its containers, which nothing but a common group could hold to it', async () => {
      const { h, updates } = await started();
      await h.create('web', two());
      await addWhole(h);
      expect(h.condition('web', 'PodResizePending')).toMatchObject({ reason: 'Infeasible', message: expect.stringContaining('no common cgroup'), observedGeneration: 2 });
      expect(h.said('web')).toContainEqual(expect.stringMatching(/^ResizeInfeasible: Pod resize Infeasible/));
      expect(updates).toEqual([]);
      await h.restart();
      await settle();
      expect(h.condition('web', 'PodResizePending')).toMatchObject({ reason: 'Infeasible' });
      expect(updates).toEqual([]);
      expect(h.pod('web').status!.resources).toEqual({ requests: { cpu: '200m' } });
    });

    it('has it where its containers come to no more by themselves', async () => {
      const { h } = await started();
      await h.create('web', two({ cpu: '250m' }));
      await addWhole(h);
      expect(h.condition('web', 'PodResizePending')).toBeUndefined();
      expect(h.condition('web', 'PodResizeInProgress')).toBeUndefined();
      expect(h.pod('web').status!.resources).toEqual(whole);
    });

    it('has it where only one container runs, which is given it', async () => {
      const { h, updates } = await started();
      await h.create('web', pod({ requests: { cpu: '100m' } }));
      await addWhole(h);
      expect(updates).toEqual([expect.objectContaining({ cpuQuota: 50_000 })]);
      expect(h.pod('web').status!.resources).toEqual(whole);
    });

    it('is told that it failed when it came while the pod was being made without a group', async () => {
      const { h } = await started();
      const real = h.runtime.runSandbox.bind(h.runtime);
      h.runtime.runSandbox = async (...given) => {
        await addWhole(h);
        return real(...given);
      };
      await h.create('web', two());
      await settle();
      expect(h.condition('web', 'PodResizeInProgress')).toMatchObject({ reason: 'Error', message: expect.stringContaining('no common cgroup') });
    });
  });

  it('is over at once when nothing that runs is held to what changed', async () => {
    const { h } = await started();
    const whole = (memory: string) => ({ requests: { cpu: '100m', memory }, limits: { cpu: '1', memory: '1Gi' } });
    await h.create('web', { ...pod({}), resources: whole('100Mi') });
    h.server.change(resources.pods, 'default', 'web', (object) => {
      object.spec!.resources = whole('200Mi');
      object.metadata!.generation!++;
    });
    await settle();
    expect(h.condition('web', 'PodResizeInProgress')).toBeUndefined();
    expect(h.pod('web').status).toMatchObject({ allocatedResources: { memory: '200Mi' }, resources: { requests: { memory: '200Mi' } } });
    expect(h.said('web').filter((text) => text.startsWith('Resize')).map((text) => text.split(':')[0])).toEqual(['ResizeStarted', 'ResizeCompleted']);
  });

  it('keeps the memory limit of the pod as a whole while it uses more than the new one', async () => {
    const { h } = await started();
    await h.create('web', { ...pod({}), resources: large });
    h.runtime.stats = async (ids) => ids.map((id) => ({ id, timestamp: 0, cpuNanoseconds: 0, memoryUsageBytes: 100 * 2 ** 20, memoryWorkingSetBytes: 0 }));
    h.server.change(resources.pods, 'default', 'web', (object) => {
      object.spec!.resources = small;
      object.metadata!.generation!++;
    });
    await settle();
    // The container and the sandbox.
    expect(h.condition('web', 'PodResizeInProgress')).toMatchObject({
      reason: 'Error',
      message: `cannot decrease memory limits: attempting to set pod memory limit (${128 * 2 ** 20}) below current usage (${200 * 2 ** 20})`,
    });
    expect(h.pod('web').status).toMatchObject({ resources: large, allocatedResources: small.requests });
  });

  it('keeps its memory limit while it uses more than the new one', async () => {
    const { h, updates } = await started();
    await h.create('web', pod(large));
    let used = 200 * 2 ** 20;
    h.runtime.stats = async (ids) => ids.map((id) => ({ id, timestamp: 0, cpuNanoseconds: 0, memoryUsageBytes: used, memoryWorkingSetBytes: used }));
    await resize(h, 'web', small);
    expect(h.condition('web', 'PodResizeInProgress')).toMatchObject({
      reason: 'Error',
      message: `cannot decrease memory limits: attempting to set container "web" memory limit (${128 * 2 ** 20}) below current usage (${used})`,
    });
    expect(statusOf(h)).toMatchObject({ resources: large, allocatedResources: small.requests });

    used = 2 ** 20;
    await h.clock.advance(10_000);
    expect(updates).toHaveLength(1);
    expect(h.condition('web', 'PodResizeInProgress')).toBeUndefined();
    expect(statusOf(h).resources).toEqual(small);
  });
});
