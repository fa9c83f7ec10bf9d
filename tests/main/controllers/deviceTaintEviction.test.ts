import { afterEach, beforeEach, expect, it } from 'vitest';
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
  await running('forever', [{ operator: 'Exists' }]);
  await running('forever-too', [{ operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 60 }, { operator: 'Exists', effect: 'NoExecute' }]);
  await running('a-while', [{ key: 'health', operator: 'Equal', value: 'bad', tolerationSeconds: 60 }]);
  await running('saved', [{ key: 'health', operator: 'Equal', value: 'bad', tolerationSeconds: 120 }]);
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
