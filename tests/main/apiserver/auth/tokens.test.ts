import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateKeyPairSync } from 'node:crypto';
import { ServiceAccountTokens } from '../../../../main/apiserver/auth/serviceAccountTokens.ts';
import { bootstrapCluster } from '../../../../main/bootstrap/index.ts';
import type { AuthenticationTokenRequest, TokenReview } from '../../../../main/api/index.ts';
import type { KubeObject } from '../../../../main/api/meta.ts';
import { systemRandom } from '../../../../main/util/random.ts';
import { TestCluster } from '../registry/testCluster.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start();
  await bootstrapCluster(cluster.client());
  for (const name of ['default', 'robot', 'short']) await cluster.ask('POST', `${accounts}`, { metadata: { name } });
});
afterAll(() => cluster.close());

const accounts = '/api/v1/namespaces/default/serviceaccounts';
const request = async (name: string, spec: AuthenticationTokenRequest['spec'] | object = {}) =>
  (await cluster.ask<AuthenticationTokenRequest>('POST', `${accounts}/${name}/token`, { spec })).status as { token: string; expirationTimestamp: string };
const review = async (token: string) => (await cluster.ask<TokenReview>('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token } })).status!;

describe('a token', () => {
  it('stands for its account', async () => {
    const { token, expirationTimestamp } = await request('robot');
    expect(Date.parse(expirationTimestamp) - cluster.clock.now()).toBe(3_600_000);
    expect(await review(token)).toMatchObject({
      authenticated: true,
      user: { username: 'system:serviceaccount:default:robot', groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'] },
    });
  });

  it('of a pod ends with the pod', async () => {
    const pods = '/api/v1/namespaces/default/pods';
    const pod = await cluster.ask<KubeObject>('POST', pods, { metadata: { name: 'p' }, spec: { serviceAccountName: 'robot', containers: [{ name: 'c', image: 'i' }] } });
    const ref = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: pod.metadata!.uid };
    const { token } = await request('robot', { boundObjectRef: ref });
    expect((await review(token)).user!.extra).toMatchObject({ 'authentication.kubernetes.io/pod-name': ['p'] });
    await cluster.ask('DELETE', `${pods}/p`);
    expect(await review(token)).toEqual({ user: {}, error: 'invalid bearer token' });
  });

  it('ends with its account, and another of that name does not bring it back', async () => {
    const { token } = await request('short');
    await cluster.ask('DELETE', `${accounts}/short`);
    await cluster.ask('POST', accounts, { metadata: { name: 'short' } });
    expect((await review(token)).authenticated).toBeUndefined();
  });

  it('for another audience is none for this server', async () => {
    const { token } = await request('robot', { audiences: ['vault'] });
    expect((await review(token)).authenticated).toBeUndefined();
  });

  it('that somebody else signed is refused', async () => {
    const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    const forger = new ServiceAccountTokens(key, 'https://kubernetes.default.svc.cluster.local', { get: async () => undefined, list: async () => [] }, cluster.clock, systemRandom);
    const { token } = await forger.issue({ namespace: 'default', name: 'robot', uid: 'u', audiences: [forger.audience], seconds: 600, now: cluster.clock.now() });
    expect(await review(token)).toEqual({ user: {}, error: 'invalid bearer token' });
    expect((await review('not.a.token')).authenticated).toBeUndefined();
  });

  it('lives at least ten minutes and not for ever', async () => {
    expect(await cluster.refusal('POST', `${accounts}/robot/token`, { spec: { expirationSeconds: 10 } })).toContain(
      'spec.expirationSeconds: Invalid value: 10: may not specify a duration less than 10 minutes',
    );
    const { token } = await request('robot', { expirationSeconds: 600 });
    await cluster.clock.advance(11 * 60 * 1000 + 60_000);
    expect((await review(token)).authenticated).toBeUndefined();
  });
});
