import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import tls from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import type { BackendTls, Listener, Route } from '../../../main/gateway/model.ts';
import { Listeners } from '../../../main/gateway/proxy/listeners.ts';
import { RequestProxy } from '../../../main/gateway/proxy/requestProxy.ts';
import { realClock } from '../../../main/util/clock.ts';
import { noLog } from '../../../main/util/log.ts';
import { keyPair } from '../../support/keyPair.ts';
import { seededRandom } from '../../support/objects.ts';

/** The names of backends, and the servers that stand for their pods. */
const servers = new Map<string, net.Server>();
const portOf = (server: net.Server) => (server.address() as net.AddressInfo).port;
const listening = (server: net.Server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

let pair: { certificate: string; key: string };
let listeners: Listeners;
let proxy: RequestProxy;
let edge: net.Server;
/** Endpoints that refuse connections, before the one that takes them. */
let dead: number;

beforeAll(async () => {
  pair = keyPair('secure.test');
  const echo = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method, url, headers } = request;
      if (url === '/slow') return;
      response.writeHead(200, { 'content-type': 'application/json', 'x-from': 'pod' });
      response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString() }));
    });
  });
  const sockets = new WebSocketServer({ server: echo });
  sockets.on('connection', (socket) => socket.on('message', (text) => socket.send(`heard ${text.toString()}`)));
  servers.set('echo', echo);
  const grpc = http2.createServer();
  grpc.on('stream', (stream, headers) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'x-path': headers[':path']! }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.pipe(stream);
  });
  servers.set('grpc', grpc);
  servers.set('tls', https.createServer({ cert: pair.certificate, key: pair.key }, (request, response) => response.end(`${request.method} for ${(request.socket as tls.TLSSocket).servername}`)));
  const secretGrpc = http2.createSecureServer({ cert: pair.certificate, key: pair.key });
  secretGrpc.on('stream', (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.end('over TLS');
  });
  servers.set('secretGrpc', secretGrpc);
  servers.set('plain', net.createServer((socket) => socket.on('data', (chunk: Buffer) => socket.end(`heard ${chunk.toString()}`))) as never);
  servers.set('secret', tls.createServer({ cert: pair.certificate, key: pair.key }, (socket) => socket.end('straight from the pod')));
  await Promise.all([...servers.values()].map(listening));
});
afterAll(() => servers.forEach((server) => server.close()));

const route = (service: string | undefined, change: Partial<Route> = {}): Route => ({
  owner: 'HTTPRoute default/web',
  hostname: '',
  oneLabel: false,
  match: { path: { type: 'Prefix', value: '/' }, headers: [], query: [] },
  filters: [],
  backends: [{ weight: 1, filters: [], ...(service ? { backend: { namespace: 'default', service, port: 80 } } : {}) }],
  created: '',
  ...change,
});

async function serve(listener: Partial<Listener>): Promise<number> {
  const listen = (address: string, _port: number, onConnection: (socket: net.Socket) => void) =>
    new Promise<{ close(): void }>((resolve) => {
      edge = net.createServer({ allowHalfOpen: true }, onConnection);
      edge.listen(0, address, () => resolve(edge));
    });
  const backends = {
    services: { get: (key: string) => (key === 'default/nowhere' ? undefined : { spec: { ports: [{ port: 80 }] } }) },
    slices: {
      byIndex: (_: string, key: string) => {
        const server = servers.get(key.replace('default/', ''));
        if (!server) return [];
        const endpoints = Array.from({ length: dead + 1 }, () => ({ addresses: ['127.0.0.1'] }));
        return [{ addressType: 'IPv4' as const, ports: [{ name: '', port: portOf(server) }], endpoints }];
      },
    },
  };
  let refusals = dead;
  const dial = (host: string, port: number) =>
    new Promise<net.Socket>((resolve, reject) => {
      if (refusals-- > 0) return reject(new Error('connection refused'));
      const socket = net.connect({ host, port, allowHalfOpen: true }, () => resolve(socket));
      socket.once('error', reject);
    });
  proxy = new RequestProxy({ backends, dial, clock: realClock, random: seededRandom(), log: noLog });
  listeners = new Listeners({ listen: listen as never, proxy, backends, dial, random: seededRandom(), log: noLog, fallback: pair });
  await listeners.sync({ listeners: [{ address: '127.0.0.1', port: 80, tls: false, sections: [], routes: [], certificates: [], passthrough: [], ...listener }] });
  return portOf(edge);
}

beforeEach(() => (dead = 0));
afterEach(() => {
  listeners.close();
  proxy.close();
});

interface Echo {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string;
}

const ask = (port: number, options: http.RequestOptions = {}, body = '') =>
  new Promise<{ status: number; headers: http.IncomingHttpHeaders; text: string; echo(): Echo }>((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, agent: false, ...options }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, text, echo: () => JSON.parse(text) as Echo }));
    });
    request.on('error', reject);
    request.end(body);
  });

describe('a request', () => {
  test('arrives as it was sent, with who sent it', async () => {
    const port = await serve({ routes: [route('echo')] });
    const { status, echo } = await ask(port, { method: 'POST', path: '/a?b=c', headers: { host: 'x.test' } }, 'hello');
    expect(status).toBe(200);
    expect(echo()).toMatchObject({ method: 'POST', url: '/a?b=c', body: 'hello', headers: { host: 'x.test', 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http' } });
  });

  test('goes to the next endpoint where one cannot be reached', async () => {
    dead = 2;
    const port = await serve({ routes: [route('echo')] });
    expect((await ask(port, { method: 'PUT' }, 'kept')).echo().body).toBe('kept');
  });

  test('is refused with what is missing', async () => {
    const at = (value: string) => ({ match: { path: { type: 'Exact' as const, value }, headers: [], query: [] } });
    const port = await serve({ routes: [route('empty', at('/empty')), route('nowhere', at('/nowhere')), route(undefined, at('/invalid')), route('nowhere', { ...at('/gone'), owner: 'Ingress default/web' })] });
    const status = async (at: string) => (await ask(port, { path: at })).status;
    expect(await status('/other')).toBe(404);
    expect(await status('/empty')).toBe(503);
    expect(await status('/nowhere')).toBe(500);
    expect(await status('/invalid')).toBe(500);
    expect(await status('/gone')).toBe(503);
  });

  test('is changed by filters on its way and back', async () => {
    const port = await serve({
      routes: [
        route('echo', {
          match: { path: { type: 'Prefix', value: '/old' }, headers: [], query: [] },
          filters: [
            { type: 'RequestHeaders', change: { set: [{ name: 'X-Set', value: '1' }], add: [], remove: ['x-secret'] } },
            { type: 'Rewrite', hostname: 'inside.test', path: { type: 'ReplacePrefixMatch', value: '/new' } },
            { type: 'ResponseHeaders', change: { set: [{ name: 'X-From', value: 'edge' }], add: [], remove: [] } },
          ],
        }),
      ],
    });
    const { headers, echo } = await ask(port, { path: '/old/page', headers: { 'x-secret': 'me' } });
    expect(echo()).toMatchObject({ url: '/new/page', headers: { host: 'inside.test', 'x-set': '1' } });
    expect(echo().headers['x-secret']).toBeUndefined();
    expect(headers['x-from']).toBe('edge');
  });

  test('is redirected', async () => {
    const port = await serve({ routes: [route(undefined, { filters: [{ type: 'Redirect', scheme: 'https', statusCode: 301 }] })] });
    const { status, headers } = await ask(port, { path: '/a', headers: { host: 'x.test' } });
    expect([status, headers.location]).toEqual([301, 'https://x.test/a']);
  });

  test('is copied to a mirror, whose answer nobody waits for', async () => {
    const heard = new Promise<string>((resolve) => {
      const mirror = http.createServer((request) => {
        let text = '';
        request.on('data', (chunk: Buffer) => (text += chunk.toString()));
        request.on('end', () => resolve(`${request.method} ${request.url} ${text}`));
      });
      servers.set('mirror', mirror);
    });
    await listening(servers.get('mirror')!);
    const filters = [{ type: 'Mirror' as const, backend: { namespace: 'default', service: 'mirror', port: 80 }, percent: 100 }];
    const port = await serve({ routes: [route('echo', { filters })] });
    expect((await ask(port, { method: 'PUT', path: '/x' }, 'twice')).echo().body).toBe('twice');
    expect(await heard).toBe('PUT /x twice');
    (servers.get('mirror') as http.Server).closeAllConnections();
    servers.get('mirror')!.close();
    servers.delete('mirror');
  });

  test('that takes longer than its route allows is answered with 504', async () => {
    const port = await serve({ routes: [route('echo', { timeoutMs: 50 })] });
    expect((await ask(port, { path: '/slow' })).status).toBe(504);
  });

  test('may become a WebSocket', async () => {
    const port = await serve({ routes: [route('echo')] });
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
    const answer = await new Promise((resolve, reject) => {
      socket.on('open', () => socket.send('hi'));
      socket.on('message', (text: Buffer) => resolve(text.toString()));
      socket.on('error', reject);
    });
    socket.close();
    expect(answer).toBe('heard hi');
  });
});

test('weights divide requests', async () => {
  servers.set('other', http.createServer((_, response) => response.end('other')));
  await listening(servers.get('other')!);
  const backends = [
    { weight: 3, filters: [], backend: { namespace: 'default', service: 'echo', port: 80 } },
    { weight: 1, filters: [], backend: { namespace: 'default', service: 'other', port: 80 } },
    { weight: 0, filters: [], backend: { namespace: 'default', service: 'nowhere', port: 80 } },
  ];
  const port = await serve({ routes: [route(undefined, { backends })] });
  let other = 0;
  for (let i = 0; i < 40; i++) if ((await ask(port)).text === 'other') other++;
  expect(other).toBeGreaterThan(3);
  expect(other).toBeLessThan(20);
  servers.get('other')!.close();
  servers.delete('other');
});

describe('gRPC', () => {
  const call = async (port: number) => {
    const session = http2.connect(`http://127.0.0.1:${port}`);
    const stream = session.request({ ':method': 'POST', ':path': '/pkg.Service/Method', 'content-type': 'application/grpc', te: 'trailers' });
    let headers: http2.IncomingHttpHeaders = {};
    let trailers: http2.IncomingHttpHeaders = {};
    let text = '';
    stream.on('response', (fields) => (headers = fields));
    stream.on('trailers', (fields) => (trailers = fields));
    stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
    stream.write('one ');
    stream.end('two');
    await new Promise((resolve, reject) => {
      stream.on('close', resolve);
      stream.on('error', reject);
    });
    session.close();
    return { headers, trailers, text };
  };

  test('streams both ways and ends with its status', async () => {
    const port = await serve({ routes: [route('grpc', { grpc: true })] });
    const { headers, trailers, text } = await call(port);
    expect(headers).toMatchObject({ ':status': 200, 'x-path': '/pkg.Service/Method' });
    expect(text).toBe('one two');
    expect(trailers['grpc-status']).toBe('0');
  });

  test('hears in its own way that nobody serves it', async () => {
    const port = await serve({ routes: [route('empty', { grpc: true })] });
    expect((await call(port)).headers).toMatchObject({ ':status': 200, 'grpc-status': '14' });
  });
});

describe('TLS', () => {
  const certificateOf = (port: number, servername: string) =>
    new Promise<string>((resolve, reject) => {
      const socket = tls.connect({ host: '127.0.0.1', port, servername, rejectUnauthorized: false }, () => {
        resolve(socket.getPeerCertificate().subject.CN as string);
        socket.destroy();
      });
      socket.on('error', reject);
    });

  test('shows each name its own certificate, and serves HTTP/1 and HTTP/2 behind it', async () => {
    // Of another kind of key than the fallback: clients would like that one better.
    const wild = { hostname: '*.wild.test', ...keyPair('wild.test', 'rsa') };
    const port = await serve({ tls: true, routes: [route('echo')], certificates: [wild] });
    expect(await certificateOf(port, 'a.wild.test')).toBe('wild.test');
    expect(await certificateOf(port, 'other.test')).toBe('secure.test');
    const proto = await new Promise<string>((resolve, reject) => {
      https
        .get({ host: '127.0.0.1', port, rejectUnauthorized: false, agent: false }, (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => (text += chunk.toString()));
          response.on('end', () => resolve((JSON.parse(text) as Echo).headers['x-forwarded-proto']!));
        })
        .on('error', reject);
    });
    expect(proto).toBe('https');
    const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
    const stream = session.request({ ':path': '/two' });
    let text = '';
    for await (const chunk of stream) text += String(chunk);
    session.close();
    expect((JSON.parse(text) as Echo).url).toBe('/two');
  });

  test('is passed through unopened where a route says so', async () => {
    const passthrough = [{ hostname: 'secure.test', terminate: false, backends: route('secret').backends }];
    const port = await serve({ tls: true, passthrough });
    const text = await new Promise<string>((resolve, reject) => {
      const socket = tls.connect({ host: '127.0.0.1', port, servername: 'secure.test', ca: pair.certificate });
      let heard = '';
      socket.on('data', (chunk: Buffer) => (heard += chunk.toString()));
      socket.on('end', () => resolve(heard));
      socket.on('error', reject);
    });
    expect(text).toBe('straight from the pod');
  });

  test('ends here where a route says so, and what is in it goes on as it is', async () => {
    const passthrough = [{ hostname: 'secure.test', terminate: true, backends: route('plain').backends }];
    const port = await serve({ tls: true, passthrough, certificates: [{ hostname: 'secure.test', ...pair }] });
    const text = await new Promise<string>((resolve, reject) => {
      const socket = tls.connect({ host: '127.0.0.1', port, servername: 'secure.test', ca: pair.certificate });
      socket.on('data', (chunk: Buffer) => resolve(chunk.toString()));
      socket.on('error', reject);
      socket.write('any bytes');
    });
    expect(text).toBe('heard any bytes');
  });

  test.each([true, false])('is closed where the certificate is none, opened here or not (%s)', async (terminate) => {
    const broken = { hostname: 'secure.test', certificate: 'no certificate', key: 'no key' };
    const passthrough = terminate ? [{ hostname: 'secure.test', terminate, backends: route('plain').backends }] : [];
    const port = await serve({ tls: true, passthrough, routes: terminate ? [] : [route('echo')], certificates: [broken] });
    const socket = tls.connect({ host: '127.0.0.1', port, servername: 'secure.test', rejectUnauthorized: false });
    await expect(once(socket, 'secureConnect')).rejects.toThrow();
  });

  test('for the name of one listener does not serve another', async () => {
    const routes = ['a.test', 'b.test'].map((hostname) => ({ ...route('echo'), hostname, section: hostname }));
    const port = await serve({ tls: true, routes, sections: ['a.test', 'b.test'] });
    const status = (servername: string, host: string) =>
      new Promise<number>((resolve, reject) => {
        https.get({ host: '127.0.0.1', port, servername, headers: { host }, rejectUnauthorized: false, agent: false }, (answer) => resolve(answer.resume().statusCode!)).on('error', reject);
      });
    expect(await status('a.test', 'a.test')).toBe(200);
    expect(await status('a.test', 'b.test')).toBe(421);
  });

  test('for a name of no listener is refused without a certificate', async () => {
    const port = await serve({ tls: true, routes: [{ ...route('echo'), hostname: 'a.test', section: 'a.test' }], sections: ['a.test'] });
    await expect(certificateOf(port, 'b.test')).rejects.toThrow();
    expect(await certificateOf(port, 'a.test')).toBe('secure.test');
  });
});

describe('a backend that speaks TLS', () => {
  const spoken = (service: string, change: Partial<BackendTls> = {}, more: Partial<Route> = {}) =>
    route(service, { ...more, backends: [{ weight: 1, filters: [], backend: { namespace: 'default', service, port: 80, tls: { hostname: 'secure.test', names: [], authorities: [pair.certificate], ...change } } }] });

  test('is asked by the name of its policy, and answers', async () => {
    const port = await serve({ routes: [spoken('tls')] });
    expect(await ask(port, { method: 'POST', headers: { host: 'x.test' } }, 'hello')).toMatchObject({ status: 200, text: 'POST for secure.test' });
  });

  test.each<[string, Partial<BackendTls>, number]>([
    ['an alternative name that it has', { hostname: 'other.test', names: [{ uri: 'spiffe://x' }, { hostname: 'secure.test' }] }, 200],
    ['another name than it has', { hostname: 'other.test' }, 502],
    ['alternative names that it has not, though its hostname is right', { names: [{ hostname: 'other.test' }, { uri: 'spiffe://x' }] }, 502],
    ['nobody who speaks for it', { authorities: [] }, 502],
    ['those only whom this computer trusts', { authorities: undefined }, 502],
  ])('is believed by %s, or not', async (_, change, status) => {
    const port = await serve({ routes: [spoken('tls', change)] });
    expect((await ask(port)).status).toBe(status);
  });

  test('takes gRPC', async () => {
    const port = await serve({ tls: true, certificates: [{ hostname: '', ...pair }], routes: [spoken('secretGrpc', {}, { grpc: true })] });
    const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
    const stream = session.request({ ':method': 'POST', ':path': '/a.B/C', 'content-type': 'application/grpc' });
    stream.end();
    expect(await text(stream)).toBe('over TLS');
    session.close();
  });
});
