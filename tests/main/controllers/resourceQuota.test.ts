import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ResourceQuotaSpec } from '../../../main/api/index.ts';
import { quotaUsage } from '../../../main/api/quota.ts';
import { resources, type ResourceDef } from '../../../main/client/index.ts';
import { ResourceQuotaController } from '../../../main/controllers/resourceQuota.ts';
import { settle } from '../../support/fakeClock.ts';
import { makePod } from '../../support/objects.ts';
import { Cluster } from './harness.ts';

let cluster: Cluster;
beforeEach(() => {
  cluster = new Cluster();
});
afterEach(() => cluster.stop());

const start = async (spec: ResourceQuotaSpec) => {
  cluster.server.seed(resources.resourceQuotas, { metadata: { name: 'q', namespace: 'default' }, spec });
  await cluster.start(ResourceQuotaController);
};
const count = async () => {
  await cluster.clock.advance(100);
  await settle();
};
const status = () => cluster.server.find(resources.resourceQuotas, 'default', 'q')!.status;
const asking = (name: string, cpu: string, spec: object = {}) =>
  makePod(name, {}, { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu } } }], ...spec });
const create = (name: string, cpu: string, spec: object = {}) =>
  cluster.server.seed(resources.pods, asking(name, cpu, spec));

it('counts what is there, and again what comes and goes', async () => {
  create('a', '300m');
  await start({ hard: { pods: '5', 'requests.cpu': '2', 'count/pods': '9' } });
  await count();
  expect(status()).toEqual({
    hard: { pods: '5', 'requests.cpu': '2', 'count/pods': '9' },
    used: { pods: '1', 'requests.cpu': '300m', 'count/pods': '1' },
  });
  create('b', '700m');
  await count();
  expect(status()!.used).toEqual({ pods: '2', 'requests.cpu': '1', 'count/pods': '2' });
  cluster.server.drop(resources.pods, 'default', 'a');
  await count();
  expect(status()!.used).toEqual({ pods: '1', 'requests.cpu': '700m', 'count/pods': '1' });
});

it('a pod that has ended only costs its place in the store', async () => {
  create('a', '300m');
  await start({ hard: { pods: '5', 'requests.cpu': '2', 'count/pods': '9' } });
  cluster.server.change(resources.pods, 'default', 'a', (pod) => {
    pod.status = { phase: 'Succeeded' };
  });
  await count();
  expect(status()!.used).toEqual({ pods: '0', 'requests.cpu': '0', 'count/pods': '1' });
});

it('a pod that should be gone by now costs nothing from the next full count on', async () => {
  create('a', '300m', { nodeName: 'node-1' });
  await start({ hard: { pods: '5' } });
  await cluster.client.of(resources.pods).delete('default', 'a', { gracePeriodSeconds: 30 });
  await count();
  expect(status()!.used).toEqual({ pods: '1' });
  await cluster.clock.advance(5 * 60_000);
  await settle();
  expect(status()!.used).toEqual({ pods: '0' });
});

it('a pod on its way out counts until it should have been gone for as long as it had to go', () => {
  const leaving = makePod('a');
  const at = Date.parse('2026-01-01T00:00:30Z');
  leaving.metadata = { ...leaving.metadata, deletionTimestamp: '2026-01-01T00:00:30Z', deletionGracePeriodSeconds: 30 };
  const places = (now: number) => quotaUsage({ group: '', resource: 'pods' }, leaving, now).pods?.toString();
  expect([places(at + 30_000), places(at + 30_001)]).toEqual(['1', undefined]);
});

it('scopes choose the pods', async () => {
  create('long', '100m');
  create('short', '200m', { activeDeadlineSeconds: 60 });
  cluster.server.seed(resources.pods, makePod('poor'));
  await start({ hard: { pods: '5' }, scopes: ['NotTerminating', 'NotBestEffort'] });
  await count();
  expect(status()!.used).toEqual({ pods: '1' });
});

it('counts objects of any kind, services by type and claims by class', async () => {
  const { configMaps, deployments, services, persistentVolumeClaims } = resources;
  const meta = (name: string) => ({ metadata: { name, namespace: 'default' } });
  cluster.server.seed(configMaps, meta('c'));
  const template = { spec: { containers: [] } };
  cluster.server.seed(deployments, { ...meta('d'), spec: { selector: {}, template } });
  const ports = [{ port: 1 }, { port: 2 }];
  cluster.server.seed(services, { ...meta('np'), spec: { type: 'NodePort', ports } });
  cluster.server.seed(services, { ...meta('lb'), spec: { type: 'LoadBalancer', ports } });
  const claim = { storageClassName: 'gold', resources: { requests: { storage: '1Gi' } } };
  cluster.server.seed(persistentVolumeClaims, { ...meta('p'), spec: claim });
  const names = ['configmaps', 'count/deployments.apps', 'services', 'services.nodeports', 'services.loadbalancers'];
  const storage = ['requests.storage', 'gold.storageclass.storage.k8s.io/persistentvolumeclaims'];
  const more = ['silver.storageclass.storage.k8s.io/requests.storage', 'count/secrets'];
  await start({ hard: Object.fromEntries([...names, ...storage, ...more].map((name) => [name, '9Gi'])) });
  await count();
  expect(status()!.used).toEqual({
    configmaps: '1',
    'count/deployments.apps': '1',
    services: '2',
    'services.nodeports': '4',
    'services.loadbalancers': '1',
    'requests.storage': '1Gi',
    'gold.storageclass.storage.k8s.io/persistentvolumeclaims': '1',
    'silver.storageclass.storage.k8s.io/requests.storage': '0',
    'count/secrets': '0',
  });
});

it('follows a changed limit, and sets right a status that somebody else wrote', async () => {
  await start({ hard: { pods: '5', cpu: '1' } });
  await count();
  cluster.server.change(resources.resourceQuotas, 'default', 'q', (quota) => {
    quota.spec!.hard = { pods: '3' };
  });
  await count();
  expect(status()).toEqual({ hard: { pods: '3' }, used: { pods: '0' } });
  cluster.server.change(resources.resourceQuotas, 'default', 'q', (quota) => {
    quota.status = { hard: { pods: '100' } };
  });
  await count();
  expect(status()).toEqual({ hard: { pods: '3' }, used: { pods: '0' } });
});

it('counts devices by the extended resources that they are, once where a pod has asked for them by those', async () => {
  const { deviceClasses, resourceClaims, pods } = resources;
  cluster.server.seed(deviceClasses, { metadata: { name: 'gpu' }, spec: { extendedResourceName: 'example.com/gpu' } });
  const spec = (count: number) => ({ devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'gpu', allocationMode: 'ExactCount', count } }] } });
  const { uid } = cluster.server.seed(pods, makePod('web', {}, { containers: [{ name: 'c', image: 'i', resources: { requests: { 'example.com/gpu': '2' } } }] })).metadata!;
  const owner = { apiVersion: 'v1', kind: 'Pod', name: 'web', uid: uid!, controller: true };
  cluster.server.seed(resourceClaims, { metadata: { name: 'of-web', namespace: 'default', ownerReferences: [owner], annotations: { 'resource.kubernetes.io/extended-resource-claim': 'true' } }, spec: spec(2) });
  cluster.server.seed(resourceClaims, { metadata: { name: 'other', namespace: 'default' }, spec: spec(3) });
  await start({ hard: { 'requests.example.com/gpu': '9', 'gpu.deviceclass.resource.k8s.io/devices': '9', 'requests.deviceclass.resource.kubernetes.io/gpu': '9' } });
  await count();
  expect(status()!.used).toEqual({ 'requests.example.com/gpu': '5', 'gpu.deviceclass.resource.k8s.io/devices': '5', 'requests.deviceclass.resource.kubernetes.io/gpu': '5' });
});

it('counts a custom kind until its definition is deleted, and again when it is back', async () => {
  const widgets: ResourceDef = { group: 'example.com', version: 'v1', resource: 'widgets', kind: 'Widget', namespaced: true };
  const make = () => cluster.server.seed(widgets, { metadata: { name: 'w', namespace: 'default' } });
  const used = () => status()!.used!['count/widgets.example.com'];
  cluster.server.customKinds.push(widgets);
  make();
  await start({ hard: { 'count/widgets.example.com': '5' } });
  await count();
  expect(used()).toBe('1');
  cluster.server.withdraw(widgets);
  await cluster.clock.advance(61_000);
  expect(used()).toBe('0');
  const before = cluster.server.requests.length;
  await cluster.clock.advance(120_000);
  expect(cluster.server.requests.slice(before).filter(({ path }) => path.endsWith('/widgets'))).toEqual([]);
  cluster.server.customKinds.push(widgets);
  make();
  await cluster.clock.advance(61_000);
  expect(used()).toBe('1');
});
