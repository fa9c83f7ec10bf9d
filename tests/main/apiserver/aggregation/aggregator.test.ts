import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { APIService } from '../../../../main/api/index.ts';
import type { KubeObject } from '../../../../main/api/meta.ts';
import { dialDirectly } from '../../../../main/apiserver/egress/index.ts';
import type { Strategy } from '../../../../main/apiserver/index.ts';
import { apiService } from '../../../../main/apiserver/registry/apiregistration/apiService.ts';
import { define } from '../../../../main/apiserver/registry/define.ts';
import { FakeClock, settle } from '../../../support/fakeClock.ts';
import { TestAuthority } from '../support/certificates.ts';
import { start, type Harness } from '../support/harness.ts';

const plain = (group: string, kind: string, resource: string) =>
  ({ definition: define(group, 'v1', kind, resource), hasGeneration: false, nameRule: 'dnsSubdomain', validate: () => [], validateUpdate: () => [], columns: [], row: () => [] }) as Strategy;

describe('an aggregated API server', () => {
  let harness: Harness;
  let backend: https.Server;
  let caBundle: string;
  let asked: { url: string; user: unknown; groups: unknown; authorization: unknown; certificate: string }[];
  let broken: boolean;
  let clock: FakeClock;
  let proxy: Awaited<ReturnType<TestAuthority['client']>>;
  const services = '/apis/apiregistration.k8s.io/v1/apiservices';
  const ask = <T = KubeObject>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown) => harness.local.request<T>({ method, path, body }).then((answer) => answer.body);
  const condition = async () => (await ask<APIService>('GET', `${services}/v1.fruit.example.com`)).status?.conditions?.[0];
  /** The conversation with the other server goes over real sockets. */
  const until = async (status: string) => {
    for (;;) {
      await clock.advance(1000);
      if ((await condition())?.status === status) return;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };

  const register = () =>
    ask('POST', services, { apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', metadata: { name: 'v1.fruit.example.com' }, spec: { group: 'fruit.example.com', version: 'v1', groupPriorityMinimum: 100, versionPriority: 10, caBundle, service: { name: 'kubernetes', namespace: 'default' } } });
  const serve = async () => {
    await ask('POST', '/api/v1/namespaces/default/services', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'kubernetes' }, spec: { ports: [{ port: 443 }] } });
    await ask('POST', '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'k', labels: { 'kubernetes.io/service-name': 'kubernetes' } }, ports: [{ port: 6443 }], endpoints: [{ addresses: ['10.244.1.9'] }] });
    await until('True');
  };

  beforeAll(async () => {
    const authority = await TestAuthority.create();
    caBundle = Buffer.from(authority.certificate).toString('base64');
    const serving = await authority.server();
    proxy = await authority.client('front-proxy-client', []);
    backend = https.createServer({ cert: serving.certificate, key: serving.key, ca: authority.certificate, requestCert: true }, (request, response) => {
      const { subject } = (request.socket as unknown as { getPeerCertificate(): { subject?: { CN: string } } }).getPeerCertificate();
      asked.push({ url: request.url!, user: request.headers['x-remote-user'], groups: request.headers['x-remote-group'], authorization: request.headers.authorization, certificate: subject?.CN ?? '' });
      if (broken) return response.writeHead(500).end();
      const body =
        request.url === '/apis/fruit.example.com/v1'
          ? { kind: 'APIResourceList', groupVersion: 'fruit.example.com/v1', resources: [{ name: 'apples', singularName: 'apple', kind: 'Apple', namespaced: true, verbs: ['get', 'list'] }, { name: 'apples/status', kind: 'Apple', namespaced: true, verbs: ['get'] }] }
          : { kind: 'Apple', apiVersion: 'fruit.example.com/v1', metadata: { name: 'red' } };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
  });
  beforeEach(async () => {
    const { port } = backend.address() as AddressInfo;
    clock = new FakeClock();
    asked = [];
    broken = false;
    harness = await start({
      clock,
      strategies: [apiService as unknown as Strategy, plain('', 'Service', 'services'), plain('discovery.k8s.io', 'EndpointSlice', 'endpointslices')],
      authorizer: { authorize: (user) => ({ allowed: user.name === 'jane', reason: '' }) },
      egress: { covers: () => true, dial: () => dialDirectly('127.0.0.1', port) },
      frontProxy: proxy,
    });
  });
  afterEach(() => harness.close());
  afterAll(() => {
    backend.closeAllConnections();
    backend.close();
  });

  it('registers what is served here with the ranks that clients know, and not the registrations', async () => {
    const { body } = await harness.local.request<{ items: APIService[] }>({ method: 'GET', path: services });
    expect(body.items.map(({ metadata, spec }) => [metadata!.name, spec!.groupPriorityMinimum, spec!.versionPriority])).toEqual([
      ['v1.', 18_000, 1],
      ['v1.discovery.k8s.io', 16_200, 15],
    ]);
  });

  it('is not there as long as its Service is not', async () => {
    await register();
    await until('False');
    expect(await condition()).toMatchObject({ type: 'Available', reason: 'ServiceNotFound', message: 'service/kubernetes in "default" is not present' });
    for (const client of [harness.remote, harness.local])
      await expect(client.request({ method: 'GET', path: '/apis/fruit.example.com/v1' })).rejects.toMatchObject({ status: { code: 503 } });
  });

  it('answers for its group once it is there, and is told who asks', async () => {
    await register();
    await serve();
    expect(await condition()).toMatchObject({ reason: 'Passed', message: 'all checks passed' });
    asked.length = 0;
    expect((await harness.remote.request({ method: 'GET', path: '/apis/fruit.example.com/v1/namespaces/default/apples/red', query: { pretty: true } })).body).toMatchObject({ kind: 'Apple' });
    expect(asked).toEqual([{ url: '/apis/fruit.example.com/v1/namespaces/default/apples/red?pretty=true', user: 'admin', groups: 'system:masters, system:authenticated', authorization: undefined, certificate: 'front-proxy-client' }]);
  });

  it('is found by discovery', async () => {
    await register();
    await serve();
    const { groups } = await ask<{ groups: { name: string }[] }>('GET', '/apis');
    expect(groups).toContainEqual({ name: 'fruit.example.com', versions: [{ groupVersion: 'fruit.example.com/v1', version: 'v1' }], preferredVersion: { groupVersion: 'fruit.example.com/v1', version: 'v1' } });
    expect(await ask('GET', '/apis/fruit.example.com')).toMatchObject({ kind: 'APIGroup', name: 'fruit.example.com' });
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
    const { body } = await harness.local.request<{ items: { metadata: { name: string } }[] }>({ method: 'GET', path: '/apis', headers: { accept } });
    expect(body.items.at(-1)).toMatchObject({ metadata: { name: 'fruit.example.com' }, versions: [{ version: 'v1', freshness: 'Current', resources: [{ resource: 'apples', scope: 'Namespaced', subresources: [{ subresource: 'status' }] }] }] });
    expect((await ask<{ paths: object }>('GET', '/openapi/v3')).paths).toHaveProperty(['apis/fruit.example.com/v1']);
  });

  it('is asked again and again, and is not there when it fails', async () => {
    await register();
    await serve();
    broken = true;
    await clock.advance(30_000);
    await until('False');
    expect(await condition()).toMatchObject({ reason: 'FailedDiscoveryCheck' });
  });

  it('goes with its registration', async () => {
    await register();
    await serve();
    await ask('DELETE', `${services}/v1.fruit.example.com`);
    await settle();
    expect(await ask<{ groups: { name: string }[] }>('GET', '/apis').then(({ groups }) => groups.map(({ name }) => name))).not.toContain('fruit.example.com');
  });
});
