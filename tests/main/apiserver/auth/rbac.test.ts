import { afterAll, beforeAll, expect, it } from 'vitest';
import { bootstrapCluster } from '../../../../main/bootstrap/index.ts';
import type { UserInfo } from '../../../../main/apiserver/auth/types.ts';
import { TestCluster } from '../registry/testCluster.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start();
  await bootstrapCluster(cluster.client());
});
afterAll(() => cluster.close());

const jo: UserInfo = { name: 'jo', groups: ['system:authenticated'] };
const group = '/apis/rbac.authorization.k8s.io/v1';
const bind = (name: string, role: string, user: string) => ({
  metadata: { name }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role }, subjects: [{ kind: 'User', name: user }],
});

it('refuses in the words of Kubernetes', async () => {
  expect(await cluster.refusal('GET', '/api/v1/namespaces/default/pods', undefined, jo)).toBe(
    'pods is forbidden: User "jo" cannot list resource "pods" in API group "" in the namespace "default"',
  );
  expect(await cluster.refusal('DELETE', '/api/v1/nodes/n', undefined, jo)).toBe(
    'nodes "n" is forbidden: User "jo" cannot delete resource "nodes" in API group "" at the cluster scope',
  );
});

it('allows as soon as a binding is there and no longer than it is', async () => {
  await cluster.ask('POST', `${group}/namespaces/default/rolebindings`, bind('jo', 'view', 'jo'));
  await cluster.ask('GET', '/api/v1/namespaces/default/pods', undefined, jo);
  expect(await cluster.refusal('GET', '/api/v1/namespaces/kube-system/pods', undefined, jo)).toContain('is forbidden');
  await cluster.ask('DELETE', `${group}/namespaces/default/rolebindings/jo`);
  expect(await cluster.refusal('GET', '/api/v1/namespaces/default/pods', undefined, jo)).toContain('is forbidden');
});

it('lets a role that is made of others have their rules', async () => {
  await cluster.ask('POST', `${group}/clusterroles`, {
    metadata: { name: 'widgets', labels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' } },
    rules: [{ verbs: ['get'], apiGroups: [''], resources: ['nodes'] }],
  });
  await cluster.ask('POST', `${group}/clusterrolebindings`, bind('ann', 'admin', 'ann'));
  expect(await cluster.refusal('GET', '/api/v1/nodes/n', undefined, { ...jo, name: 'ann' })).toBe('nodes "n" not found');
});

it('stops whoever would give away more than they have', async () => {
  await cluster.ask('POST', `${group}/namespaces/default/rolebindings`, bind('bob', 'admin', 'bob'));
  const bob = { ...jo, name: 'bob' };
  const roles = `${group}/namespaces/default/roles`;
  await cluster.ask('POST', roles, { metadata: { name: 'ok' }, rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }] }, bob);
  expect(await cluster.refusal('POST', roles, { metadata: { name: 'more' }, rules: [{ verbs: ['drain'], apiGroups: [''], resources: ['nodes'] }] }, bob)).toBe(
    'roles.rbac.authorization.k8s.io "more" is forbidden: user "bob" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["nodes"], Verbs:["drain"]}',
  );
  expect(await cluster.refusal('POST', `${group}/namespaces/default/rolebindings`, bind('root', 'cluster-admin', 'bob'), bob)).toContain(
    'is attempting to grant RBAC permissions not currently held:\n{APIGroups:["*"], Resources:["*"], Verbs:["*"]}',
  );
});

it('never changes what a binding is about', async () => {
  await cluster.ask('POST', `${group}/clusterrolebindings`, bind('fixed', 'view', 'x'));
  expect(await cluster.refusal('PUT', `${group}/clusterrolebindings/fixed`, bind('fixed', 'edit', 'x'))).toBe(
    'ClusterRoleBinding.rbac.authorization.k8s.io "fixed" is invalid: roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"ClusterRole","Name":"edit"}: cannot change roleRef',
  );
});
