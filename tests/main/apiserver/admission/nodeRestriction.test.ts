import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestCluster } from '../registry/testCluster.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const kubelet = { name: 'system:node:n1', groups: ['system:nodes', 'system:authenticated', 'system:masters'] };

describe('a node', () => {
  let cluster: TestCluster;
  beforeEach(async () => {
    cluster = await TestCluster.start();
  });
  afterEach(() => cluster.close());

  it('asks for certificates in its own name only', async () => {
    x509.cryptoProvider.set(webcrypto as unknown as Crypto);
    const request = async (name: string) => {
      const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as unknown as CryptoKeyPair;
      const made = await x509.Pkcs10CertificateRequestGenerator.create({ name, keys, signingAlgorithm: algorithm });
      return Buffer.from(made.toString('pem')).toString('base64');
    };
    const csr = async (name: string) => ({
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name },
      spec: { request: await request(`CN=system:node:${name}, O=system:nodes`), signerName: 'kubernetes.io/kube-apiserver-client-kubelet', usages: ['client auth', 'digital signature'] },
    });
    const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
    await cluster.ask('POST', path, await csr('n1'), kubelet);
    expect(await cluster.refusal('POST', path, await csr('n2'), kubelet)).toBe('certificatesigningrequests.certificates.k8s.io "n2" is forbidden: can only create a node CSR with CN=system:node:n1');
  });

  it('publishes only its own devices', async () => {
    const path = '/apis/resource.k8s.io/v1/resourceslices';
    const slice = (nodeName: string) => ({
      apiVersion: 'resource.k8s.io/v1',
      kind: 'ResourceSlice',
      metadata: { name: `of-${nodeName}` },
      spec: { nodeName, driver: 'd.example.com', pool: { name: nodeName, generation: 1, resourceSliceCount: 1 }, devices: [] },
    });
    await cluster.ask('POST', path, slice('n1'), kubelet);
    expect(await cluster.refusal('POST', path, slice('n2'), kubelet)).toContain('can only create ResourceSlice with the same NodeName as the requesting node');
    await cluster.ask('POST', path, slice('n2'));
    expect(await cluster.refusal('DELETE', `${path}/of-n2`, undefined, kubelet)).toContain('can only delete ResourceSlice with the same NodeName as the requesting node');
  });

  describe('with pods', () => {
    const node = { name: 'system:node:n1', groups: ['system:nodes', 'system:authenticated', 'system:masters'] };
    const pods = '/api/v1/namespaces/default/pods';
    let uid: string;
    beforeEach(async () => {
      await cluster.ask('POST', '/api/v1/namespaces', { metadata: { name: 'default' } });
      for (const name of ['default', 'robot']) await cluster.ask('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name } });
      uid = (await cluster.ask('POST', '/api/v1/nodes', { metadata: { name: 'n1' } })).metadata!.uid!;
    });
    const mirror = (spec: object, owner: object = {}) => ({
      metadata: { name: 'static', annotations: { 'kubernetes.io/config.mirror': 'x' }, ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'n1', uid, controller: true, ...owner }] },
      spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i' }], ...spec },
    });
    const volume = (source: object) => ({ volumes: [{ name: 'v', ...source }] });

    it('shows what it runs by itself, which refers to nothing of the API', async () => {
      await cluster.ask('POST', pods, mirror(volume({ emptyDir: {} })), node);
      const refused: [object, string][] = [
        [mirror({}, { uid: 'other' }), `node n1 UID mismatch: expected other got ${uid}`],
        [mirror({ imagePullSecrets: [{ name: 's' }] }), 'a mirror pod may not reference secrets'],
        [mirror(volume({ configMap: { name: 'c' } })), 'node "n1" can not create pods that reference configmaps'],
        [mirror(volume({ persistentVolumeClaim: { claimName: 'c' } })), 'node "n1" can not create pods that reference persistentvolumeclaims'],
        [mirror(volume({ csi: { driver: 'd' } })), 'node "n1" can not create pods that reference csidrivers (via CSI volumes)'],
      ];
      for (const [pod, why] of refused) expect(await cluster.refusal('POST', pods, { ...pod, metadata: { ...(pod as ReturnType<typeof mirror>).metadata, name: 'other' } }, node)).toBe(`pods "other" is forbidden: ${why}`);
    });

    it('asks for tokens only for whom its pods mean them', async () => {
      const sources = [{ serviceAccountToken: { path: 't', audience: 'vault' } }];
      const pod = await cluster.ask('POST', pods, { metadata: { name: 'web' }, spec: { nodeName: 'n1', serviceAccountName: 'robot', containers: [{ name: 'c', image: 'i' }], volumes: [{ name: 'v', projected: { sources } }] } });
      const token = (audiences: string[]) => ({ spec: { audiences, boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'web', uid: pod.metadata!.uid } } });
      const path = '/api/v1/namespaces/default/serviceaccounts/robot/token';
      for (const audiences of [['vault'], []]) expect(await cluster.ask('POST', path, token(audiences), node)).toMatchObject({ status: { token: expect.any(String) } });
      expect(await cluster.refusal('POST', path, token(['vault', 'bank']), node)).toContain('node may only request 0 or 1 audiences');
      // Whoever may do anything may ask for this, too.
      const plain = { ...node, groups: ['system:nodes', 'system:authenticated'] };
      const rbac = '/apis/rbac.authorization.k8s.io/v1';
      await cluster.ask('POST', `${rbac}/clusterroles`, { metadata: { name: 'tokens' }, rules: [{ apiGroups: [''], resources: ['serviceaccounts/token'], verbs: ['create'] }] });
      await cluster.ask('POST', `${rbac}/clusterrolebindings`, { metadata: { name: 'tokens' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'tokens' }, subjects: [{ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'system:nodes' }] });
      expect(await cluster.ask('POST', path, token(['bank']), node)).toMatchObject({ status: { token: expect.any(String) } });
      expect(await cluster.refusal('POST', path, token(['bank']), plain)).toContain('audience "bank" not found in pod spec volume, system:node:n1 is not authorized to request tokens for this audience');
    });

    it('tells nothing of claims that the control plane has made', async () => {
      await cluster.ask('POST', pods, { metadata: { name: 'web' }, spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i' }] } });
      const web = await cluster.ask('GET', `${pods}/web`);
      expect(await cluster.refusal('PUT', `${pods}/web/status`, { ...web, status: { resourceClaimStatuses: [{ name: 'a', resourceClaimName: 'b' }] } }, node)).toBe('pods "web" is forbidden: node "n1" cannot update resource claim statues');
    });
  });
});
