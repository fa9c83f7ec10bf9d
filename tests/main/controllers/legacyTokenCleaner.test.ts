import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dayOf } from '../../../main/api/legacyTokens.ts';
import { resources } from '../../../main/client/index.ts';
import { LegacyTokenCleaner } from '../../../main/controllers/legacyTokenCleaner.ts';
import { settle } from '../../support/fakeClock.ts';
import { makePod } from '../../support/objects.ts';
import { Cluster } from './harness.ts';

const tracking = 'kube-apiserver-legacy-service-account-token-tracking';
const lastUsed = 'kubernetes.io/legacy-token-last-used';
const invalidSince = 'kubernetes.io/legacy-token-invalid-since';
const day = 24 * 3600_000;

let cluster: Cluster;
beforeEach(async () => {
  cluster = new Cluster();
  await cluster.start(LegacyTokenCleaner);
});
afterEach(() => cluster.stop());

const since = () => cluster.server.find(resources.configMaps, 'kube-system', tracking)?.data?.since;
const secret = (name = 'robot-token') => cluster.server.find(resources.secrets, 'default', name);
const account = (...secrets: string[]) =>
  cluster.client.of(resources.serviceAccounts).create({ metadata: { name: 'robot', namespace: 'default' }, secrets: secrets.map((name) => ({ name })) });
const token = (name = 'robot-token') =>
  cluster.client.of(resources.secrets).create({ metadata: { name, namespace: 'default', annotations: { 'kubernetes.io/service-account.name': 'robot' } }, type: 'kubernetes.io/service-account-token' });
const days = (count: number) => cluster.clock.advance(count * day);

it('the day since which the use of tokens is followed is written down, and put right when it is lost', async () => {
  const begun = dayOf(cluster.clock.now());
  expect(since()).toBe(begun);
  await days(3);
  cluster.server.change(resources.configMaps, 'kube-system', tracking, (found) => (found.data = { since: 'yesterday' }));
  await settle();
  expect(since()).toBe(dayOf(cluster.clock.now()));
  cluster.server.drop(resources.configMaps, 'kube-system', tracking);
  await settle();
  expect(since()).toBe(dayOf(cluster.clock.now()));
});

describe('a token that was made for an account by itself', () => {
  beforeEach(async () => {
    await account('robot-token');
    await token();
  });

  it('does not count any more when it was not used for a year, and goes a year later', async () => {
    await days(365);
    expect(secret()!.metadata!.labels).toBeUndefined();
    await days(2);
    const marked = secret()!.metadata!.labels![invalidSince]!;
    expect(Date.parse(marked)).toBeGreaterThan(cluster.clock.now() - 2 * day);
    await days(364);
    expect(secret()).toBeDefined();
    await days(2);
    expect(secret()).toBeUndefined();
  });

  it('stays as long as somebody uses it', async () => {
    await days(364);
    cluster.server.change(resources.secrets, 'default', 'robot-token', (found) => (found.metadata!.labels = { [lastUsed]: dayOf(cluster.clock.now()) }));
    await days(300);
    expect(secret()!.metadata!.labels![invalidSince]).toBeUndefined();
    await days(70);
    expect(secret()!.metadata!.labels![invalidSince]).toBeDefined();
  });

  it('stays as long as a pod has it', async () => {
    cluster.server.seed(resources.pods, makePod('user', {}, { volumes: [{ name: 't', secret: { secretName: 'robot-token' } }] }));
    await days(400);
    expect(secret()!.metadata!.labels).toBeUndefined();
  });
});

it('a token that somebody made by hand stays', async () => {
  await account();
  await token();
  await days(800);
  expect(secret()!.metadata!.labels).toBeUndefined();
});
