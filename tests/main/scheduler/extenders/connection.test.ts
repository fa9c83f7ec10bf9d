import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ExtenderConfiguration } from '../../../../main/scheduler/extenders/configuration.ts';
import { connectByHttp, type ExtenderConnection } from '../../../../main/scheduler/extenders/connection.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { keyPair } from '../../../support/keyPair.ts';

let clock: FakeClock;
let server: http.Server | undefined;
let connection: ExtenderConnection | undefined;
let connections: number;

beforeEach(() => {
  clock = new FakeClock();
  connections = 0;
});
afterEach(() => {
  connection?.close();
  server?.closeAllConnections();
  server?.close();
  server = connection = undefined;
});

type Serve = (request: IncomingMessage, body: string, response: ServerResponse) => void;

async function serve(answer: Serve, made: http.Server = http.createServer()): Promise<number> {
  server = made;
  server.on('request', (request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => (body += part.toString()));
    request.on('end', () => answer(request, body, response));
  });
  server.on('connection', () => connections++);
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function connect(urlPrefix: string, tls: ExtenderConfiguration['tls'] = {}): ExtenderConnection {
  const rest = { filterVerb: 'filter', preemptVerb: '', prioritizeVerb: '', bindVerb: '', weight: 1, nodeCacheCapable: false, managedResources: [], ignorable: false };
  return (connection = connectByHttp({ urlPrefix, httpTimeout: 5000, tls, ...rest }, clock));
}

const ask = (to: ExtenderConnection, { verb = 'filter', signal = new AbortController().signal, again = true, question = { Pod: {} } as object } = {}) => to.post(verb, question, { signal, again });
const say = (response: ServerResponse, value: unknown, code = 200) => void response.writeHead(code).end(typeof value === 'string' ? value : JSON.stringify(value));

it('an extender is asked by POST at its prefix and the verb, over connections that are kept', async () => {
  const seen: unknown[] = [];
  const port = await serve((request, body, response) => {
    seen.push([request.method, request.url, request.headers['content-type'], body]);
    say(response, { NodeNames: ['a'] });
  });
  const to = connect(`http://127.0.0.1:${port}/scheduler//`);
  expect(await ask(to)).toEqual({ NodeNames: ['a'] });
  expect(await ask(to, { verb: 'prioritize' })).toEqual({ NodeNames: ['a'] });
  expect(seen).toEqual([
    ['POST', '/scheduler/filter', 'application/json', '{"Pod":{}}'],
    ['POST', '/scheduler/prioritize', 'application/json', '{"Pod":{}}'],
  ]);
  expect([connections, clock.pending]).toEqual([1, 0]);
});

it('any answer but 200 is none', async () => {
  const port = await serve((_, __, response) => say(response, { NodeNames: [] }, 503));
  await expect(ask(connect(`http://127.0.0.1:${port}`))).rejects.toThrow(`failed filter with extender at URL http://127.0.0.1:${port}/filter, code 503`);
});

it('what is no JSON is none', async () => {
  let text = '';
  const port = await serve((_, __, response) => say(response, text));
  const to = connect(`http://127.0.0.1:${port}`);
  await expect(ask(to)).rejects.toThrow('EOF');
  text = '<html>';
  await expect(ask(to)).rejects.toThrow("invalid character '<' looking for beginning of value");
});

it('one that is not there is told of as Go tells of it', async () => {
  const free = net.createServer();
  const port = await new Promise<number>((resolve) => free.listen(0, '127.0.0.1', () => resolve((free.address() as AddressInfo).port)));
  await new Promise((resolve) => free.close(resolve));
  await expect(ask(connect(`http://127.0.0.1:${port}`))).rejects.toThrow(`Post "http://127.0.0.1:${port}/filter": dial tcp 127.0.0.1:${port}: connect: connection refused`);
});

it('one that takes longer than it may is not waited for, whether it has begun to answer or not', async () => {
  let begins = false;
  const port = await serve((_, __, response) => {
    const late = () => void clock.advance(5000);
    if (begins) response.writeHead(200).write('{', late);
    else late();
  });
  const to = connect(`http://127.0.0.1:${port}`);
  await expect(ask(to)).rejects.toThrow(`Post "http://127.0.0.1:${port}/filter": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`);
  begins = true;
  await expect(ask(to)).rejects.toThrow(/^context deadline exceeded \(Client.Timeout or context cancellation while reading body\)$/);
});

it('a question that is given up ends at once, with its connection', async () => {
  const cancel = new AbortController();
  let closed!: () => void;
  const gone = new Promise<void>((resolve) => (closed = resolve));
  const port = await serve((request) => {
    request.socket.once('close', closed);
    cancel.abort(new Error('the pod has gone'));
  });
  const to = connect(`http://127.0.0.1:${port}`);
  await expect(ask(to, { signal: cancel.signal })).rejects.toThrow(/^the pod has gone$/);
  await gone;
  expect(clock.pending).toBe(0);
  await expect(ask(to, { signal: cancel.signal })).rejects.toThrow(/^the pod has gone$/);
});

it('an answer beyond all measure is not read to its end', async () => {
  let written = 0;
  const port = await serve((_, __, response) => {
    response.writeHead(200);
    const part = '"'.padEnd(1024 * 1024);
    const more = () => {
      if (response.destroyed) return;
      written += part.length;
      if (response.write(part)) setImmediate(more);
      else response.once('drain', more);
    };
    more();
  });
  await expect(ask(connect(`http://127.0.0.1:${port}`))).rejects.toThrow('the answer has more than 16777236 bytes');
  expect(written).toBeLessThan(40 * 1024 * 1024);
});

it('a kept connection that has ended just now makes no failure, unless the question must not be put twice', async () => {
  let times = 0;
  const port = await serve((request, _, response) => {
    if (++times % 2 === 0) request.socket.destroy();
    else say(response, {});
  });
  const to = connect(`http://127.0.0.1:${port}`);
  await ask(to);
  expect(await ask(to)).toEqual({});
  expect(times).toBe(3);
  await expect(ask(to, { again: false })).rejects.toThrow(`Post "http://127.0.0.1:${port}/filter": EOF`);
  expect(times).toBe(4);
});

it('who has the certificate that is asked for is asked over TLS, and shown our own', async () => {
  const { certificate, key } = keyPair('extender');
  const own = keyPair('scheduler');
  const secure = https.createServer({ cert: certificate, key, requestCert: true, ca: own.certificate });
  const port = await serve((request, _, response) => say(response, { Error: (request.socket as unknown as { authorized: boolean }).authorized ? 'known' : 'unknown' }), secure);
  const url = `https://127.0.0.1:${port}`;
  expect(await ask(connect(url, { ca: certificate, servername: 'extender', cert: own.certificate, key: own.key }))).toEqual({ Error: 'known' });
  await expect(ask(connect(url, { servername: 'extender' }))).rejects.toThrow(`Post "${url}/filter": tls: failed to verify certificate: x509: certificate signed by unknown authority`);
  await expect(ask(connect(url, { ca: certificate, servername: 'other' }))).rejects.toThrow('x509: certificate is valid for extender, not other');
});
