import 'reflect-metadata';
import { webcrypto, X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import * as x509 from '@peculiar/x509';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CertificateSigningRequest } from '../../../main/api/index.ts';
import { certificateSigner, ensureCertificates, type ClusterCertificates } from '../../../main/bootstrap/index.ts';
import { Client, InformerFactory, resources, type Transport } from '../../../main/client/index.ts';
import { CertificateApprover } from '../../../main/controllers/certificates/approving.ts';
import { CertificateCleaner } from '../../../main/controllers/certificates/cleaning.ts';
import { CertificateSigner } from '../../../main/controllers/certificates/signing.ts';
import type { Controller } from '../../../main/controllers/index.ts';
import { noLog } from '../../../main/util/log.ts';
import { systemRandom } from '../../../main/util/random.ts';
import { settle } from '../../support/fakeClock.ts';
import { TestCluster } from '../apiserver/registry/testCluster.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const csrs = '/apis/certificates.k8s.io/v1/certificatesigningrequests';

async function requestOf(name: string, dns: string[] = []): Promise<string> {
  x509.cryptoProvider.set(webcrypto as unknown as Crypto);
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as unknown as CryptoKeyPair;
  const extensions = dns.length ? [new x509.SubjectAlternativeNameExtension(dns.map((value) => ({ type: 'dns' as const, value })))] : [];
  const made = await x509.Pkcs10CertificateRequestGenerator.create({ name, keys, signingAlgorithm: algorithm, extensions });
  return Buffer.from(made.toString('pem')).toString('base64');
}

describe('certificate requests', () => {
  let directory: string;
  let certificates: ClusterCertificates;
  let cluster: TestCluster;
  let informers: InformerFactory;
  let controllers: Controller[];
  /** Called when somebody has been told whether a user may do something. */
  let reviewed = () => {};

  beforeAll(async () => {
    directory = await mkdtemp(path.join(os.tmpdir(), 'skiff-csr-'));
  });
  afterAll(() => rm(directory, { recursive: true }));
  beforeEach(async () => {
    cluster = await TestCluster.start();
    const { clock } = cluster;
    certificates = await ensureCertificates(directory, { clock });
    const sign = certificateSigner(directory, clock);
    const { transport } = cluster.client();
    const listening: Transport = {
      watch: (request, handlers) => transport.watch(request, handlers),
      request: async (request) => {
        const answer = await transport.request(request);
        if (request.path.endsWith('/subjectaccessreviews')) reviewed();
        return answer as never;
      },
    };
    const client = new Client(listening, { userAgent: 'test' });
    informers = new InformerFactory(client, clock, noLog);
    const context = { client, informers, clock, random: systemRandom, log: noLog, signCertificate: (request: Buffer, usages: readonly string[], seconds: number) => sign(request, usages, seconds * 1000) };
    controllers = [new CertificateApprover(context), new CertificateSigner(context), new CertificateCleaner(context)];
    informers.start();
    await informers.synced();
    for (const controller of controllers) controller.start();
  });
  afterEach(async () => {
    informers.stop();
    await Promise.all(controllers.map((controller) => controller.stop()));
    await cluster.close();
  });

  const create = async (name: string, signerName: string, request: string, usages: string[], user?: Parameters<TestCluster['ask']>[3]) =>
    cluster.ask<CertificateSigningRequest>('POST', csrs, { apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { name }, spec: { request, signerName, usages } }, user);
  const read = (name: string) => cluster.client().of(resources.certificateSigningRequests).get('', name);
  /** Resolves with the request as soon as it looks so: signing takes its own time. */
  const until = (name: string, looks: (status: NonNullable<CertificateSigningRequest['status']>) => boolean) =>
    new Promise<CertificateSigningRequest>((resolve, reject) => {
      const watch = cluster.client().of(resources.certificateSigningRequests).watch(undefined, {}, {
        onEvent({ object }) {
          const csr = object as CertificateSigningRequest;
          if (csr.metadata?.name !== name || !looks(csr.status ?? {})) return;
          watch.cancel();
          resolve(csr);
        },
        onEnd: (error) => reject(error ?? new Error('the watch ended')),
      });
    });
  const decide = (csr: CertificateSigningRequest, type: string) =>
    cluster.ask('PUT', `${csrs}/${csr.metadata!.name}/approval`, { ...csr, apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', status: { conditions: [{ type, status: 'True', reason: 'Wish' }] } });

  it('of kubelets for themselves are approved and signed where roles allow it', async () => {
    await cluster.ask('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'self' }, rules: [{ verbs: ['create'], apiGroups: ['certificates.k8s.io'], resources: ['certificatesigningrequests', 'certificatesigningrequests/selfnodeclient'] }] });
    await cluster.ask('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name: 'self' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'self' }, subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:nodes' }] });
    const kubelet = { name: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] };
    const request = await requestOf('CN=system:node:n1, O=system:nodes');
    const made = await create('mine', 'kubernetes.io/kube-apiserver-client-kubelet', request, ['digital signature', 'client auth'], kubelet);
    expect(made.spec).toMatchObject({ username: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] });
    const { status } = await until('mine', ({ certificate }) => !!certificate);
    expect(status!.conditions).toMatchObject([{ type: 'Approved', reason: 'AutoApproved', message: 'Auto approving self kubelet client certificate after SubjectAccessReview.' }]);
    const certificate = new X509Certificate(Buffer.from(status!.certificate!, 'base64'));
    expect(certificate.subject).toContain('CN=system:node:n1');
    expect(certificate.verify(new X509Certificate(certificates.ca).publicKey)).toBe(true);
    const others = create('other', 'kubernetes.io/kube-apiserver-client-kubelet', await requestOf('CN=system:node:n2, O=system:nodes'), ['digital signature', 'client auth'], kubelet);
    await expect(others).rejects.toThrow('can only create a node CSR with CN=system:node:n1');
  });

  it('of kubelets are approved when the roles that allow it come later', async () => {
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    const allow = async (resource: string) => {
      const name = resource.replaceAll('/', '-');
      await cluster.ask('POST', `${rbac}/clusterroles`, { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name }, rules: [{ verbs: ['create'], apiGroups: ['certificates.k8s.io'], resources: [resource] }] });
      await cluster.ask('POST', `${rbac}/clusterrolebindings`, { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name }, subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'joiners' }] });
    };
    await allow('certificatesigningrequests');
    const body = {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name: 'early' },
      spec: { request: await requestOf('CN=system:node:n1, O=system:nodes'), signerName: 'kubernetes.io/kube-apiserver-client-kubelet', usages: ['digital signature', 'client auth'], expirationSeconds: 7200 },
    };
    const asked = new Promise<void>((resolve) => void (reviewed = resolve));
    await cluster.ask('POST', csrs, body, { name: 'joiner', groups: ['joiners', 'system:authenticated'] });
    await asked;
    await settle();
    expect((await read('early')).status?.conditions).toBeUndefined();
    await allow('certificatesigningrequests/nodeclient');
    await cluster.clock.advance(31_000);
    const { status } = await until('early', ({ certificate }) => !!certificate);
    expect(status!.conditions).toMatchObject([{ message: 'Auto approving kubelet client certificate after SubjectAccessReview.' }]);
    const { validFrom, validTo } = new X509Certificate(Buffer.from(status!.certificate!, 'base64'));
    expect(Date.parse(validTo) - Date.parse(validFrom)).toBe(7_200_000 + 300_000);
  });

  it('are signed when somebody approves them, and only as their signer signs', async () => {
    const jane = await create('jane', 'kubernetes.io/kube-apiserver-client', await requestOf('CN=jane'), ['client auth']);
    await decide(jane, 'Approved');
    const signed = (await until('jane', ({ certificate }) => !!certificate)).status!.certificate!;
    const { validFrom, validTo } = new X509Certificate(Buffer.from(signed, 'base64'));
    expect(Date.parse(validTo) - Date.parse(validFrom)).toBe(365 * 24 * 3_600_000);
    const server = await create('server', 'kubernetes.io/kube-apiserver-client', await requestOf('CN=web', ['web']), ['server auth', 'digital signature']);
    await decide(server, 'Approved');
    expect((await until('server', ({ conditions = [] }) => conditions.length > 1)).status).toMatchObject({ conditions: [{ type: 'Approved' }, { type: 'Failed', reason: 'SignerValidationFailure', message: 'invalid usage for client certificate: server auth' }] });
    const serving = await create('serving', 'kubernetes.io/kubelet-serving', await requestOf('CN=system:node:n1, O=system:nodes', ['n1']), ['server auth', 'digital signature']);
    await decide(serving, 'Approved');
    expect(new X509Certificate(Buffer.from((await until('serving', ({ certificate }) => !!certificate)).status!.certificate!, 'base64')).subjectAltName).toBe('DNS:n1');
  });

  it('are refused in upstream\'s words when they make no sense', async () => {
    const request = await requestOf('CN=a');
    const refuse = (spec: object) => cluster.refusal('POST', csrs, { apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { name: 'bad' }, spec: { request, signerName: 'example.com/x', usages: ['client auth'], ...spec } });
    expect(await refuse({ request: 'YQ==' })).toContain('spec.request: Invalid value: "YQ==": PEM block type must be CERTIFICATE REQUEST');
    expect(await refuse({ usages: ['fly', 'any', 'any'] })).toMatch(/spec\.usages\[0\]: Unsupported value: "fly".*spec\.usages\[2\]: Duplicate value: "any"/);
    expect(await refuse({ signerName: 'x' })).toContain("must be a fully qualified domain and path of the form 'example.com/signer-name'");
    expect(await refuse({ expirationSeconds: 5 })).toContain('may not specify a duration less than 600 seconds (10 minutes)');
    const chief = await requestOf('CN=a, O=system:masters');
    expect(await refuse({ request: chief, signerName: 'kubernetes.io/kube-apiserver-client' })).toContain('use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed');
  });

  it('are decided once, by approval alone, and go when nobody needs them any more', async () => {
    const csr = await create('mine', 'example.com/mine', await requestOf('CN=a'), ['client auth']);
    await decide(csr, 'Denied');
    const denied = await read('mine');
    expect(denied.status!.conditions).toMatchObject([{ type: 'Denied', lastUpdateTime: expect.any(String) as string }]);
    const typed = { apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest' };
    expect(await cluster.refusal('PUT', `${csrs}/mine/approval`, { ...denied, ...typed, status: {} })).toContain('updates may not remove a condition of type "Denied"');
    expect(await cluster.refusal('PUT', `${csrs}/mine/status`, { ...denied, ...typed, status: { conditions: [...denied.status!.conditions!, { type: 'Approved', status: 'True' }] } })).toContain('updates may not add a condition of type "Approved"');
    await cluster.clock.advance(3601_000);
    for (let i = 0; i < 5; i++) await settle();
    expect(await cluster.refusal('GET', `${csrs}/mine`)).toContain('not found');
  });

  it('that are approved wait a day for a signer of their own', async () => {
    await decide(await create('slow', 'example.com/mine', await requestOf('CN=a'), ['client auth']), 'Approved');
    const advance = async (hours: number) => {
      await cluster.clock.advance(hours * 3600_000 + 1000);
      for (let i = 0; i < 5; i++) await settle();
    };
    await advance(2);
    expect((await read('slow')).status!.conditions).toHaveLength(1);
    await advance(23);
    expect(await cluster.refusal('GET', `${csrs}/slow`)).toContain('not found');
  });
});
