import { afterEach, beforeEach, expect, it } from 'vitest';
import { resources } from '../../../main/client/index.ts';
import { NamespaceController } from '../../../main/controllers/namespace.ts';
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
