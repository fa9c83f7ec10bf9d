import { describe, expect, it } from 'vitest';
import { PullAccess, type AccessRecord } from '../../../main/kubelet/images/pullAccess.ts';
import { resources } from '../../../main/client/index.ts';
import { settle } from '../../support/fakeClock.ts';
import { Harness } from './harness.ts';

const alice = { auth: { username: 'alice', password: 'a' }, secret: '1/default/of-alice' };
const bob = { auth: { username: 'bob', password: 'b' }, secret: '2/default/of-bob' };
const none = async () => [];

function remembered(): AccessRecord & { text: string } {
  return {
    text: '{}',
    async read() {
      return JSON.parse(this.text);
    },
    async write(accesses) {
      this.text = JSON.stringify(accesses);
    },
  };
}

describe('an image that is on the node', () => {
  it('is everybody’s when nobody pulled it here, or it came without credentials', async () => {
    const access = new PullAccess(undefined);
    expect(await access.allows('users:1', 'id', none)).toBe(true);
    await access.pulled('public:1', 'other', undefined);
    expect(await access.allows('public:1', 'other', none)).toBe(true);
  });

  it('is for those with its credentials, also after a restart and under another tag', async () => {
    const record = remembered();
    await new PullAccess(record).pulled('r.io/app:1', 'id', alice);
    const access = new PullAccess(record);
    expect(await access.allows('r.io/app:1', 'id', none)).toBe(false);
    expect(await access.allows('r.io/app:1', 'id', async () => [bob])).toBe(false);
    expect(await access.allows('r.io/app@sha256:0', 'id', async () => [bob, alice])).toBe(true);
    expect(await access.allows('elsewhere.io/app:1', 'id', async () => [alice])).toBe(false);
    expect(record.text).not.toMatch(/"alice|"bob/);
    await access.pulled('r.io/app:1', 'id', bob);
    for (const credential of [alice, bob]) expect(await access.allows('r.io/app:1', 'id', async () => [credential])).toBe(true);
  });

  it('is also for a Secret that has new credentials by now, and for the same credentials in another', async () => {
    const record = remembered();
    const access = new PullAccess(record);
    await access.pulled('r.io/app:1', 'id', alice);
    const renewed = { ...alice, auth: { username: 'alice', password: 'new' } };
    const copied = { ...renewed, secret: '3/other/copy' };
    expect(await access.allows('r.io/app:1', 'id', async () => [copied])).toBe(false);
    expect(await access.allows('r.io/app:1', 'id', async () => [renewed])).toBe(true);
    // What is known of a Secret is what stands in it now.
    const later = new PullAccess(record);
    expect(await later.allows('r.io/app:1', 'id', async () => [copied])).toBe(true);
    expect(await later.allows('r.io/app:1', 'id', async () => [{ ...alice, secret: '4/other/old' }])).toBe(false);
  });

  it('is asked for again by a pod that lacks the credentials of the one that brought it', async () => {
    const h = await new Harness().start();
    const type = 'kubernetes.io/dockerconfigjson';
    const data = { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths: { 'r.io': alice.auth } })).toString('base64') };
    h.server.seed(resources.secrets, { metadata: { name: 'pull', namespace: 'default' }, type, data });
    const { pullImage } = h.runtime;
    h.runtime.pullImage = async (image, auth, onProgress) => {
      if (!auth) throw new Error('unauthorized');
      return pullImage.call(h.runtime, image, auth, onProgress);
    };
    const containers = [{ name: 'web', image: 'r.io/app:1', imagePullPolicy: 'IfNotPresent' }];
    await h.create('owner', { containers, imagePullSecrets: [{ name: 'pull' }] });
    await h.create('second', { containers, imagePullSecrets: [{ name: 'pull' }] });
    await h.create('stranger', { containers });
    await h.create('never', { containers: [{ ...containers[0]!, imagePullPolicy: 'Never' }] });
    await settle();
    expect(h.pod('owner').status!.phase).toBe('Running');
    expect(h.said('second')[0]).toBe('Pulled: Container image "r.io/app:1" already present on machine and can be accessed by the pod');
    expect(h.pod('stranger').status!.containerStatuses![0]!.state!.waiting).toEqual({ reason: 'ErrImagePull', message: 'unauthorized' });
    expect(h.pod('never').status!.containerStatuses![0]!.state!.waiting).toMatchObject({ reason: 'ErrImageNeverPull' });
  });
});
