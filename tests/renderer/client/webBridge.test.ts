import { beforeEach, describe, expect, it } from 'vitest';
import { SessionEndedError, WebBridge, type Browser } from '../../../renderer/client/webBridge.ts';

class FakeSocket {
  readyState: number = WebSocket.CONNECTING;
  binaryType = '';
  sent: unknown[] = [];
  onopen?: () => void;
  onclose?: () => void;
  onmessage?: (message: { data: unknown }) => void;
  send(frame: unknown) {
    this.sent.push(typeof frame === 'string' ? JSON.parse(frame) : frame);
  }
  open() {
    this.readyState = WebSocket.OPEN;
    this.onopen?.();
  }
  lose() {
    this.readyState = WebSocket.CLOSED;
    this.onclose?.();
  }
  receive(data: unknown) {
    this.onmessage?.({ data: data instanceof ArrayBuffer ? data : JSON.stringify(data) });
  }
}

let sockets: FakeSocket[];
let timers: { ms: number; fn: () => void }[];
let opened: string[];
let requests: { path: string; init: RequestInit | undefined }[];
let reply: () => Response;
let bridge: WebBridge;

beforeEach(() => {
  sockets = [];
  timers = [];
  opened = [];
  requests = [];
  reply = () => new Response('{}');
  const browser: Browser = {
    fetch: (path, init) => {
      requests.push({ path, init });
      return Promise.resolve().then(() => reply());
    },
    socket: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket as unknown as WebSocket;
    },
    setTimer: (ms, fn) => void timers.push({ ms, fn }),
    random: () => 1,
    open: (url) => void opened.push(url),
  };
  bridge = new WebBridge(browser);
});

describe('the bridge over HTTP and WebSocket', () => {
  it('sends requests as JSON with the header that a foreign page cannot send', async () => {
    reply = () => new Response(JSON.stringify({ status: 200, contentType: '', body: 'x', warnings: [] }));
    const answer = await bridge.request({ method: 'GET', path: '/api' });
    expect(answer.body).toBe('x');
    expect(requests[0]).toMatchObject({ path: '/bridge/request', init: { method: 'POST', headers: { 'X-Skiff': '1' } } });
  });

  it('asks again for what the browser broke off, where asking changes nothing', async () => {
    const broken = (times: number) => {
      reply = () => {
        if (times-- > 0) throw new TypeError('Failed to fetch');
        return new Response(JSON.stringify({ status: 200, contentType: '', body: 'x', warnings: [] }));
      };
    };
    const ask = async (method: 'GET' | 'POST') => {
      const answer = bridge.request({ method, path: '/api' }).then(({ body }) => body, (error: Error) => error.message);
      for (let i = 0; i < 3; i++) {
        await new Promise((resolve) => setTimeout(resolve));
        for (const { fn } of timers.splice(0)) fn();
      }
      return answer;
    };
    broken(2);
    expect(await ask('GET')).toBe('x');
    expect(requests).toHaveLength(3);
    broken(3);
    expect(await ask('GET')).toBe('Failed to fetch');
    broken(1);
    expect(await ask('POST')).toBe('Failed to fetch');
    expect(requests).toHaveLength(7);
  });

  it('tells an ended session from other failures', async () => {
    reply = () => new Response('token', { status: 401 });
    await expect(bridge.state()).rejects.toBeInstanceOf(SessionEndedError);
    reply = () => new Response('broken', { status: 500 });
    await expect(bridge.state()).rejects.toThrow('broken');
  });

  it('watches once the socket is open, and hears each line', () => {
    const lines: string[] = [];
    const ends: (string | undefined)[] = [];
    const watch = bridge.watch('/api/v1/pods?watch=1', (line) => lines.push(line), (error) => ends.push(error));
    expect(sockets[0]!.sent).toEqual([]);
    sockets[0]!.open();
    expect(sockets[0]!.sent).toEqual([{ id: 1, type: 'watch', path: '/api/v1/pods?watch=1' }]);
    bridge.watch('/api/v1/nodes?watch=1', () => undefined, () => undefined, 'application/json;as=PartialObjectMetadata').cancel();
    expect(sockets[0]!.sent[1]).toEqual({ id: 2, type: 'watch', path: '/api/v1/nodes?watch=1', accept: 'application/json;as=PartialObjectMetadata' });
    sockets[0]!.receive({ id: 1, type: 'event', line: '{"type":"ADDED"}' });
    expect(lines).toEqual(['{"type":"ADDED"}']);
    watch.cancel();
    expect(sockets[0]!.sent.at(-1)).toEqual({ id: 1, type: 'cancel' });
    sockets[0]!.receive({ id: 1, type: 'event', line: 'late' });
    expect(lines).toHaveLength(1);
    expect(ends).toEqual([]);
  });

  it('carries a stream’s bytes both ways under its number and channel', () => {
    sockets[0]!.open();
    const heard: [number, string][] = [];
    let isOpen = false;
    const stream = bridge.stream('/exec', { onOpen: () => (isOpen = true), onData: (channel, data) => heard.push([channel, new TextDecoder().decode(data)]), onClose: () => undefined });
    sockets[0]!.receive({ id: 1, type: 'open' });
    stream.send(0, new TextEncoder().encode('ls'));
    expect([...(sockets[0]!.sent.at(-1) as Uint8Array)]).toEqual([0, 0, 0, 1, 0, 108, 115]);
    sockets[0]!.receive(new Uint8Array([0, 0, 0, 1, 1, 104, 105]).buffer);
    stream.end(0);
    expect(isOpen).toBe(true);
    expect(heard).toEqual([[1, 'hi']]);
    expect(sockets[0]!.sent.at(-1)).toEqual({ id: 1, type: 'endChannel', channel: 0 });
  });

  it('ends what was open when the connection is lost, comes back with growing pauses, and tells of both', () => {
    const connected: boolean[] = [];
    bridge.onConnection((now) => connected.push(now));
    sockets[0]!.open();
    const ends: (string | undefined)[] = [];
    bridge.watch('/a', () => undefined, (error) => ends.push(error));
    sockets[0]!.lose();
    expect(ends).toEqual(['the connection was lost']);
    expect(connected).toEqual([true, false]);
    timers[0]!.fn();
    sockets[1]!.lose();
    expect(timers.map(({ ms }) => ms)).toEqual([250, 500]);

    bridge.watch('/b', () => undefined, () => undefined);
    timers[1]!.fn();
    sockets[2]!.open();
    expect(sockets[2]!.sent).toEqual([{ id: 2, type: 'watch', path: '/b' }]);
    expect(connected).toEqual([true, false, true]);
  });

  it('hands on what the shell says', () => {
    const events: unknown[] = [];
    bridge.onEvent((event) => events.push(event));
    sockets[0]!.receive({ type: 'shell', event: { type: 'navigate', path: '/api/v1/namespaces/default/pods/web' } });
    expect(events).toEqual([{ type: 'navigate', path: '/api/v1/namespaces/default/pods/web' }]);
  });

  it('opens https links, and http links to this computer, and no others', async () => {
    await bridge.openExternal('https://docs.docker.com/');
    await bridge.openExternal('http://web.localhost:8080/');
    for (const url of ['javascript:alert(1)', 'http://evil.example/', 'http://localhost.evil.example/', 'https://user:password@evil.example/']) await expect(bridge.openExternal(url)).rejects.toThrow();
    expect(opened).toEqual(['https://docs.docker.com/', 'http://web.localhost:8080/']);
  });
});
