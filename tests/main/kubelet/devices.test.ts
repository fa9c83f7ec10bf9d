import { expect, it } from 'vitest';
import { resources } from '../../../main/client/index.ts';
import { Harness } from './harness.ts';

const claims = [{ name: 'gpu', resourceClaimName: 'gpus' }];

async function withClaim(runtimeName?: string): Promise<Harness> {
  const h = await new Harness({ runtimeName }).start();
  h.server.seed(resources.resourceClaims, { metadata: { name: 'gpus', namespace: 'default', uid: 'claim' }, spec: {} });
  return h;
}
const give = (h: Harness, uid: string) =>
  h.server.change(resources.resourceClaims, 'default', 'gpus', (claim) => {
    claim.status = {
      allocation: { devices: { results: [{ request: 'r', driver: 'dra.example.com', pool: 'p', device: 'a' }] } },
      reservedFor: [{ resource: 'pods', name: 'web', uid }],
    };
  });
const said = (h: Harness) => h.server.all(resources.events).filter(({ reason }) => reason === 'FailedPrepareDynamicResources').map(({ message }) => message);

it('a pod whose devices have a driver that is not there does not start, and says why', async () => {
  const h = await withClaim('docker');
  await h.create('web', { resourceClaims: claims });
  const uid = h.pod('web').metadata!.uid!;
  expect(said(h)).toEqual([`Failed to prepare dynamic resources: prepare dynamic resources: pod web (${uid}) is not allowed to use ResourceClaim gpus (claim)`]);
  give(h, uid);
  await h.clock.advance(20_000);
  expect(said(h)).toContain('Failed to prepare dynamic resources: prepare dynamic resources: DRA driver dra.example.com is not registered');
  expect(h.pod('web').status!.phase).toBe('Pending');
});

it('a simulated node has the devices that it is said to have', async () => {
  const h = await withClaim();
  await h.create('web', { resourceClaims: claims });
  expect(h.pod('web').status!.phase).toBe('Running');
});
