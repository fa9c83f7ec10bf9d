import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DeviceTaint, DeviceToleration } from '../../../main/api/index.ts';
import { timestamp } from '../../../main/api/meta.ts';
import { resources } from '../../../main/client/index.ts';
import { DeviceTaintEvictionController } from '../../../main/controllers/deviceTaintEviction.ts';
import { settle } from '../../support/fakeClock.ts';
import { makePod } from '../../support/objects.ts';
import { Cluster } from './harness.ts';

const driver = 'dra.example.com';
let cluster: Cluster;
beforeEach(async () => {
  cluster = new Cluster();
  cluster.server.seed(resources.resourceSlices, { metadata: { name: 'slice' }, spec: { driver, nodeName: 'node-1', pool: { name: 'pool', generation: 1, resourceSliceCount: 1 }, devices: [{ name: 'a' }, { name: 'b' }] } });
  await cluster.start(DeviceTaintEvictionController);
});
afterEach(() => cluster.stop());

/** A pod that has device `a`, with what its claim tolerates. */
async function running(name: string, tolerations: DeviceToleration[] = []): Promise<void> {
  const { metadata } = cluster.server.seed(resources.pods, { ...makePod(name, {}, { nodeName: 'node-1', resourceClaims: [{ name: 'gpu', resourceClaimName: name }] }), status: { phase: 'Running' } });
  cluster.server.seed(resources.resourceClaims, {
    metadata: { name, namespace: 'default' },
    spec: {},
    status: { allocation: { devices: { results: [{ request: 'r', driver, pool: 'pool', device: 'a', tolerations }] } }, reservedFor: [{ resource: 'pods', name, uid: metadata!.uid! }] },
  });
  await settle();
}
async function taint(...taints: DeviceTaint[]): Promise<void> {
  cluster.server.change(resources.resourceSlices, '', 'slice', ({ spec }) => (spec.devices![0]!.taints = taints));
  await settle();
}
const sick = (effect = 'NoExecute'): DeviceTaint => ({ key: 'health', value: 'bad', effect, timeAdded: timestamp(cluster.clock.now()) });
const pod = (name: string) => cluster.server.find(resources.pods, 'default', name);

it('a pod whose device is to be given up goes at once, and says why', async () => {
  await running('web');
  await taint(sick('NoSchedule'));
  expect(pod('web')!.metadata!.deletionTimestamp).toBeUndefined();
  await taint(sick());
  expect(pod('web')!.metadata!.deletionTimestamp).toBeDefined();
  expect(pod('web')!.status!.conditions).toMatchObject([{ type: 'DisruptionTarget', reason: 'DeletionByDeviceTaintManager', message: 'Device Taint manager: deleting due to NoExecute taint' }]);
  expect(cluster.events('web')).toEqual(['Marking for deletion']);
});

it('stays as long as its claim tolerates that', async () => {
  await running('forever', [{ operator: 'Exists', effect: 'NoExecute' }]);
  await running('forever-too', [{ operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 60 }, { operator: 'Exists', effect: 'NoExecute' }]);
  await running('a-while', [{ key: 'health', operator: 'Equal', value: 'bad', effect: 'NoExecute', tolerationSeconds: 60 }]);
  await running('saved', [{ key: 'health', operator: 'Equal', value: 'bad', effect: 'NoExecute', tolerationSeconds: 120 }]);
  await taint(sick());
  await cluster.clock.advance(59_000);
  expect(pod('a-while')!.metadata!.deletionTimestamp).toBeUndefined();
  await cluster.clock.advance(2_000);
  expect(pod('a-while')!.metadata!.deletionTimestamp).toBeDefined();
  expect(pod('forever-too')!.metadata!.deletionTimestamp).toBeUndefined();
  await taint();
  await cluster.clock.advance(300_000);
  for (const name of ['forever', 'forever-too', 'saved']) expect(pod(name)!.metadata!.deletionTimestamp).toBeUndefined();
  expect(cluster.events('saved')).toEqual(['Cancelling deletion']);
});

const aWhile = (tolerationSeconds?: number): DeviceToleration[] => [{ key: 'health', operator: 'Exists', effect: 'NoExecute', ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }) }];
const goes = (name: string) => pod(name)!.metadata!.deletionTimestamp !== undefined;

it('goes when its claim tolerates another taint, another value, or does not say that this effect is meant', async () => {
  await running('other', [{ key: 'other', operator: 'Exists', effect: 'NoExecute' }]);
  await running('value', [{ key: 'health', operator: 'Equal', value: 'good', effect: 'NoExecute' }]);
  await running('vague', [{ operator: 'Exists' }]);
  await taint(sick());
  expect(['other', 'value', 'vague'].map(goes)).toEqual([true, true, true]);
});

it('counts from when the device was tainted, for the first taint of several that it does not tolerate any longer', async () => {
  await running('web', [...aWhile(60), { key: 'heat', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 10 }]);
  const since = sick();
  await cluster.clock.advance(40_000);
  await taint(since, { key: 'heat', effect: 'NoExecute', timeAdded: timestamp(cluster.clock.now()) });
  await cluster.clock.advance(9_000);
  expect(goes('web')).toBe(false);
  await cluster.clock.advance(1_000);
  expect(goes('web')).toBe(true);
});

it('goes at once when what it tolerated for a while becomes something that it does not', async () => {
  await running('web', aWhile(60));
  await taint(sick());
  expect(goes('web')).toBe(false);
  await taint({ ...sick(), key: 'heat' });
  expect(goes('web')).toBe(true);
  expect(cluster.events('web')).toEqual(['Marking for deletion']);
});

it('goes when it comes to its node while the device is tainted already', async () => {
  await running('web');
  cluster.server.change(resources.pods, 'default', 'web', ({ spec }) => delete spec!.nodeName);
  await taint(sick());
  expect(goes('web')).toBe(false);
  cluster.server.change(resources.pods, 'default', 'web', ({ spec }) => (spec!.nodeName = 'node-1'));
  await settle();
  expect(goes('web')).toBe(true);
});

describe('a pod that is to go later', () => {
  beforeEach(async () => {
    await running('web', aWhile(60));
    await taint(sick());
  });

  const staysAfter = async (change: () => unknown, events: string[]) => {
    change();
    await settle();
    expect(cluster.events('web')).toEqual(events);
    await cluster.clock.advance(100_000);
    expect(pod('web')?.metadata!.deletionTimestamp).toBeUndefined();
    expect(cluster.events('web')).toEqual(events);
  };

  it('stays when a newer generation of the pool has the device without the taint', () =>
    staysAfter(() => {
      const pool = { name: 'pool', generation: 2, resourceSliceCount: 1 };
      cluster.server.seed(resources.resourceSlices, { metadata: { name: 'newer' }, spec: { driver, nodeName: 'node-1', pool, devices: [{ name: 'a' }] } });
    }, ['Cancelling deletion']));

  it('stays when the taint only keeps new pods away now', () =>
    staysAfter(() => cluster.server.change(resources.resourceSlices, '', 'slice', ({ spec }) => (spec.devices![0]!.taints![0]!.effect = 'NoSchedule')), ['Cancelling deletion']));

  it('stays when the slice is gone', () => staysAfter(() => cluster.server.drop(resources.resourceSlices, '', 'slice'), ['Cancelling deletion']));

  it('stays when its claim is gone', () => staysAfter(() => cluster.server.drop(resources.resourceClaims, 'default', 'web'), ['Cancelling deletion']));

  it('stays when its claim has no device any more', () =>
    staysAfter(() => cluster.server.change(resources.resourceClaims, 'default', 'web', ({ status }) => delete status!.allocation), ['Cancelling deletion']));

  it('is not spoken of when it has gone by itself', () => staysAfter(() => cluster.server.drop(resources.pods, 'default', 'web'), []));

  it('is not deleted again when it is going by then', async () => {
    cluster.server.change(resources.pods, 'default', 'web', ({ metadata }) => {
      Object.assign(metadata!, { deletionTimestamp: timestamp(cluster.clock.now()), deletionGracePeriodSeconds: 600, finalizers: ['example.com/kept'] });
    });
    await cluster.clock.advance(100_000);
    expect(cluster.events('web')).toEqual([]);
    expect(pod('web')!.status!.conditions).toBeUndefined();
  });
});

it('a claim that was made for another pod of that name takes nobody away', async () => {
  await running('web');
  cluster.server.change(resources.pods, 'default', 'web', (each) => {
    each.spec!.resourceClaims = [{ name: 'gpu', resourceClaimTemplateName: 'gpus' }];
    each.status!.resourceClaimStatuses = [{ name: 'gpu', resourceClaimName: 'web' }];
  });
  await taint(sick());
  expect(goes('web')).toBe(false);
  const { uid } = pod('web')!.metadata!;
  cluster.server.change(resources.resourceClaims, 'default', 'web', ({ metadata }) => {
    metadata!.ownerReferences = [{ apiVersion: 'v1', kind: 'Pod', name: 'web', uid: uid!, controller: true }];
  });
  await settle();
  expect(goes('web')).toBe(true);
});

it('only what a pod asks for by claims is looked at, not what stands behind its extended resources', async () => {
  await running('web');
  cluster.server.change(resources.pods, 'default', 'web', (each) => {
    delete each.spec!.resourceClaims;
    each.status!.extendedResourceClaimStatus = { resourceClaimName: 'web', requestMappings: [] };
  });
  await taint(sick());
  expect(goes('web')).toBe(false);
});

it('events name the pod with its uid and no version, and the condition no generation', async () => {
  await running('web');
  await taint(sick());
  const [event] = cluster.server.all(resources.events);
  const { uid } = pod('web')!.metadata!;
  expect(event!.involvedObject).toEqual({ apiVersion: 'v1', kind: 'Pod', namespace: 'default', name: 'web', uid });
  expect(pod('web')!.status!.conditions![0]).not.toHaveProperty('observedGeneration');
});
