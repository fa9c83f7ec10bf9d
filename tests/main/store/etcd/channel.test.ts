import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Channel, code, EtcdError } from '../../../../main/store/etcd/channel.ts';
import { frameHead, rangeRequest } from '../../../../main/store/etcd/messages.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { until } from '../../../contracts/store.ts';

const request = () => rangeRequest({ key: Buffer.from('/a') });

/** A message in its frame. */
function framed(text: string): Buffer {
  const frame = Buffer.alloc(frameHead + text.length);
  frame.writeUInt32BE(text.length, 1);
  frame.write(text, frameHead);
  return frame;
}

describe('a connection to etcd', () => {
  let servers: http2.Http2Server[];
  let clock: FakeClock;
  let channel: Channel;
  let answer: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void;

  beforeEach(() => {
    servers = [];
    clock = new FakeClock();
  });
  afterEach(async () => {
    channel.close();
    for (const server of servers) await new Promise((resolve) => server.close(resolve));
  });

  async function serve(handle = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => answer(stream, headers)): Promise<string> {
    const server = http2.createServer();
    server.on('stream', handle);
    server.on('session', (session) => session.on('error', () => {}));
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  const connect = (...urls: string[]) => (channel = new Channel({ servers: urls, clock, timeout: 1_000, keepAlive: 10_000 }));
  const respond = (stream: http2.ServerHttp2Stream, status: string, message?: string) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status, ...(message ? { 'grpc-message': message } : {}) }));
  };

  it('asks with one framed message and hears the answer, in however many pieces', async () => {
    let asked: Buffer | undefined;
    answer = (stream, headers) => {
      expect(headers).toMatchObject({ ':method': 'POST', ':path': '/etcdserverpb.KV/Range', 'content-type': 'application/grpc', te: 'trailers', hasleader: 'true' });
      stream.on('data', (chunk: Buffer) => (asked = chunk));
      respond(stream, '0');
      const frame = framed('the answer');
      stream.write(frame.subarray(0, 3));
      setImmediate(() => {
        stream.write(frame.subarray(3, 8));
        setImmediate(() => stream.end(frame.subarray(8)));
      });
    };
    connect(await serve());
    expect((await channel.call('/etcdserverpb.KV/Range', request())).toString()).toBe('the answer');
    expect(asked!.readUInt32BE(1)).toBe(asked!.length - frameHead);
  });

  it('hears several messages of one chunk, and none after it has been cancelled', async () => {
    answer = (stream) => {
      stream.on('error', () => {});
      respond(stream, '0');
      stream.write(Buffer.concat([framed('one'), framed('two'), framed('three')]));
    };
    connect(await serve());
    const heard: string[] = [];
    const stream = channel.stream('/etcdserverpb.Watch/Watch', request(), {
      onMessage(message) {
        heard.push(message.toString());
        if (heard.length === 3) stream.cancel();
      },
      onEnd: () => expect.unreachable(),
    });
    await until(() => heard.length === 3);
    expect(heard).toEqual(['one', 'two', 'three']);
  });

  it('tells what etcd refused, by trailers or at once', async () => {
    answer = (stream) => {
      respond(stream, '8', 'etcdserver: mvcc: database space exceeded');
      stream.end();
    };
    connect(await serve());
    await expect(channel.call('/x', request())).rejects.toMatchObject({ code: code.resourceExhausted, message: 'etcdserver: mvcc: database space exceeded' });
    answer = (stream) => stream.respond({ ':status': 200, 'grpc-status': '7', 'grpc-message': 'etcdserver: permission%20denied' }, { endStream: true });
    await expect(channel.call('/x', request())).rejects.toMatchObject({ code: code.permissionDenied, message: 'etcdserver: permission denied' });
  });

  it('knows a server that is no etcd', async () => {
    answer = (stream) => {
      stream.respond({ ':status': 404, 'content-type': 'text/html' });
      stream.end('<html>');
    };
    const url = await serve();
    connect(url);
    await expect(channel.call('/x', request())).rejects.toThrow(`${url} cannot be reached: it answers with HTTP status 404`);
  });

  it('goes to the next server when one is gone, and comes round again', async () => {
    const [first, second] = [await serve((stream) => stream.session!.destroy()), await serve()];
    answer = (stream) => {
      respond(stream, '0');
      stream.end(framed('second'));
    };
    connect(first, second);
    await expect(channel.call('/x', request())).rejects.toBeInstanceOf(EtcdError);
    await until(() => channel.server === second);
    expect((await channel.call('/x', request())).toString()).toBe('second');
    channel.drop();
    expect(channel.server).toBe(first);
  });

  it('waits a while for an answer, and gives the connection up with the call', async () => {
    let asked = 0;
    answer = () => void asked++;
    const url = await serve();
    connect(url);
    const ended: EtcdError[] = [];
    channel.stream('/watch', request(), { onMessage: () => expect.unreachable(), onEnd: (error) => void ended.push(error) });
    const call = channel.call('/x', request());
    call.catch(() => {});
    await until(() => asked === 2);
    await clock.advance(1_000);
    await expect(call).rejects.toMatchObject({ code: code.unavailable, message: `${url} did not answer in time` });
    await until(() => ended.length === 1);
    expect(ended[0]!.code).toBe(code.unavailable);
  });

  it('that is silent is asked for a sign of life', async () => {
    answer = (stream) => {
      stream.on('error', () => {});
      respond(stream, '0');
      stream.write(framed('begun'));
    };
    connect(await serve());
    let begun = false;
    const ended: EtcdError[] = [];
    channel.stream('/watch', request(), { onMessage: () => (begun = true), onEnd: (error) => void ended.push(error) });
    await until(() => begun);
    const timers = clock.pending;
    await clock.advance(10_000);
    // The pong has come, and the next question is set.
    await until(() => clock.pending === timers);
    expect(ended).toEqual([]);
  });
});
