import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bootstrapTokens, NodeAuthorizer, objectsOf } from '../../../../main/apiserver/index.ts';
import type { RequestInfo } from '../../../../main/apiserver/index.ts';
import { nodeRules } from '../../../../main/bootstrap/index.ts';
import { TestCluster } from '../registry/testCluster.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const request = (verb: string, resource: string, name: string, more: Partial<RequestInfo> = {}): RequestInfo => ({
  isResourceRequest: true, path: '', verb, apiPrefix: 'api', group: '', version: 'v1', namespace: 'default', resource, subresource: '', name, parts: [], ...more,
});

let cluster: TestCluster;
beforeEach(async () => {
  cluster = await TestCluster.start();
  await cluster.ask('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
});
afterEach(() => cluster.close());

describe('a node', () => {
  let authorizer: NodeAuthorizer;
  const may = async (node: string, ...ask: Parameters<typeof request>) => (await authorizer.authorize({ name: `system:node:${node}`, groups: ['system:nodes'] }, request(...ask))).allowed;

  beforeEach(async () => {
    authorizer = new NodeAuthorizer(cluster.store, nodeRules());
    await cluster.ask('POST', '/api/v1/namespaces/default/serviceaccounts', { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'robot' } });
    await cluster.ask('POST', '/api/v1/persistentvolumes', { apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'pv' }, spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], csi: { driver: 'd', volumeHandle: 'h', nodeStageSecretRef: { name: 'stage', namespace: 'storage' } } } });
    await cluster.ask('POST', '/api/v1/namespaces/default/persistentvolumeclaims', { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'claim' }, spec: { volumeName: 'pv', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } });
    await cluster.ask('POST', '/api/v1/namespaces/default/pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web' },
      spec: {
        nodeName: 'n1',
        serviceAccountName: 'robot',
        imagePullSecrets: [{ name: 'pull' }],
        containers: [{ name: 'c', image: 'i', env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'env', key: 'k' } } }], envFrom: [{ configMapRef: { name: 'settings' } }] }],
        volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'claim' } }, { name: 's', secret: { secretName: 'mounted' } }],
      },
    });
  });
  afterEach(() => authorizer.close());

  it('reads what its pods refer to, and nothing else', async () => {
    for (const name of ['env', 'pull', 'mounted']) expect(await may('n1', 'get', 'secrets', name), name).toBe(true);
    expect(await may('n1', 'watch', 'configmaps', 'settings')).toBe(true);
    expect(await may('n1', 'get', 'secrets', 'stage', { namespace: 'storage' })).toBe(true);
    expect(await may('n1', 'get', 'persistentvolumeclaims', 'claim')).toBe(true);
    expect(await may('n1', 'get', 'persistentvolumes', 'pv', { namespace: '' })).toBe(true);
    expect(await may('n1', 'create', 'serviceaccounts', 'robot', { subresource: 'token' })).toBe(true);
    expect(await may('n1', 'get', 'secrets', 'other')).toBe(false);
    expect(await may('n1', 'list', 'secrets', '')).toBe(false);
    expect(await may('n1', 'delete', 'secrets', 'env')).toBe(false);
    expect(await may('n2', 'get', 'secrets', 'env')).toBe(false);
  });

  it('is told why not', async () => {
    const why = async (user: string, ...ask: Parameters<typeof request>) => (await authorizer.authorize({ name: user, groups: ['system:nodes'] }, request(...ask))).reason;
    const node = 'system:node:n1';
    expect(await why('system:node:', 'create', 'pods', '')).toBe('unknown node for user "system:node:"');
    expect(await why(node, 'get', 'secrets', 'env', { namespace: '' })).toBe('can only read namespaced object of this type');
    expect(await why(node, 'get', 'secrets', 'env', { namespace: '', subresource: 'odd' })).toBe('cannot read subresource');
    expect(await why(node, 'update', 'serviceaccounts', 'robot')).toBe('can only create tokens for individual service accounts');
    expect(await why(node, 'create', 'serviceaccounts', 'robot')).toBe('can only create token subresource of serviceaccount');
    expect(await why(node, 'list', 'leases', '', { group: 'coordination.k8s.io' })).toBe('can only get, create, update, patch, or delete a node lease');
    expect(await why(node, 'get', 'csinodes', 'n1', { group: 'storage.k8s.io', namespace: '', subresource: 'odd' })).toBe('cannot authorize CSINode subresources');
  });

  it('has its own lease and Node, and what every kubelet may', async () => {
    const lease = { group: 'coordination.k8s.io', namespace: 'kube-node-lease' };
    expect(await may('n1', 'update', 'leases', 'n1', lease)).toBe(true);
    expect(await may('n1', 'update', 'leases', 'n2', lease)).toBe(false);
    expect(await may('n1', 'get', 'nodes', 'n1', { namespace: '' })).toBe(true);
    expect(await may('n1', 'get', 'nodes', 'n2', { namespace: '' })).toBe(false);
    expect(await may('n1', 'patch', 'pods', 'web', { subresource: 'status' })).toBe(true);
    expect(await may('n1', 'create', 'deployments', 'x', { group: 'apps' })).toBe(false);
  });

  it('sees its own pods and slices, and asks for no others', async () => {
    const own = { fieldSelector: 'spec.nodeName=n1' };
    expect(await may('n1', 'get', 'pods', 'web')).toBe(true);
    expect(await may('n2', 'get', 'pods', 'web')).toBe(false);
    expect(await may('n1', 'watch', 'pods', '', { ...own, namespace: '' })).toBe(true);
    expect(await may('n1', 'list', 'pods', '', { fieldSelector: 'status.phase=Running,spec.nodeName=n1' })).toBe(true);
    for (const fieldSelector of ['spec.nodeName!=n1', 'spec.nodeName=n2', 'metadata.name', undefined]) expect(await may('n1', 'list', 'pods', '', { fieldSelector }), fieldSelector).toBe(false);
    expect(await may('n1', 'list', 'pods', 'web')).toBe(true);
    expect(await may('n1', 'list', 'nodes', '', { namespace: '' })).toBe(false);
    const slices = { group: 'resource.k8s.io', namespace: '' };
    expect(await may('n1', 'create', 'resourceslices', '', slices)).toBe(true);
    expect(await may('n1', 'deletecollection', 'resourceslices', '', { ...slices, ...own })).toBe(true);
    expect(await may('n1', 'deletecollection', 'resourceslices', '', slices)).toBe(false);
    expect(await may('n1', 'get', 'resourceslices', 'unknown', slices)).toBe(false);
  });

  it('is nobody who only says so', async () => {
    expect((await authorizer.authorize({ name: 'system:node:n1', groups: ['people'] }, request('get', 'secrets', 'env'))).allowed).toBe(false);
  });
});

describe('a bootstrap token', () => {
  const secret = (data: Record<string, string>) =>
    cluster.ask('POST', '/api/v1/namespaces/kube-system/secrets', {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'bootstrap-token-abcdef' },
      type: 'bootstrap.kubernetes.io/token',
      data: Object.fromEntries(Object.entries({ 'token-id': 'abcdef', 'token-secret': '0123456789abcdef', ...data }).map(([key, value]) => [key, base64(value)])),
    });
  const who = (token: string) => bootstrapTokens(objectsOf(cluster.store), cluster.clock).authenticate({ authorization: `Bearer ${token}` });

  beforeEach(() => cluster.ask('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system' } }));

  it('lets a new node in, for as long as it lasts', async () => {
    await secret({ 'usage-bootstrap-authentication': 'true', 'auth-extra-groups': 'system:bootstrappers:workers', expiration: new Date(cluster.clock.now() + 1000).toISOString() });
    expect(await who('abcdef.0123456789abcdef')).toEqual({ name: 'system:bootstrap:abcdef', groups: ['system:bootstrappers', 'system:bootstrappers:workers'] });
    expect(await who('abcdef.0123456789abcdeg')).toBeUndefined();
    expect(await who('eyJhbGciOi.x.y')).toBeUndefined();
    await cluster.clock.advance(2000);
    expect(await who('abcdef.0123456789abcdef')).toBeUndefined();
  });

  it('that is not meant for it lets nobody in', async () => {
    await secret({ 'usage-bootstrap-signing': 'true' });
    expect(await who('abcdef.0123456789abcdef')).toBeUndefined();
  });
});
