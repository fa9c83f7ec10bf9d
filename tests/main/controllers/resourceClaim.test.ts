import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ResourceResourceClaim } from '../../../main/api/index.ts';
import { controllerOf } from '../../../main/api/meta.ts';
import { resources } from '../../../main/client/index.ts';
import { ResourceClaimController } from '../../../main/controllers/resourceClaim.ts';
import { settle } from '../../support/fakeClock.ts';
import { makePod } from '../../support/objects.ts';
import { Cluster } from './harness.ts';

let cluster: Cluster;
beforeEach(async () => {
  cluster = new Cluster();
  await cluster.start(ResourceClaimController);
});
afterEach(() => cluster.stop());

const { resourceClaims, resourceClaimTemplates, pods } = resources;
const spec = { devices: { requests: [{ name: 'gpu', exactly: { deviceClassName: 'gpu' } }] } };
const claims = () => cluster.server.all(resourceClaims);
const pod = (name = 'web') => cluster.server.find(pods, 'default', name)!;

function seedTemplate(): void {
  const labels = { team: 'a' };
  cluster.server.seed(resourceClaimTemplates, { metadata: { name: 'gpus', namespace: 'default' }, spec: { metadata: { labels }, spec } });
}

async function seedPod(claim: object, more: object = {}): Promise<void> {
  cluster.server.seed(pods, makePod('web', {}, { resourceClaims: [{ name: 'gpu', ...claim }], ...more }));
  await settle();
}

/** As the scheduler leaves it. */
function seedAllocated(reserved: { name: string; uid: string }[], metadata: object = {}): ResourceResourceClaim {
  return cluster.server.seed(resourceClaims, {
    metadata: { name: 'shared', namespace: 'default', finalizers: ['resource.kubernetes.io/delete-protection'], ...metadata },
    spec,
    status: { allocation: { devices: {} }, reservedFor: reserved.map((ref) => ({ resource: 'pods', ...ref })) },
  });
}

it('makes the claim of a template, once, and tells the pod its name', async () => {
  seedTemplate();
  await seedPod({ resourceClaimTemplateName: 'gpus' });
  const [claim] = claims();
  expect(claims()).toHaveLength(1);
  expect(claim!.metadata).toMatchObject({ labels: { team: 'a' }, annotations: { 'resource.kubernetes.io/pod-claim-name': 'gpu' } });
  expect(claim!.metadata!.name).toMatch(/^web-gpu-/);
  expect(controllerOf(claim!)).toMatchObject({ kind: 'Pod', name: 'web', uid: pod().metadata!.uid });
  expect(claim!.spec).toEqual(spec);
  expect(pod().status!.resourceClaimStatuses).toEqual([{ name: 'gpu', resourceClaimName: claim!.metadata!.name }]);
});

it('waits for a template that is not there yet, and says so', async () => {
  await seedPod({ resourceClaimTemplateName: 'gpus' });
  expect(cluster.events('web', 'FailedResourceClaimCreation')[0]).toBe(
    'PodResourceClaim gpu: resource claim template "gpus": resourceclaimtemplate.resource.k8s.io "gpus" not found',
  );
  seedTemplate();
  await settle();
  expect(claims()).toHaveLength(1);
});

it('a claim that was deleted by mistake is made again', async () => {
  seedTemplate();
  await seedPod({ resourceClaimTemplateName: 'gpus' });
  cluster.server.drop(resourceClaims, 'default', claims()[0]!.metadata!.name!);
  await settle();
  expect(pod().status!.resourceClaimStatuses).toEqual([{ name: 'gpu', resourceClaimName: claims()[0]!.metadata!.name }]);
});

it('goes when its pod has ended', async () => {
  seedTemplate();
  await seedPod({ resourceClaimTemplateName: 'gpus' });
  cluster.server.change(pods, 'default', 'web', (p) => (p.status = { ...p.status, phase: 'Succeeded' }));
  await settle();
  expect(claims()).toEqual([]);
});

it('an allocated claim is reserved for a pod that somebody else has placed', async () => {
  seedAllocated([]);
  await seedPod({ resourceClaimName: 'shared' }, { nodeName: 'node-1' });
  expect(claims()[0]!.status!.reservedFor).toEqual([{ resource: 'pods', name: 'web', uid: pod().metadata!.uid }]);
});

it('with its last pod a claim loses its allocation and its protection', async () => {
  await seedPod({ resourceClaimName: 'shared' }, { nodeName: 'node-1' });
  seedAllocated([{ name: 'web', uid: pod().metadata!.uid! }, { name: 'gone', uid: 'x' }]);
  await settle();
  expect(claims()[0]!.status!.reservedFor).toHaveLength(1);
  expect(claims()[0]!.status!.allocation).toBeDefined();
  cluster.server.drop(pods, 'default', 'web');
  await settle();
  expect(claims()[0]!.status).toEqual({});
  expect(claims()[0]!.metadata!.finalizers ?? []).toEqual([]);
});

it('a claim that is to go is let go when nobody uses it', async () => {
  seedAllocated([]);
  await cluster.client.of(resourceClaims).delete('default', 'shared');
  await settle();
  expect(claims()).toEqual([]);
});

it('lets go of the claim for extended resources of a pod that has ended', async () => {
  const { uid } = cluster.server.seed(pods, makePod('web', {}, { nodeName: 'node-1' })).metadata!;
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Pod', name: 'web', uid: uid!, controller: true }];
  seedAllocated([{ name: 'web', uid: uid! }], { ownerReferences, annotations: { 'resource.kubernetes.io/extended-resource-claim': 'true' } });
  cluster.server.change(pods, 'default', 'web', (web) => (web.status = { phase: 'Running', extendedResourceClaimStatus: { resourceClaimName: 'shared', requestMappings: [] } }));
  await settle();
  expect(claims()).toHaveLength(1);
  cluster.server.change(pods, 'default', 'web', (web) => (web.status!.phase = 'Succeeded'));
  await settle();
  expect(claims()).toEqual([]);
});
