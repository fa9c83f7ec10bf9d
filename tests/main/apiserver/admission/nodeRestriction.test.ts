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
});
