import { afterEach, beforeEach, expect, it } from 'vitest';
import { resources } from '../../../main/client/index.ts';
import { EphemeralVolumeController } from '../../../main/controllers/ephemeralVolume.ts';
import { settle } from '../../support/fakeClock.ts';
import { makePod } from '../../support/objects.ts';
import { Cluster } from './harness.ts';

let cluster: Cluster;
beforeEach(async () => {
  cluster = new Cluster();
  await cluster.start(EphemeralVolumeController);
});
afterEach(() => cluster.stop());

const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
const volumes = [{ name: 'scratch', ephemeral: { volumeClaimTemplate: { metadata: { labels: { of: 'pod' } }, spec } } }];
const claim = () => cluster.server.find(resources.persistentVolumeClaims, 'default', 'web-scratch');

it('a pod gets the claim of its ephemeral volume, which goes with it', async () => {
  const pod = cluster.server.seed(resources.pods, makePod('web', {}, { volumes }));
  await settle(20);
  expect(claim()).toMatchObject({
    metadata: {
      labels: { of: 'pod' },
      ownerReferences: [{ kind: 'Pod', name: 'web', uid: pod.metadata!.uid, controller: true, blockOwnerDeletion: true }],
    },
    spec,
  });
});

it('a claim that somebody deletes comes again', async () => {
  cluster.server.seed(resources.pods, makePod('web', {}, { volumes }));
  await settle(20);
  const { uid } = claim()!.metadata!;
  cluster.server.drop(resources.persistentVolumeClaims, 'default', 'web-scratch');
  await settle(20);
  expect(claim()!.metadata!.uid).not.toBe(uid);
});

it("another's claim of that name is left alone, and the pod is told", async () => {
  cluster.server.seed(resources.persistentVolumeClaims, { metadata: { name: 'web-scratch', namespace: 'default' }, spec });
  cluster.server.seed(resources.pods, makePod('web', {}, { volumes }));
  await settle(20);
  expect(claim()!.metadata!.ownerReferences).toBeUndefined();
  expect(cluster.events('web', 'FailedBinding')).toEqual([
    'ephemeral volume scratch: PVC default/web-scratch was not created for pod default/web (pod is not owner)',
  ]);
});
