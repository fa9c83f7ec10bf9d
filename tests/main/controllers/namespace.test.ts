import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { failure } from '../../../main/api/status.ts';
import { resources } from '../../../main/client/index.ts';
import { calculateConditions, NamespaceController } from '../../../main/controllers/namespace.ts';
import { RootCACertPublisher } from '../../../main/controllers/rootCA.ts';
import { ServiceAccountController } from '../../../main/controllers/serviceAccount.ts';
import { settle } from '../../support/fakeClock.ts';
import { makePod } from '../../support/objects.ts';
import { Cluster } from './harness.ts';

let cluster: Cluster;
beforeEach(async () => {
  cluster = new Cluster();
  await cluster.start(NamespaceController, ServiceAccountController, RootCACertPublisher);
  await cluster.client.of(resources.namespaces).create({ metadata: { name: 'shop' } });
  await settle();
});
afterEach(() => cluster.stop());

const namespace = () => cluster.server.find(resources.namespaces, '', 'shop');
const condition = (type: string) => namespace()!.status!.conditions!.find((c) => c.type === type);
const remove = async () => {
  await cluster.client.of(resources.namespaces).delete('', 'shop');
  await settle(30);
};

it('a namespace gets a default service account and the authority of the API server, again and again', async () => {
  expect(cluster.server.find(resources.serviceAccounts, 'shop', 'default')).toBeDefined();
  expect(cluster.server.find(resources.configMaps, 'shop', 'kube-root-ca.crt')!.data).toEqual({ 'ca.crt': '' });
  await cluster.client.of(resources.serviceAccounts).delete('shop', 'default');
  await cluster.client
    .of(resources.configMaps)
    .patch('shop', 'kube-root-ca.crt', 'merge', { data: { 'ca.crt': 'forged' } });
  await settle();
  expect(cluster.server.find(resources.serviceAccounts, 'shop', 'default')).toBeDefined();
  expect(cluster.server.find(resources.configMaps, 'shop', 'kube-root-ca.crt')!.data).toEqual({ 'ca.crt': '' });
});

it('a deleted namespace goes with all that is in it, and what is elsewhere stays', async () => {
  await cluster.client.of(resources.secrets).create({ metadata: { name: 'key', namespace: 'shop' } });
  await cluster.client.of(resources.secrets).create({ metadata: { name: 'key', namespace: 'default' } });
  await remove();
  expect(namespace()).toBeUndefined();
  expect(cluster.server.all(resources.secrets).map((s) => s.metadata!.namespace)).toEqual(['default']);
  expect(cluster.server.all(resources.configMaps, 'shop')).toEqual([]);
});

it('what is in a namespace goes one kind after the other', async () => {
  await cluster.client.of(resources.secrets).create({ metadata: { name: 'key', namespace: 'shop' } });
  cluster.server.requests.length = 0;
  await remove();
  const steps = cluster.server.requests.flatMap(({ method, path }) => {
    const kind = /\/namespaces\/shop\/(configmaps|secrets)$/.exec(path)?.[1];
    return kind && method !== 'POST' ? [`${method} ${kind}`] : [];
  });
  const emptying = (kind: string) => ['GET', 'DELETE', 'GET'].map((method) => `${method} ${kind}`);
  expect(steps.slice(0, 6)).toEqual([...emptying('configmaps'), ...emptying('secrets')]);
});

describe('pods that take longer to end than they may', () => {
  const seed = (count: number) => {
    for (let i = 0; i < count; i++) cluster.server.seed(resources.pods, makePod(`web-${i}`, { namespace: 'shop' }, { nodeName: 'node-1', terminationGracePeriodSeconds: 1 }));
  };

  it('are looked for again within a minute, however long they were there', async () => {
    seed(1);
    await remove();
    await cluster.clock.advance(3_600_000);
    cluster.server.drop(resources.pods, 'shop', 'web-0');
    await cluster.clock.advance(60_000);
    expect(namespace()).toBeUndefined();
  });

  it('are asked to go once', async () => {
    seed(3);
    await remove();
    await cluster.clock.advance(60_000);
    const asked = cluster.server.requests.filter(({ method, path }) => method === 'DELETE' && path.endsWith('/namespaces/shop/pods'));
    expect(asked).toHaveLength(1);
  });

  it('are not looked for again because of what the namespace says of them', async () => {
    seed(3);
    await remove();
    await cluster.clock.advance(1_400);
    expect(condition('NamespaceContentRemaining')).toMatchObject({ status: 'True' });
    const discovered = cluster.server.requests.filter(({ path }) => path === '/api/v1');
    expect(discovered).toHaveLength(1);
  });

  it('are only counted as long as they become fewer, and read again when they do not', async () => {
    seed(20);
    await remove();
    const looks = () => cluster.server.requests.filter(({ method, path }) => method === 'GET' && path.endsWith('/namespaces/shop/pods')).map(({ query }) => query?.limit);
    for (let i = 1; i < 15; i++) {
      await cluster.clock.advance(900);
      cluster.server.drop(resources.pods, 'shop', `web-${i}`);
    }
    await cluster.clock.advance(900);
    // When they had been asked to go.
    expect(looks().filter((limit) => limit === undefined)).toHaveLength(1);
    expect(looks().filter((limit) => limit === 1).length).toBeGreaterThan(8);
    expect(condition('NamespaceContentRemaining')!.message).toBe('Some resources are remaining: pods. has 6 resource instances');
    cluster.server.requests.length = 0;
    await cluster.clock.advance(5_000);
    expect(looks()).toContain(undefined);
  });

  it('hold a namespace up no longer than they are there, as long as they become fewer', async () => {
    seed(40);
    await remove();
    for (let i = 0; i < 40; i++) {
      await cluster.clock.advance(1_500);
      cluster.server.drop(resources.pods, 'shop', `web-${i}`);
    }
    await cluster.clock.advance(2_500);
    expect(namespace()).toBeUndefined();
  });
});

it('pods end before anything else goes', async () => {
  cluster.server.seed(resources.pods, makePod('web', { namespace: 'shop' }, { nodeName: 'node-1' }));
  await remove();
  expect(cluster.server.find(resources.pods, 'shop', 'web')!.metadata!.deletionTimestamp).toBeDefined();
  expect(cluster.server.all(resources.configMaps, 'shop')).toHaveLength(1);
  expect(condition('NamespaceContentRemaining')).toMatchObject({
    status: 'True',
    reason: 'SomeResourcesRemain',
    message: 'Some resources are remaining: pods. has 1 resource instances',
  });
  cluster.server.drop(resources.pods, 'shop', 'web');
  await cluster.clock.advance(60_000);
  expect(namespace()).toBeUndefined();
});

it('a finalizer that nobody removes keeps the namespace, and the namespace says so', async () => {
  await cluster.client
    .of(resources.configMaps)
    .create({ metadata: { name: 'held', namespace: 'shop', finalizers: ['example.com/hold'] } });
  await remove();
  expect(condition('NamespaceFinalizersRemaining')).toMatchObject({
    status: 'True',
    message: 'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
  });
  expect(condition('NamespaceDeletionContentFailure')).toMatchObject({ status: 'False', reason: 'ContentDeleted' });
  await cluster.client.of(resources.configMaps).patch('shop', 'held', 'merge', { metadata: { finalizers: null } });
  await cluster.clock.advance(60_000);
  expect(namespace()).toBeUndefined();
});

it('a pod that should be gone by now and is not keeps the namespace, and the namespace says so', async () => {
  cluster.server.seed(resources.pods, makePod('web', { namespace: 'shop' }, { nodeName: 'node-1' }));
  await remove();
  expect(condition('NamespaceDeletionContentFailure')).toMatchObject({ status: 'False' });
  await cluster.clock.advance(60_000);
  expect(condition('NamespaceDeletionContentFailure')).toMatchObject({
    status: 'True',
    reason: 'ContentDeletionFailed',
    message: 'Failed to delete all resource types, 1 remaining: unexpected items still remain in namespace: shop for gvr: /v1, Resource=pods',
  });
  cluster.server.drop(resources.pods, 'shop', 'web');
  await cluster.clock.advance(120_000);
  expect(namespace()).toBeUndefined();
});

it('what cannot be deleted at once, against what the server says, is deleted one by one', async () => {
  cluster.server.seed(resources.secrets, { metadata: { name: 'key', namespace: 'shop' } });
  cluster.server.intercept = ({ method, path }) => {
    if (method === 'DELETE' && path.endsWith('/secrets')) throw failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource');
  };
  await remove();
  expect([cluster.server.all(resources.secrets, 'shop'), namespace()]).toEqual([[], undefined]);
});

describe('the conditions of a namespace that is being deleted', () => {
  const nothing = { remaining: new Map(), finalizers: new Map(), errors: [], discovery: { resources: [], served: new Set<string>(), failures: [] }, wait: 0 };
  const types = ['NamespaceDeletionDiscoveryFailure', 'NamespaceDeletionGroupVersionParsingFailure', 'NamespaceDeletionContentFailure', 'NamespaceContentRemaining', 'NamespaceFinalizersRemaining'];

  it('come after those of others, and those that were there keep their places', () => {
    const old = ['NamespaceContentRemaining', 'Strange', 'NamespaceDeletionDiscoveryFailure'].map((type) => ({ type, status: 'True' }));
    const now = calculateConditions(old, nothing, 0);
    expect(now.map(({ type }) => type)).toEqual([...old.map(({ type }) => type), ...types.filter((type) => !old.some((each) => each.type === type))]);
    expect(now.map(({ status }) => status)).toEqual(['False', 'True', 'False', 'False', 'False', 'False']);
  });

  it('name the groups whose servers are away', () => {
    const away = (groupVersion: string) => ({ groupVersion, error: failure(503, '', 'service unavailable\n') });
    const discovery = { ...nothing.discovery, failures: [away('z.example.com/v1'), away('a.example.com/v1')] };
    expect(calculateConditions([], { ...nothing, discovery }, 0)[0]).toMatchObject({
      status: 'True',
      reason: 'DiscoveryFailed',
      message:
        'Discovery failed for some groups, 2 failing: unable to retrieve the complete list of server APIs: a.example.com/v1: stale GroupVersion discovery: a.example.com/v1, z.example.com/v1: stale GroupVersion discovery: z.example.com/v1',
    });
  });
});
