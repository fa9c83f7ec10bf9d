import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateKeyPairSync } from 'node:crypto';
import { ServiceAccountTokens } from '../../../../main/apiserver/auth/serviceAccountTokens.ts';
import { bootstrapCluster } from '../../../../main/bootstrap/index.ts';
import type { AuthenticationTokenRequest, Secret, ServiceAccount, TokenReview } from '../../../../main/api/index.ts';
import type { KubeObject } from '../../../../main/api/meta.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
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

  it('of a pod, asked for as kubelets do, holds on for a year, and is noted when it is used for longer than asked', async () => {
    await cluster.ask('POST', '/api/v1/namespaces/default/pods', { metadata: { name: 'long' }, spec: { serviceAccountName: 'robot', containers: [{ name: 'c', image: 'i' }] } });
    const { token, expirationTimestamp } = await request('robot', { expirationSeconds: 3607, boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'long' } });
    expect(Date.parse(expirationTimestamp) - cluster.clock.now()).toBe(3_607_000);
    const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as { iat: number; exp: number; 'kubernetes.io': { warnafter: number } };
    expect([claims.exp - claims.iat, claims['kubernetes.io'].warnafter - claims.iat]).toEqual([365 * 24 * 3600, 3607]);

    const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    const clock = new FakeClock();
    const issuer = new ServiceAccountTokens(key, 'https://issuer', { get: async () => ({ metadata: { uid: 'u' } }) as never, list: async () => [] }, clock, systemRandom);
    const own = await issuer.issue({ namespace: 'default', name: 'robot', uid: 'u', audiences: [issuer.audience], seconds: 365 * 24 * 3600, warnAfter: 3607, now: clock.now() });
    const noted: string[] = [];
    const use = () => issuer.authenticate({ authorization: `Bearer ${own.token}`, note: (name, value) => noted.push(`${name}: ${value}`) });
    expect((await use())!.name).toBe('system:serviceaccount:default:robot');
    expect(noted).toEqual([]);
    await clock.advance(3_617_000);
    await use();
    expect(noted).toEqual(['authentication.k8s.io/stale-token: subject: system:serviceaccount:default:robot, seconds after warning threshold: 10']);
  });

  it('that lies in a Secret is followed: who made it, when it is used, and whether it counts', async () => {
    const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    const clock = new FakeClock();
    const secret: Secret = { metadata: { name: 's', namespace: 'default', uid: 'u' }, type: 'kubernetes.io/service-account-token' };
    const account: ServiceAccount = { metadata: { name: 'robot', namespace: 'default', uid: 'u' } };
    const get = async ({ resource }: { resource: string }) => (resource === 'secrets' ? secret : account) as never;
    const issuer = new ServiceAccountTokens(key, 'https://issuer', { get, list: async () => [] }, clock, systemRandom);
    const { token } = await issuer.issue({ namespace: 'default', name: 'robot', uid: 'u', audiences: [issuer.audience], seconds: 365 * 24 * 3600, secret: { name: 's', uid: 'u' }, now: clock.now() });
    const heard: string[] = [];
    issuer.onLegacyUse = ({ metadata }, day) => heard.push(`used ${metadata!.name} on ${day}`);
    const use = () => issuer.authenticate({ authorization: `Bearer ${token}`, note: (name, value) => heard.push(`${name}: ${value}`) });
    // One that is only bound to a Secret is another thing.
    await use();
    expect(heard).toEqual([]);
    secret.data = { token: Buffer.from(token).toString('base64') };
    await use();
    const today = new Date(clock.now()).toISOString().slice(0, 10);
    expect(heard.splice(0)).toEqual([`used s on ${today}`, 'authentication.k8s.io/legacy-token-manual-secret: s']);
    secret.metadata!.labels = { 'kubernetes.io/legacy-token-last-used': today };
    account.secrets = [{ name: 's' }];
    await use();
    expect(heard.splice(0)).toEqual(['authentication.k8s.io/legacy-token-autogenerated-secret: s']);
    secret.metadata!.labels['kubernetes.io/legacy-token-invalid-since'] = today;
    await expect(use()).rejects.toThrow();
    expect(heard).toEqual(['authentication.k8s.io/legacy-token-invalidated: s/default']);
  });

  it('is asked for its own account, and bound to what there is', async () => {
    const refused = (spec: object, metadata?: object) => cluster.refusal('POST', `${accounts}/robot/token`, { metadata, spec });
    expect(await refused({}, { name: 'other' })).toContain('metadata.name: Invalid value: "other": must match the service account name if specified');
    expect(await refused({}, { uid: 'other' })).toContain('the UID in the token request (other) does not match the UID of the service account');
    expect(await refused({ boundObjectRef: { kind: 'ConfigMap', apiVersion: 'v1', name: 'x' } })).toContain('cannot bind token to object of type /v1, Kind=ConfigMap');
    expect(await refused({ boundObjectRef: { kind: 'Node', apiVersion: 'v1', name: 'x' } })).toContain('nodes "x" not found');
    expect(await refused({ boundObjectRef: { kind: 'Pod', apiVersion: 'v1', uid: 'x' } })).toContain('Name parameter required.');
    expect(await cluster.refusal('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { spec: {} })).toContain('token is required for TokenReview in authentication');
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
