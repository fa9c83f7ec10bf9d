import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resources } from '../../../main/client/index.ts';
import { BootstrapSigner, TokenCleaner } from '../../../main/controllers/bootstrapTokens.ts';
import { LegacyTokensController } from '../../../main/controllers/legacyTokens.ts';
import { settle } from '../../support/fakeClock.ts';
import { Cluster } from './harness.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const encoded = (values: Record<string, string>) => Object.fromEntries(Object.entries(values).map(([key, value]) => [key, base64(value)]));

let cluster: Cluster;
beforeEach(async () => {
  cluster = new Cluster();
  cluster.more = { rootCA: 'the authority', issueToken: ({ name, secret }) => Promise.resolve(`token of ${name} in ${secret.name}`) };
  await cluster.start(LegacyTokensController, TokenCleaner, BootstrapSigner);
});
afterEach(() => cluster.stop());

describe('a Secret for a service account', () => {
  const secrets = () => cluster.client.of(resources.secrets);
  const secret = () => cluster.server.find(resources.secrets, 'default', 'robot-token');

  const account = () => cluster.client.of(resources.serviceAccounts);
  const annotations = { 'kubernetes.io/service-account.name': 'robot' };
  const ask = (more: Record<string, string> = {}) =>
    secrets().create({ metadata: { name: 'robot-token', namespace: 'default', annotations: { ...annotations, ...more } }, type: 'kubernetes.io/service-account-token' });

  it('gets its token, and goes with the account', async () => {
    const made = await account().create({ metadata: { name: 'robot', namespace: 'default' } });
    await ask();
    await settle();
    expect(secret()!.data).toEqual(encoded({ token: 'token of robot in robot-token', 'ca.crt': 'the authority', namespace: 'default' }));
    expect(secret()!.metadata!.annotations!['kubernetes.io/service-account.uid']).toBe(made.metadata!.uid);
    await account().delete('default', 'robot');
    await settle();
    expect(secret()).toBeUndefined();
  });

  it('goes at once where there is no such account', async () => {
    await ask();
    await settle();
    expect(secret()).toBeUndefined();
    await account().create({ metadata: { name: 'robot', namespace: 'default' } });
    await ask({ 'kubernetes.io/service-account.uid': 'of another' });
    await settle();
    expect(secret()).toBeUndefined();
  });

  it('is no longer named by its account when it is gone', async () => {
    await account().create({ metadata: { name: 'robot', namespace: 'default' }, secrets: [{ name: 'robot-token' }, { name: 'other' }] });
    await ask();
    await settle();
    await secrets().delete('default', 'robot-token');
    await settle();
    expect(cluster.server.find(resources.serviceAccounts, 'default', 'robot')!.secrets).toEqual([{ name: 'other' }]);
  });
});

describe('a bootstrap token', () => {
  const token = (more: Record<string, string> = {}) => ({
    metadata: { name: 'bootstrap-token-abcdef', namespace: 'kube-system' },
    type: 'bootstrap.kubernetes.io/token',
    data: encoded({ 'token-id': 'abcdef', 'token-secret': '0123456789abcdef', 'usage-bootstrap-signing': 'true', ...more }),
  });

  it('goes when its time is over', async () => {
    await cluster.client.of(resources.secrets).create(token({ expiration: new Date(cluster.clock.now() + 60_000).toISOString() }));
    await settle();
    expect(cluster.server.all(resources.secrets)).toHaveLength(1);
    await cluster.clock.advance(61_000);
    await settle();
    expect(cluster.server.all(resources.secrets)).toEqual([]);
  });

  it('signs what everybody may read of the cluster', async () => {
    await cluster.client.of(resources.secrets).create(token());
    await cluster.client.of(resources.configMaps).create({ metadata: { name: 'cluster-info', namespace: 'kube-public' }, data: { kubeconfig: 'the way in' } });
    await settle();
    const header = Buffer.from('{"alg":"HS256","kid":"abcdef"}').toString('base64url');
    const signature = createHmac('sha256', '0123456789abcdef').update(`${header}.${Buffer.from('the way in').toString('base64url')}`).digest('base64url');
    const data = () => cluster.server.find(resources.configMaps, 'kube-public', 'cluster-info')!.data;
    expect(data()).toEqual({ kubeconfig: 'the way in', 'jws-kubeconfig-abcdef': `${header}..${signature}` });
    await cluster.client.of(resources.secrets).delete('kube-system', 'bootstrap-token-abcdef');
    await settle();
    expect(data()).toEqual({ kubeconfig: 'the way in' });
  });
});
