import { generateKeyPairSync } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../../main/api/meta.ts';
import { builtinStrategies, objectsOf, RbacAuthorizer, ServiceAccountTokens } from '../../../../main/apiserver/index.ts';
import { dialDirectly } from '../../../../main/apiserver/egress/index.ts';
import { rewriteHtml, rewriteUrl } from '../../../../main/apiserver/proxy/rewrite.ts';
import { createMemoryStore } from '../../../../main/store/index.ts';
import { realClock } from '../../../../main/util/clock.ts';
import { systemRandom } from '../../../../main/util/random.ts';
import { start, type Harness } from '../support/harness.ts';

interface Heard {
  method: string;
  url: string;
  headers: http.IncomingHttpHeaders;
  body: string;
}

describe('the proxy of pods and services', () => {
  let harness: Harness;
  let backend: http.Server;
  let heard: Heard[];
  let dialled: unknown[];
  const pods = '/api/v1/namespaces/shop/pods';
  const services = '/api/v1/namespaces/shop/services';

  beforeAll(async () => {
    backend = http.createServer((request, response) => {
      let body = '';
      request.on('data', (part: Buffer) => (body += part.toString()));
      request.on('end', () => {
        heard.push({ method: request.method!, url: request.url!, headers: request.headers, body });
        if (request.url === '/moved') response.writeHead(302, { location: '/elsewhere' }).end();
        else if (request.url === '/page') response.writeHead(200, { 'content-type': 'text/html' }).end('<a href="/x">x</a>');
        else response.writeHead(418, { 'content-type': 'text/plain', 'set-cookie': ['a=1', 'b=2'] }).end(`answer to ${request.method}`);
      });
    });
    backend.on('upgrade', (_request, socket: Socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n');
      socket.pipe(socket);
    });
    await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
    const { port } = backend.address() as AddressInfo;
    const store = createMemoryStore({ clock: realClock });
    const objects = objectsOf(store);
    const rbac = new RbacAuthorizer(store);
    const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    const tokens = new ServiceAccountTokens(key, 'https://kubernetes', objects, realClock, systemRandom);
    harness = await start({
      store,
      strategies: builtinStrategies({ store, objects, random: systemRandom, rbac, authorizer: rbac, tokens, serviceCIDR: '10.96.0.0/16', nodePorts: [30000, 32767], kubelets: () => undefined }),
      egress: {
        covers: () => true,
        dial(host, to, node) {
          dialled.push([host, to, node]);
          return to === 81 ? Promise.reject(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })) : dialDirectly('127.0.0.1', port);
        },
      },
    });
    const ask = (method: 'POST' | 'PUT', path: string, body: KubeObject) => harness.local.request<KubeObject>({ method, path, body });
    await ask('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' }, spec: { nodeName: 'node-1', containers: [{ name: 'a', image: 'x', ports: [{ containerPort: 8080 }] }] } };
    const { body } = await ask('POST', pods, pod);
    await ask('PUT', `${pods}/web/status`, { ...body, status: { podIP: '10.244.1.5', podIPs: [{ ip: '10.244.1.5' }] } } as KubeObject);
    await ask('POST', services, { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { ports: [{ name: 'http', port: 80, targetPort: 8080 }] } } as KubeObject);
    await ask('POST', '/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices', {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 8080 }],
      endpoints: [{ addresses: ['10.244.1.5'], nodeName: 'node-1' }],
    } as KubeObject);
  });
  afterAll(async () => {
    await harness.close();
    backend.closeAllConnections();
    backend.close();
  });

  const options = () => ({ ca: harness.ca, cert: harness.admin.certificate, key: harness.admin.key, host: '127.0.0.1', port: harness.port });

  function ask(method: string, path: string, body?: string): Promise<{ code: number; headers: http.IncomingHttpHeaders; text: string }> {
    heard = [];
    dialled = [];
    return new Promise((resolve, reject) => {
      const request = https.request({ ...options(), method, path, agent: false, headers: { authorization: 'Basic x', 'x-own': '1', ...(body ? { 'content-length': body.length } : {}) } }, (response) => {
        let text = '';
        response.on('data', (part: Buffer) => (text += part.toString()));
        response.on('end', () => resolve({ code: response.statusCode!, headers: response.headers, text }));
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  it.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('passes a %s on as it is, and the answer back', async (method) => {
    const { code, headers, text } = await ask(method, `${pods}/web/proxy/some%20path/?a=1&dryRun=no`, method === 'GET' ? undefined : 'hello');
    expect([code, text, headers['set-cookie']]).toEqual([418, `answer to ${method}`, ['a=1', 'b=2']]);
    expect(dialled).toEqual([['10.244.1.5', 8080, 'node-1']]);
    expect(heard).toMatchObject([{ method, url: '/some%20path/?a=1&dryRun=no', body: method === 'GET' ? '' : 'hello', headers: { 'x-own': '1', 'x-forwarded-uri': `${pods}/web/proxy/some%20path/` } }]);
    expect(heard[0]!.headers.authorization).toBeUndefined();
  });

  it('says of a node without a kubelet that it cannot be reached, for now', async () => {
    await harness.local.request<KubeObject>({ method: 'POST', path: '/api/v1/nodes', body: { apiVersion: 'v1', kind: 'Node', metadata: { name: 'away' } } });
    expect(await ask('GET', '/api/v1/nodes/away/proxy/healthz')).toMatchObject({ code: 503, text: expect.stringContaining('error trying to reach service: no kubelet runs on node') as string });
  });

  it('answers HEAD without a body', async () => {
    expect(await ask('HEAD', `${services}/web:http/proxy/`)).toMatchObject({ code: 418, text: '' });
  });

  it('finds a service by the name and the number of its port', async () => {
    for (const name of ['web:http', 'web:80', 'http:web:http']) expect((await ask('GET', `${services}/${name}/proxy/x`)).code).toBe(418);
    expect(JSON.parse((await ask('GET', `${services}/web:81/proxy/x`)).text)).toMatchObject({ code: 503, message: 'no service port 81 found for service "web"' });
    expect(JSON.parse((await ask('GET', `${services}/web/proxy/x`)).text)).toMatchObject({ code: 503, message: 'no endpoints available for service "web"' });
    expect(JSON.parse((await ask('GET', `${services}/ftp:web:http/proxy/x`)).text)).toMatchObject({ code: 400, message: 'invalid service request "ftp:web:http"' });
    expect((await ask('GET', `${services}/nobody/proxy/x`)).code).toBe(404);
  });

  it('says why nobody answers', async () => {
    expect(JSON.parse((await ask('GET', `${pods}/web:81/proxy/`)).text)).toMatchObject({
      code: 503,
      reason: 'ServiceUnavailable',
      message: 'error trying to reach service: dial tcp 10.244.1.5:81: connect: connection refused',
    });
  });

  it('leads redirects and links through itself', async () => {
    expect((await ask('GET', `${pods}/web/proxy`)).headers.location).toBe(`${pods}/web/proxy/`);
    expect((await ask('GET', `${pods}/web/proxy/moved`)).headers.location).toBe(`${pods}/web/proxy/elsewhere`);
    expect((await ask('GET', `${pods}/web/proxy/page`)).text).toBe(`<a href="${pods}/web/proxy/x">x</a>`);
    const place = { host: '10.244.1.5:8080', prefix: '/p', requestHost: 'me' };
    expect(rewriteUrl('http://10.244.1.5:8080/a?b', place)).toBe('/p/a?b');
    expect(rewriteUrl('https://example.com/a', place)).toBe('https://example.com/a');
    expect(rewriteUrl('a/b', place)).toBe('a/b');
    expect(rewriteHtml("<img src='/i.png' alt=\"/x\"><b href=/y>", place)).toBe("<img src='/p/i.png' alt=\"/x\"><b href=/y>");
  });

  it('hands a connection over that changes its protocol', async () => {
    dialled = [];
    const socket = tls.connect({ ...options(), ALPNProtocols: ['http/1.1'] });
    socket.write(`GET ${services}/web:http/proxy/ws HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n`);
    let text = '';
    await new Promise<void>((resolve) => {
      socket.on('data', (part: Buffer) => {
        text += part.toString();
        if (text.endsWith('\r\n\r\n')) socket.write('ping');
        if (text.endsWith('ping')) resolve();
      });
    });
    expect(text).toMatch(/^HTTP\/1\.1 101 /);
    socket.destroy();
  });
});
