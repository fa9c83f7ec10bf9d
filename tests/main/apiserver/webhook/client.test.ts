import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../../main/api/meta.ts';
import { dialDirectly } from '../../../../main/apiserver/egress/index.ts';
import { WebhookClient, type WebhookClientConfig } from '../../../../main/apiserver/webhook/index.ts';
import { systemRandom } from '../../../../main/util/random.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { TestAuthority } from '../support/certificates.ts';

const service = (name: string, ports = [{ port: 443 }]) => ({ metadata: { name, namespace: 'default' }, spec: { type: 'ClusterIP', ports } });
const slice = (name: string, port: number, ready = true) => ({
  metadata: { name: `${name}-1`, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
  ports: [{ port }],
  endpoints: [{ addresses: ['10.244.2.7'], nodeName: 'node-2', conditions: { ready } }],
});

describe('a webhook is called', () => {
  let authority: TestAuthority;
  let server: https.Server;
  let port: number;
  let caBundle: string;
  let seen: { url?: string; host?: string; authorization?: string; body: string }[];
  let answer: { code: number; body: string } | undefined;
  let clock: FakeClock;
  let stored: Record<string, KubeObject[]>;
  let dialled: unknown[];
  let hooks: WebhookClient;
  let connections: number;

  beforeAll(async () => {
    authority = await TestAuthority.create();
    const { certificate, key } = await authority.server();
    caBundle = Buffer.from(authority.certificate).toString('base64');
    server = https.createServer({ cert: certificate, key }, (request, response) => {
      let body = '';
      request.on('data', (part: Buffer) => (body += part.toString()));
      request.on('end', () => {
        seen.push({ url: request.url, host: request.headers.host, authorization: request.headers.authorization, body });
        if (answer) response.writeHead(answer.code, { 'content-type': 'application/json' }).end(answer.body);
        else void clock.advance(5000);
      });
    });
    server.on('secureConnection', () => connections++);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    seen = [];
    dialled = [];
    connections = 0;
    answer = { code: 200, body: '{"kind":"AdmissionReview"}' };
    clock = new FakeClock();
    stored = { services: [service('kubernetes')], endpointslices: [slice('kubernetes', 8443)] };
    hooks = new WebhookClient({
      clock,
      random: systemRandom,
      egress: {
        covers: (address) => address.startsWith('10.'),
        dial(...to) {
          dialled.push(to);
          return dialDirectly('127.0.0.1', port);
        },
      },
      objects: {
        get: (resource, namespace, name) => Promise.resolve(stored[resource.resource]?.find(({ metadata }) => metadata!.name === name && metadata!.namespace === namespace) as never),
        list: (resource) => Promise.resolve((stored[resource.resource] ?? []) as never),
      },
    });
  });

  const ofService = (more: object = {}): WebhookClientConfig => ({ service: { name: 'kubernetes', namespace: 'default', path: '/always-deny', ...more }, caBundle });
  const post = (config: WebhookClientConfig) => hooks.post(config, { kind: 'AdmissionReview' }, { timeoutMs: 2500, tellTimeout: true });
  const refusal = (config: WebhookClientConfig) => post(config).then(() => 'no refusal', (error: Error) => error.message);

  it('at a ready endpoint of its Service, by its name in the certificate, over a connection that is kept', async () => {
    expect(await post(ofService())).toEqual({ kind: 'AdmissionReview' });
    expect(await post(ofService())).toEqual({ kind: 'AdmissionReview' });
    expect(dialled).toEqual([['10.244.2.7', 8443, 'node-2']]);
    expect(connections).toBe(1);
    expect(seen[0]).toEqual({ url: '/always-deny?timeout=3s', host: 'kubernetes.default.svc', body: '{"kind":"AdmissionReview"}' });
  });

  it('by a URL outside of the cluster, and by one inside of it', async () => {
    expect(await post({ url: `https://localhost:${port}/review`, caBundle })).toEqual({ kind: 'AdmissionReview' });
    expect(dialled).toEqual([]);
    expect(await refusal({ url: 'https://10.244.1.3:9443/review', caBundle })).toBe(
      'Post "https://10.244.1.3:9443/review?timeout=3s": tls: failed to verify certificate: x509: certificate is valid for localhost, kubernetes.default.svc, 127.0.0.1, not 10.244.1.3',
    );
    expect(dialled).toEqual([['10.244.1.3', 9443]]);
  });

  it('and it is said why it cannot be', async () => {
    expect(await refusal(ofService({ name: 'nobody' }))).toBe('Post "https://nobody.default.svc:443/always-deny?timeout=3s": service "nobody" not found');
    expect(await refusal(ofService({ port: 80 }))).toBe('Post "https://kubernetes.default.svc:80/always-deny?timeout=3s": no service port 80 found for service "kubernetes"');
    stored.endpointslices = [slice('kubernetes', 8443, false)];
    expect(await refusal(ofService())).toBe('Post "https://kubernetes.default.svc:443/always-deny?timeout=3s": no endpoints available for service "kubernetes"');
    const free = net.createServer();
    await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve));
    const closed = (free.address() as AddressInfo).port;
    await new Promise((resolve) => free.close(resolve));
    expect(await refusal({ url: `https://127.0.0.1:${closed}/x` })).toBe(`Post "https://127.0.0.1:${closed}/x?timeout=3s": dial tcp 127.0.0.1:${closed}: connect: connection refused`);
  });

  it('with credentials that may be others the next time, and that are told of where they are refused', async () => {
    const refused: unknown[] = [];
    const source = { get: () => Promise.resolve({ token: `t${refused.length}` }), refused: async (issued: unknown) => void refused.push(issued) };
    const ask = () => hooks.post(ofService(), {}, { timeoutMs: 2500, credentials: { headers: {}, source } });
    answer = { code: 401, body: '' };
    await expect(ask()).rejects.toThrow('the server has asked for the client to provide credentials');
    expect(refused).toEqual([{ token: 't0' }]);
    answer = { code: 200, body: '{"kind":"AdmissionReview"}' };
    expect(await ask()).toEqual({ kind: 'AdmissionReview' });
    expect(seen.map(({ authorization }) => authorization)).toEqual(['Bearer t0', 'Bearer t1']);
  });

  it('in time, however long its credentials take', async () => {
    const source = { get: () => new Promise<never>(() => undefined), refused: async () => undefined };
    const asked = hooks.post(ofService(), {}, { timeoutMs: 2500, credentials: { headers: {}, source } }).catch((error: Error) => error.message);
    await clock.advance(2500);
    expect(await asked).toBe('Post "https://kubernetes.default.svc:443/always-deny": context deadline exceeded');
    expect(seen).toEqual([]);
  });

  it('only if one of the bundle signed its certificate', async () => {
    const other = await TestAuthority.create();
    expect(await refusal({ ...ofService(), caBundle: Buffer.from(other.certificate).toString('base64') })).toBe(
      'Post "https://kubernetes.default.svc:443/always-deny?timeout=3s": tls: failed to verify certificate: x509: certificate signed by unknown authority',
    );
    expect(seen).toEqual([]);
  });

  it('no longer than it may take', async () => {
    answer = undefined;
    expect(await refusal(ofService())).toBe('Post "https://kubernetes.default.svc:443/always-deny?timeout=3s": context deadline exceeded');
  });

  it('and its refusals come back as they are', async () => {
    answer = { code: 403, body: '{"kind":"Status","status":"Failure","message":"not you","code":403}' };
    await expect(post(ofService())).rejects.toMatchObject({ code: 403, message: 'not you' });
    answer = { code: 404, body: 'page not found' };
    await expect(post(ofService())).rejects.toMatchObject({ code: 404, message: 'the server could not find the requested resource' });
    answer = { code: 500, body: 'oops' };
    await expect(post(ofService())).rejects.toMatchObject({ message: 'an error on the server ("oops") has prevented the request from succeeding' });
    answer = { code: 200, body: 'no json' };
    expect(await refusal(ofService())).toContain("couldn't get version/kind");
  });
});
