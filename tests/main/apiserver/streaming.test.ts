import { once } from 'node:events';
import { PassThrough, Transform, type Duplex } from 'node:stream';
import https from 'node:https';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { ContainerIO, KubeletApi } from '../../../main/api/kubelet.ts';
import type { KubeObject } from '../../../main/api/meta.ts';
import { badRequest, failure, internalError, type StatusError } from '../../../main/api/status.ts';
import type { Strategy } from '../../../main/apiserver/index.ts';
import { gadgets, start, type Harness } from './support/harness.ts';

const pods: Strategy<KubeObject> = {
  ...gadgets,
  definition: { ...gadgets.definition, kind: 'Pod', resource: 'pods', singular: 'pod', listKind: 'PodList', namespaced: true },
};

/** Commands: `echo` gives stdin back and exits 0, `fail` writes to both outputs and exits 42, `size` tells the terminal's, `flood` ends faster than its output is read. */
async function run([name]: string[], io: ContainerIO): Promise<{ exitCode: number }> {
  if (name === 'fail') {
    io.stdout?.write('out\n');
    io.stderr?.write('err\n');
    return { exitCode: 42 };
  }
  if (name === 'size') {
    const size = await new Promise<{ width: number; height: number }>((resolve) => io.onResize!(resolve));
    io.stdout!.write(`${size.width}x${size.height}`);
    return { exitCode: 0 };
  }
  if (name === 'flood') {
    // In many pieces, more than any buffer on the way takes, by a command that does not wait until they are gone.
    for (let i = 0; i < 200; i++) io.stdout!.write(Buffer.alloc(10_000, 0x61));
    return { exitCode: 0 };
  }
  if (name === 'broken') throw internalError('no such container');
  for await (const part of io.stdin!) io.stdout!.write(part as Buffer);
  return { exitCode: 0 };
}

const nodes: Strategy<KubeObject> = {
  ...gadgets,
  definition: { ...gadgets.definition, kind: 'Node', resource: 'nodes', singular: 'node', listKind: 'NodeList' },
};

const kubelet: KubeletApi = {
  async containerLogs(_target, options, out, signal) {
    if (options.previous) throw badRequest('previous terminated container "main" in pod "web" not found');
    out.write('one\n');
    if (!options.follow) return;
    if (!signal.aborted) await once(signal, 'abort');
    aborted.resolve();
  },
  async findContainer({ container }) {
    if (container === 'b') throw failure(500, 'InternalError', 'container not found ("b")');
  },
  exec: (_target, command, io) => run(command, io),
  attach: async (_target, io) => void (await run(['fail'], io)),
  portForward: (_target, port) => (port === 9 ? Promise.reject(new Error('connection refused')) : Promise.resolve(untilBye())),
  http: (url, query) => Promise.resolve({ status: 200, contentType: 'text/plain', body: `${url}?${query}` }),
  usage: () => Promise.reject(new Error('not asked for here')),
};
/** Gives back what it hears, and ends after a bye. */
function untilBye(): Duplex {
  return new Transform({
    transform(bytes: Buffer, _encoding, done) {
      this.push(bytes);
      if (bytes.toString().endsWith('bye')) this.push(null);
      done();
    },
  });
}

const aborted = withResolvers();

function withResolvers() {
  let resolve!: () => void;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}

let harness: Harness;
beforeAll(async () => {
  harness = await start({ strategies: [pods, nodes], kubelets: (node) => (node === 'n1' ? kubelet : undefined) });
  const create = (name: string, spec: object) =>
    harness.local.request({ method: 'POST', path: '/api/v1/namespaces/default/pods', body: { metadata: { name }, spec } });
  await harness.local.request({ method: 'POST', path: '/api/v1/nodes', body: { metadata: { name: 'n1' } } });
  await create('web', { nodeName: 'n1', containers: [{ name: 'main', image: 'x' }] });
  await create('two', { nodeName: 'n1', containers: [{ name: 'a', image: 'x' }, { name: 'b', image: 'x' }] });
  await create('waiting', { containers: [{ name: 'main', image: 'x' }] });
  await create('lost', { nodeName: 'n2', containers: [{ name: 'main', image: 'x' }] });
});
afterAll(() => harness.close());

const path = (rest: string, pod = 'web') => `/api/v1/namespaces/default/pods/${pod}/${rest}`;
const failureOf = (request: Promise<unknown>) => request.then(() => undefined, (error: StatusError) => error.status);

function webSocket(rest: string, protocol?: string, pod?: string): WebSocket {
  return new WebSocket(`wss://127.0.0.1:${harness.port}${path(rest, pod)}`, protocol ? [protocol] : [], {
    ca: harness.ca,
    cert: harness.admin.certificate,
    key: harness.admin.key,
  });
}

/** What came on each channel until the server closed. */
async function channelsOf(socket: WebSocket): Promise<Record<number, string>> {
  const channels: Record<number, string> = {};
  socket.on('message', (data: Buffer) => {
    const base64 = socket.protocol.includes('base64');
    const channel = base64 ? data[0]! - 48 : data[0]!;
    const text = base64 ? Buffer.from(data.toString('utf8', 1), 'base64').toString() : data.toString('utf8', 1);
    channels[channel] = (channels[channel] ?? '') + text;
  });
  await once(socket, 'close');
  return channels;
}

describe('logs', () => {
  it('come as text', async () => {
    expect((await harness.local.request({ method: 'GET', path: path('log') })).body).toBe('one\n');
  });

  it('that cannot be had are an error and not an empty text', async () => {
    expect(await failureOf(harness.remote.request({ method: 'GET', path: path('log'), query: { previous: true } }))).toMatchObject({
      code: 400,
      message: 'previous terminated container "main" in pod "web" not found',
    });
    expect(await failureOf(harness.local.request({ method: 'GET', path: path('log', 'two') }))).toMatchObject({
      message: 'a container name must be specified for pod two, choose one of: [a b]',
    });
    expect(await failureOf(harness.local.request({ method: 'GET', path: path('log'), query: { tailLines: -1 } }))).toMatchObject({ code: 422 });
  });

  it.each([
    ['binary.k8s.io', 'one\n'],
    ['base64.binary.k8s.io', Buffer.from('one\n').toString('base64')],
  ])('come by WebSocket as %s', async (protocol, text) => {
    const socket = webSocket('log?container=main', protocol);
    const messages: string[] = [];
    socket.on('message', (data: Buffer) => messages.push(data.toString()));
    await once(socket, 'close');
    expect(messages.join('')).toBe(text);
  });

  it('are followed until the client goes', async () => {
    const request = https.get({
      host: '127.0.0.1',
      port: harness.port,
      path: `${path('log')}?follow=true`,
      ca: harness.ca,
      cert: harness.admin.certificate,
      key: harness.admin.key,
      agent: false,
    });
    const [response] = (await once(request, 'response')) as [NodeJS.ReadableStream];
    await once(response, 'data');
    request.destroy();
    await aborted.promise;
  });
});

it('a kubelet answers for its node', async () => {
  const { body } = await harness.local.request({ method: 'GET', path: '/api/v1/nodes/n1/proxy/stats/summary', query: { only: 'cpu' } });
  expect(body).toBe('/stats/summary?only=cpu');
});

describe('a command by WebSocket', () => {
  it('gives back its output and its exit code', async () => {
    const channels = await channelsOf(webSocket('exec?command=fail&stdout=1&stderr=1', 'v4.channel.k8s.io'));
    expect(channels[1]).toBe('out\n');
    expect(channels[2]).toBe('err\n');
    expect(JSON.parse(channels[3]!)).toMatchObject({
      status: 'Failure',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '42' }] },
    });
  });

  it.each(['v5.channel.k8s.io', 'v4.base64.channel.k8s.io'])('of %s gives back all of an output that is read slower than it is written', async (protocol) => {
    const channels = await channelsOf(webSocket('exec?command=flood&stdout=true', protocol));
    expect(channels[1]).toHaveLength(2_000_000);
    expect(JSON.parse(channels[3]!)).toMatchObject({ status: 'Success' });
  });

  it('that was attached to ends well, whatever its container ended with', async () => {
    const channels = await channelsOf(webSocket('attach?stdout=true&stderr=true', 'v4.channel.k8s.io'));
    expect(channels).toEqual({ 1: 'out\n', 2: 'err\n', 3: JSON.stringify({ metadata: {}, status: 'Success' }) });
  });

  it('of v5 hears that stdin has ended', async () => {
    const socket = webSocket('exec?command=echo&stdin=1&stdout=1', 'v5.channel.k8s.io');
    const channels = channelsOf(socket);
    await once(socket, 'open');
    socket.send(Buffer.from([0, ...Buffer.from('hello')]));
    socket.send(Buffer.from([255, 0]));
    expect((await channels)[1]).toBe('hello');
    expect(JSON.parse((await channels)[3]!)).toMatchObject({ status: 'Success' });
  });

  it('hears of the size of its terminal, in base64 as well', async () => {
    const socket = webSocket('exec?command=size&stdout=1&tty=1', 'v4.base64.channel.k8s.io');
    await once(socket, 'open');
    const channels = channelsOf(socket);
    socket.send(`4${Buffer.from('{"Width":100,"Height":50}').toString('base64')}`);
    expect((await channels)[1]).toBe('100x50');
  });

  it('of the first protocol is told of failures in words', async () => {
    const channels = await channelsOf(webSocket('exec?command=broken&stdout=1'));
    expect(channels[3]).toBe('Internal error occurred: error executing command in container: no such container');
  });

  it('is refused before the upgrade when it cannot run', async () => {
    const refused = async (url: string, protocol?: string, pod?: string) => {
      const [, response] = (await once(webSocket(url, protocol, pod), 'unexpected-response')) as [unknown, { statusCode: number }];
      return response.statusCode;
    };
    expect(await refused('exec?stdout=1', 'v4.channel.k8s.io')).toBe(400);
    expect(await refused('exec?command=x&stdout=1', 'other.protocol')).toBe(400);
    expect(await refused('exec?command=x&stdout=1&container=none', 'v4.channel.k8s.io')).toBe(400);
    expect(await refused('exec?command=x&stdout=1&container=b', 'v4.channel.k8s.io', 'two')).toBe(500);
  });
});

describe('ports by plain WebSocket', () => {
  const portBytes = (port: number) => Buffer.from([port % 256, port >> 8]).toString();

  it.each(['v4.channel.k8s.io', 'v4.base64.channel.k8s.io', undefined])('of protocol %s have a channel for data and one for errors each', async (protocol) => {
    const socket = webSocket('portforward?ports=80&ports=81', protocol);
    const channels = channelsOf(socket);
    await once(socket, 'open');
    const say = (channel: number, words: string) =>
      socket.send(socket.protocol.includes('base64') ? `${channel}${Buffer.from(words).toString('base64')}` : Buffer.concat([Buffer.of(channel), Buffer.from(words)]));
    say(0, 'to the first');
    say(2, 'to the second');
    say(1, 'no channel of theirs');
    say(0, 'bye');
    say(2, 'bye');
    expect(await channels).toEqual({
      0: `${portBytes(80)}to the firstbye`,
      1: portBytes(80),
      2: `${portBytes(81)}to the secondbye`,
      3: portBytes(81),
    });
  });

  it('tell what went wrong', async () => {
    const channels = await channelsOf(webSocket('portforward?ports=9', 'v4.channel.k8s.io'));
    expect(channels[1]).toMatch(/^\t\0error forwarding port 9 to pod web, uid .+: connection refused$/);
    expect(channels[0]).toBe('\t\0');
  });

  it.each([
    ['portforward', 'query parameter "port" is required'],
    ['portforward?ports=none', 'unable to parse "none" as a port'],
  ])('are refused before the upgrade: %s', async (query, message) => {
    const [, response] = (await once(webSocket(query, 'v4.channel.k8s.io').on('error', () => {}), 'unexpected-response')) as [unknown, NodeJS.ReadableStream & { statusCode: number }];
    expect(response.statusCode).toBe(400);
    let body = '';
    for await (const part of response) body += String(part);
    expect(JSON.parse(body)).toMatchObject({ message });
  });
});

describe('streams of this process', () => {
  const server = () => harness.server.transport({ name: 'window', groups: ['system:masters'] }, 'skiff');

  it('run a command', async () => {
    const stdout = new PassThrough();
    const stdin = new PassThrough();
    stdin.end('typed');
    const { exitCode } = await server().command(path('exec'), { command: ['echo'], stdin: true, stdout: true }, { stdin, stdout, signal: new AbortController().signal });
    expect(exitCode).toBe(0);
    expect(String(stdout.read())).toBe('typed');
  });

  it('reach a port', async () => {
    const connection: Duplex = await server().connect(path('portforward'), 80, new AbortController().signal);
    connection.write('ping');
    expect(String((await once(connection, 'data'))[0])).toBe('ping');
  });

  it('say what is missing', async () => {
    const signal = new AbortController().signal;
    expect(await failureOf(server().connect(path('portforward', 'waiting'), 80, signal))).toMatchObject({
      code: 400,
      message: 'pod waiting does not have a host assigned',
    });
    expect(await failureOf(server().connect(path('portforward', 'lost'), 80, signal))).toMatchObject({ code: 500 });
    expect(await failureOf(server().connect(path('portforward', 'none'), 80, signal))).toMatchObject({ code: 404 });
  });

  it('are refused to those who may not', async () => {
    const stranger = harness.server.transport({ name: 'jane', groups: [] }, 'skiff');
    expect(await failureOf(stranger.connect(path('portforward'), 80, new AbortController().signal))).toMatchObject({ code: 403 });
  });
});

describe('what goes on', () => {
  const told = async (name: string) => {
    const { body } = await harness.local.request<string>({ method: 'GET', path: '/metrics' });
    return body.split('\n').filter((line) => line.startsWith(`apiserver_${name}{`) && !line.endsWith(' 0')).map((line) => line.slice(`apiserver_${name}`.length));
  };
  const nothing = () => vi.waitFor(async () => expect(await told('longrunning_requests')).toEqual([]));

  it('is counted until it ends, and not among the requests that run', async () => {
    await nothing();
    const get = (path: string) =>
      https.get({ host: '127.0.0.1', port: harness.port, path, ca: harness.ca, cert: harness.admin.certificate, key: harness.admin.key, agent: false }).on('error', () => {});
    const reads = ['/api/v1/pods?watch=true', '/api/v1/namespaces/default/pods?watch=true', `${path('log')}?follow=true`].map(get);
    const sockets = [webSocket('exec?command=echo&stdin=1&stdout=1', 'v5.channel.k8s.io'), webSocket('portforward?ports=80', 'v4.channel.k8s.io')];
    await Promise.all([...reads.map((request) => once(request, 'response')), ...sockets.map((socket) => once(socket, 'open'))]);
    const podsBy = (verb: string, subresource: string, scope: string) => `{verb="${verb}",group="",version="v1",resource="pods",subresource="${subresource}",scope="${scope}",component="apiserver"} 1`;
    expect((await told('longrunning_requests')).sort()).toEqual([
      podsBy('CONNECT', 'exec', 'resource'),
      podsBy('CONNECT', 'log', 'resource'),
      podsBy('CONNECT', 'portforward', 'resource'),
      podsBy('WATCH', '', 'cluster'),
      podsBy('WATCH', '', 'namespace'),
    ]);
    expect(await told('current_inflight_requests')).toEqual([]);
    for (const request of reads) request.destroy();
    for (const socket of sockets) socket.terminate();
    await nothing();
  });

  it('is not what was refused, nor what this process asks for itself', async () => {
    await nothing();
    const connection: Duplex = await harness.server.transport({ name: 'window', groups: ['system:masters'] }, 'skiff').connect(path('portforward'), 80, new AbortController().signal);
    await once(webSocket('exec?stdout=1', 'v4.channel.k8s.io'), 'unexpected-response');
    expect(await told('longrunning_requests')).toEqual([]);
    connection.destroy();
  });

  it('is called what it is when it has ended', async () => {
    await harness.remote.request({ method: 'GET', path: path('log') });
    await vi.waitFor(async () => expect(await told('request_total')).toContainEqual(expect.stringMatching(/^\{verb="CONNECT",.*,resource="pods",subresource="log",scope="resource",.*code="200"/)));
  });
});
