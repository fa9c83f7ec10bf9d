import http from 'node:http';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { httpGet, probe } from '../../../main/node/agent/probes.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function listen(server: net.Server | http2.Http2Server): Promise<number> {
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

const serve = (handler: http.RequestListener) => listen(http.createServer(handler));

/** A port at which nothing listens. */
async function deadPort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const get = (port: number, path = '/', timeoutMs = 2000, headers: { name: string; value: string }[] = []) =>
  ({ kind: 'http', scheme: 'http', host: '127.0.0.1', port, path, headers, timeoutMs }) as const;

describe('an HTTP probe', () => {
  test.each([
    [200, { result: 'success', output: 'body' }],
    [204, { result: 'success', output: '' }],
    [404, { result: 'failure', output: 'HTTP probe failed with statuscode: 404' }],
    [500, { result: 'failure', output: 'HTTP probe failed with statuscode: 500' }],
  ])('of a server that answers %i', async (status, expected) => {
    const port = await serve((_, response) => response.writeHead(status).end('body'));
    expect(await probe(get(port))).toEqual(expected);
  });

  test('says who asks, and what the container wants to be sent', async () => {
    let seen: http.IncomingHttpHeaders = {};
    const port = await serve((request, response) => {
      seen = request.headers;
      response.end();
    });
    await probe(
      get(port, '/x', 2000, [
        { name: 'Host', value: 'example.com' },
        { name: 'X-Twice', value: 'a' },
        { name: 'x-twice', value: 'b' },
      ]),
    );
    expect(seen).toMatchObject({
      host: 'example.com',
      'x-twice': 'a, b',
      'user-agent': 'kube-probe/1.36',
      accept: '*/*',
    });
  });

  test('of a port at which nothing listens', async () => {
    const port = await deadPort();
    expect(await probe(get(port, '/ready'))).toEqual({
      result: 'failure',
      output: `Get "http://127.0.0.1:${port}/ready": dial tcp 127.0.0.1:${port}: connect: connection refused`,
    });
  });

  test('of a server that keeps silent', async () => {
    const port = await serve(() => {});
    expect(await probe(get(port, '/', 50))).toEqual({
      result: 'failure',
      output: `Get "http://127.0.0.1:${port}/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
    });
  });

  test('follows redirects within the host and warns about others', async () => {
    const port = await serve((request, response) => {
      if (request.url === '/here') response.writeHead(302, { location: '/there' }).end();
      else if (request.url === '/away') response.writeHead(302, { location: 'http://192.0.2.1/' }).end('moved');
      else response.end('arrived');
    });
    expect(await probe(get(port, '/here'))).toEqual({ result: 'success', output: 'arrived' });
    expect(await probe(get(port, '/away'))).toEqual({
      result: 'warning',
      output: 'Probe terminated redirects, Response body: moved',
    });
  });

  test('gives up a server that redirects for ever', async () => {
    const port = await serve((_, response) => response.writeHead(302, { location: '/again' }).end());
    expect((await probe(get(port))).output).toBe('Get "/again": stopped after 10 redirects');
  });

  test('keeps at most 10 kB of an answer', async () => {
    const port = await serve((_, response) => response.end('x'.repeat(50_000)));
    expect((await probe(get(port))).output).toHaveLength(10_240);
  });
});

test('a hook is content with any answer, and not without one', async () => {
  const port = await serve((_, response) => response.writeHead(500).end());
  await httpGet(get(port));
  await expect(httpGet(get(await deadPort()))).rejects.toThrow('connection refused');
});

describe('a TCP probe', () => {
  test('succeeds where something listens', async () => {
    const port = await listen(net.createServer((socket) => socket.on('error', () => {})));
    expect(await probe({ kind: 'tcp', host: '127.0.0.1', port, timeoutMs: 1000 })).toEqual({
      result: 'success',
      output: '',
    });
  });

  test('fails where nothing does', async () => {
    const port = await deadPort();
    expect(await probe({ kind: 'tcp', host: '127.0.0.1', port, timeoutMs: 1000 })).toEqual({
      result: 'failure',
      output: `dial tcp 127.0.0.1:${port}: connect: connection refused`,
    });
  });
});

describe('a gRPC probe', () => {
  const message = (status: number) => Buffer.from([0, 0, 0, 0, 2, 0x08, status]);
  const grpc = (answer: (stream: http2.ServerHttp2Stream, request: Buffer) => void) => {
    const server = http2.createServer();
    server.on('stream', (stream) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => answer(stream, Buffer.concat(chunks)));
      stream.on('error', () => {});
    });
    return listen(server);
  };
  const reply = (stream: http2.ServerHttp2Stream, status: number) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(message(status));
  };
  const ask = (port: number, service = '', timeoutMs = 2000) =>
    probe({ kind: 'grpc', host: '127.0.0.1', port, service, timeoutMs });

  test('of a server that serves, asked for the service by name', async () => {
    let asked: Buffer = Buffer.alloc(0);
    const port = await grpc((stream, request) => {
      asked = request;
      reply(stream, 1);
    });
    expect(await ask(port, 'liveness')).toEqual({ result: 'success', output: 'service healthy' });
    expect(asked).toEqual(Buffer.concat([Buffer.from([0, 0, 0, 0, 10, 0x0a, 8]), Buffer.from('liveness')]));
  });

  test('of a server that does not serve', async () => {
    const port = await grpc((stream) => reply(stream, 2));
    expect(await ask(port)).toEqual({ result: 'failure', output: 'service unhealthy (responded with "NOT_SERVING")' });
  });

  test('of a server without health checks', async () => {
    const port = await grpc((stream) =>
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12', 'grpc-message': 'unknown service' },
        { endStream: true },
      ),
    );
    expect((await ask(port)).output).toBe(
      'error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unknown service',
    );
  });

  test('of a server that keeps silent, and of none', async () => {
    const port = await grpc(() => {});
    expect((await ask(port, '', 200)).output).toBe('timeout: health rpc did not complete within 200ms');
    const dead = await deadPort();
    expect((await ask(dead, '', 1000)).output).toBe(
      `timeout: failed to connect service "127.0.0.1:${dead}" within 1s: context deadline exceeded`,
    );
  });
});
