import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ClusterRole, ClusterRoleBinding, ConfigMap, RoleBinding } from '../../../main/api/index.ts';
import { parse as parseYaml } from 'yaml';
import { bootstrapCluster } from '../../../main/bootstrap/index.ts';
import { resources } from '../../../main/client/index.ts';
import { TestCluster } from '../apiserver/registry/testCluster.ts';

let cluster: TestCluster;
beforeEach(async () => {
  cluster = await TestCluster.start();
  await bootstrapCluster(cluster.client(), { authentication: { clientCa: 'the authority', frontProxyCa: 'the other' } });
});
afterEach(() => cluster.close());

const rbac = '/apis/rbac.authorization.k8s.io/v1';

it('default roles get back what they lack, keep what was added, and are left alone where that is wanted', async () => {
  const roles = cluster.client().of(resources.clusterRoles);
  const role = await roles.get('', 'system:node-bootstrapper');
  const added = { verbs: ['get'], apiGroups: [''], resources: ['pods'] };
  await roles.update({ ...role, rules: [added] });
  const discovery = await roles.get('', 'system:discovery');
  await roles.update({ ...discovery, metadata: { ...discovery.metadata, annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'false' } }, rules: [] });
  const bindings = cluster.client().of(resources.clusterRoleBindings);
  const admin = await bindings.get('', 'cluster-admin');
  await bindings.update({ ...admin, subjects: [{ kind: 'User', name: 'jane', apiGroup: 'rbac.authorization.k8s.io' }] });

  await bootstrapCluster(cluster.client());
  expect((await cluster.ask<ClusterRole>('GET', `${rbac}/clusterroles/system:node-bootstrapper`)).rules).toEqual([added, ...role.rules!]);
  expect((await cluster.ask<ClusterRole>('GET', `${rbac}/clusterroles/system:discovery`)).rules).toEqual([]);
  expect((await cluster.ask<ClusterRoleBinding>('GET', `${rbac}/clusterrolebindings/cluster-admin`)).subjects!.map(({ name }) => name)).toEqual(['jane', 'system:masters']);
});

it('extension API servers find whom to believe, also after an authority was replaced', async () => {
  const path = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';
  expect((await cluster.ask<ConfigMap>('GET', path)).data).toMatchObject({ 'client-ca-file': 'the authority', 'requestheader-client-ca-file': 'the other', 'requestheader-allowed-names': '["front-proxy-client"]' });
  await bootstrapCluster(cluster.client(), { authentication: { clientCa: 'the authority', frontProxyCa: 'a new one' } });
  expect((await cluster.ask<ConfigMap>('GET', path)).data!['requestheader-client-ca-file']).toBe('a new one');
});

it('everybody finds where the cluster is and whom to believe, and what was signed there stays', async () => {
  const path = '/api/v1/namespaces/kube-public/configmaps/cluster-info';
  const data = async () => (await cluster.ask<ConfigMap>('GET', path)).data!;
  await bootstrapCluster(cluster.client(), { clusterInfo: { server: 'https://127.0.0.1:6443', ca: 'the authority' } });
  const [info] = parseYaml((await data()).kubeconfig!).clusters;
  expect(info.cluster).toEqual({ server: 'https://127.0.0.1:6443', 'certificate-authority-data': Buffer.from('the authority').toString('base64') });

  const configMaps = cluster.client().of(resources.configMaps);
  const current = await configMaps.get('kube-public', 'cluster-info');
  await configMaps.update({ ...current, data: { ...current.data, 'jws-kubeconfig-abcdef': 'signed' } });
  await bootstrapCluster(cluster.client(), { clusterInfo: { server: 'https://127.0.0.1:7443', ca: 'the authority' } });
  expect((await data()).kubeconfig).toContain('https://127.0.0.1:7443');
  expect((await data())['jws-kubeconfig-abcdef']).toBe('signed');
  expect((await cluster.ask<RoleBinding>('GET', `${rbac}/namespaces/kube-public/rolebindings/kubeadm:bootstrap-signer-clusterinfo`)).subjects).toEqual([
    { apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'system:anonymous' },
  ]);
});
