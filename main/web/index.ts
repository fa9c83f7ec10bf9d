/**
 * The web shell: the window served on loopback to a browser. Whoever holds the one-time link gets a session cookie;
 * nobody else gets in: Host and Origin are checked on every request (a web page cannot reach us by DNS rebinding).
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { BridgeRequest, ForwardRequest, PortForward, ShellEvent, ShellState } from '../../preload/contract.ts';
import { BridgeSession, contentSecurityPolicy, forwardRequest, pageFile, portNumber, type EndpointClient, type Settings } from '../bridge/index.ts';
import type { Logger } from '../util/log.ts';
import type { Random } from '../util/random.ts';
import type { WebMemory } from './memory.ts';

export { WebMemory } from './memory.ts';

export interface WebShellOptions {
  /** Where the built window lies. */
  page: string;
  /** Where it was before, and whom it let in. */
  memory: WebMemory;
  state(): ShellState;
  onState(listener: (state: ShellState) => void): () => void;
  client(): EndpointClient | undefined;
  mergeKubeconfig(action: 'add' | 'remove'): Promise<{ path: string }>;
  /** Undefined while the cluster is not running. */
  forwards(): Forwards | undefined;
  /** A link was used up, so that the next browser needs another. */
  onLinkUsed?(): void;
  settings: Settings;
  random: Random;
  log: Logger;
}

/** Ports of this computer that lead into pods, as windows open and close them. */
export interface Forwards {
  start(request: ForwardRequest): Promise<PortForward>;
  stop(id: number): void;
  freePort(near: number): Promise<number>;
}

export interface WebShell {
  readonly port: number;
  /** A link that lets one browser in, once. */
  link(): string;
  /** Sends an event to every window. */
  broadcast(event: ShellEvent): void;
  close(): Promise<void>;
}

/** A manifest of 3 MiB in JSON in JSON, with room to spare. */
const maxBody = 16 * 2 ** 20;
const maxLinks = 64;
const maxSessions = 256;

class HttpError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const digest = (text: string) => createHash('sha256').update(text).digest();
const secret = (random: Random) => `${random.uuid()}${random.uuid()}`.replaceAll('-', '');

/** Secrets kept by their hash, compared in constant time, the oldest forgotten first. */
class Secrets {
  #known: Buffer[];
  constructor(
    private readonly limit: number,
    hashes: readonly string[] = [],
  ) {
    this.#known = hashes.slice(-limit).map((hash) => Buffer.from(hash, 'hex'));
  }
  get hashes(): string[] {
    return this.#known.map((known) => known.toString('hex'));
  }
  add(text: string): void {
    this.#known.push(digest(text));
    if (this.#known.length > this.limit) this.#known.shift();
  }
  has(text: string): boolean {
    const asked = digest(text);
    return this.#known.some((known) => timingSafeEqual(known, asked));
  }
  take(text: string): boolean {
    const found = this.has(text);
    const asked = digest(text);
    if (found) this.#known = this.#known.filter((known) => !timingSafeEqual(known, asked));
    return found;
  }
}

/** Starts to listen on 127.0.0.1, at the port of last time where that is free. */
export async function startWebShell(options: WebShellOptions): Promise<WebShell> {
  const before = await options.memory.load();
  const links = new Secrets(maxLinks);
  const sessions = new Secrets(maxSessions, before.sessions);
  const windows = new Set<WebSocket>();
  const sockets = new WebSocketServer({ noServer: true, maxPayload: maxBody });
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      const status = error instanceof HttpError ? error.status : 502;
      const message = error instanceof Error ? error.message : String(error);
      if (!response.headersSent) response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...guards() });
      response.end(message);
    });
  });
  const port = await listen(server, before.port ?? 0).catch(() => listen(server, 0));
  const hosts = new Set([`127.0.0.1:${port}`, `localhost:${port}`]);
  const cookieName = `skiff-${port}`;

  function guards(): Record<string, string> {
    return {
      'content-security-policy': contentSecurityPolicy([`ws://127.0.0.1:${port}`, `ws://localhost:${port}`]),
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'permissions-policy': 'camera=(), microphone=(), geolocation=()',
    };
  }

  function checkHost(request: IncomingMessage): void {
    if (!hosts.has(request.headers.host ?? '')) throw new HttpError(421, 'This server answers to 127.0.0.1 and localhost only.');
    const origin = request.headers.origin;
    if (origin !== undefined && !hosts.has(origin.replace(/^http:\/\//, ''))) throw new HttpError(403, 'This origin may not speak to Skiff.');
    const site = request.headers['sec-fetch-site'];
    if (request.method !== 'GET' && site !== undefined && site !== 'same-origin') throw new HttpError(403, 'This site may not speak to Skiff.');
  }

  function hasSession(request: IncomingMessage): boolean {
    for (const pair of (request.headers.cookie ?? '').split(';')) {
      const [name, value] = pair.trim().split('=', 2);
      if (name === cookieName && value && sessions.has(value)) return true;
    }
    return false;
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    checkHost(request);
    const url = new URL(request.url ?? '/', `http://127.0.0.1:${port}`);
    const token = url.searchParams.get('token');
    if (request.method === 'GET' && url.pathname === '/' && token) {
      if (links.take(token)) {
        const session = secret(options.random);
        sessions.add(session);
        await options.memory.save({ port, sessions: sessions.hashes }).catch((error: unknown) => options.log.warn('the sessions of browsers cannot be kept', { error: String(error) }));
        options.log.info('a browser was let in by its one-time link');
        options.onLinkUsed?.();
        response.writeHead(303, { location: '/', 'set-cookie': `${cookieName}=${session}; HttpOnly; SameSite=Strict; Path=/`, ...guards() });
        return void response.end();
      }
      // A reload of a used link: whoever was let in by it stays in.
      if (hasSession(request)) {
        response.writeHead(303, { location: '/', ...guards() });
        return void response.end();
      }
    }
    if (!hasSession(request)) throw new HttpError(401, 'Each link lets one browser in. Open the last one that Skiff printed where it was started.');
    if (url.pathname.startsWith('/bridge/')) return bridge(request, response, url.pathname.slice('/bridge/'.length));
    if (request.method !== 'GET' && request.method !== 'HEAD') throw new HttpError(405, 'Method not allowed.');
    const file = (await pageFile(options.page, url.pathname)) ?? undefined;
    if (!file) throw new HttpError(404, 'There is no such page.');
    response.writeHead(200, {
      'content-type': file.type,
      'content-length': file.body.length,
      'cache-control': file.immutable ? 'public, max-age=31536000, immutable' : 'no-store',
      ...guards(),
    });
    response.end(request.method === 'HEAD' ? undefined : file.body);
  }

  async function bridge(request: IncomingMessage, response: ServerResponse, method: string): Promise<void> {
    if (request.method === 'GET') {
      if (method === 'state') return answer(response, options.state());
      if (method === 'settings') return answer(response, await options.settings.all());
      throw new HttpError(404, 'There is no such method.');
    }
    // A header that a form or an image of another site cannot send.
    if (request.method !== 'POST' || request.headers['x-skiff'] !== '1') throw new HttpError(403, 'Only the window may call this.');
    const body = await readJson(request);
    switch (method) {
      case 'request': {
        const client = options.client();
        if (!client) throw new HttpError(503, 'the cluster is not running');
        return answer(response, await client.request(body as unknown as BridgeRequest));
      }
      case 'setting':
        await options.settings.set(String(body.name), body.value);
        return answer(response, {});
      case 'kubeconfig':
        if (body.action !== 'add' && body.action !== 'remove') throw new HttpError(400, 'action must be add or remove');
        return answer(response, await options.mergeKubeconfig(body.action));
      case 'forward':
        return answer(response, await forwards().start(checked(() => forwardRequest(body))));
      case 'stopForward':
        forwards().stop(Number(body.id));
        return answer(response, {});
      case 'freePort':
        return answer(response, await forwards().freePort(checked(() => portNumber(body.near))));
      default:
        throw new HttpError(404, 'There is no such method.');
    }
  }

  function forwards(): Forwards {
    const found = options.forwards();
    if (!found) throw new HttpError(503, 'the cluster is not running');
    return found;
  }

  function answer(response: ServerResponse, value: unknown): void {
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store', ...guards() });
    response.end(JSON.stringify(value));
  }

  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    try {
      checkHost(request);
      if (request.headers.origin === undefined) throw new HttpError(403, 'A browser says where it comes from.');
      if (!hasSession(request)) throw new HttpError(401, 'no session');
      if (request.url !== '/bridge/socket') throw new HttpError(404, 'There is no such socket.');
    } catch (error) {
      const status = error instanceof HttpError ? error.status : 400;
      socket.end(`HTTP/1.1 ${status} Refused\r\nconnection: close\r\n\r\n`);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (window) => accept(window));
  });

  function accept(window: WebSocket): void {
    windows.add(window);
    const session = new BridgeSession(options.client, {
      send: (frame) => window.send(JSON.stringify(frame)),
      sendBinary: (frame) => window.send(frame),
    });
    window.send(JSON.stringify({ type: 'shell', event: { type: 'state', state: options.state() } }));
    window.on('message', (data: Buffer, binary: boolean) => (binary ? session.receiveBinary(data) : session.receive(data.toString('utf8'))));
    window.on('error', (error) => options.log.warn('a window was lost', { error: error.message }));
    window.on('close', () => {
      windows.delete(window);
      session.close();
    });
  }

  function broadcast(event: ShellEvent): void {
    const text = JSON.stringify({ type: 'shell', event });
    for (const window of windows) window.send(text);
  }

  const unsubscribe = options.onState((state) => broadcast({ type: 'state', state }));

  return {
    port,
    link() {
      const token = secret(options.random);
      links.add(token);
      return `http://127.0.0.1:${port}/?token=${token}`;
    },
    broadcast,
    async close() {
      unsubscribe();
      for (const window of windows) window.terminate();
      sockets.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What a window sent and a check refuses is its mistake. */
function checked<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw new HttpError(400, (error as Error).message);
  }
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > maxBody) throw new HttpError(413, 'The request is too large.');
    chunks.push(chunk as Buffer);
  }
  let value: unknown;
  try {
    value = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new HttpError(400, 'The body is not JSON.');
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new HttpError(400, 'The body is not an object.');
  return value as Record<string, unknown>;
}
