import http from 'node:http';
import http2 from 'node:http2';
import type net from 'node:net';
import { pipeline, type Duplex } from 'node:stream';
import tls from 'node:tls';
import type { Logger } from '../../util/log.ts';
import { hostMatches, mostSpecific } from '../match.ts';
import type { Listener, RouteTable, PassthroughRoute } from '../model.ts';
import type { Random } from '../../util/random.ts';
import { resolveBackend, type BackendsView } from '../backends.ts';
import { serverName } from './clientHello.ts';
import { secured } from './backendTls.ts';
import { dialFirst, type Dial } from './dialAgent.ts';
import { chooseWeighted, type ProxyRequest, type ProxyResponse, type RequestProxy } from './requestProxy.ts';

/** Opens a port of this computer; rejects with the operating system's error. */
export type Listen = (address: string, port: number, onConnection: (connection: Duplex) => void) => Promise<{ close(): void }>;

export interface ListenersOptions {
  listen: Listen;
  proxy: RequestProxy;
  backends: BackendsView;
  dial: Dial;
  random: Random;
  log: Logger;
  /** Shown where no certificate has the name that a client asks for. */
  fallback: KeyPair;
}

/** PEM. */
interface KeyPair {
  certificate: string;
  key: string;
}

/** How a port of one of this computer's addresses is named. */
export const placeOf = ({ address, port }: Pick<Listener, 'address' | 'port'>): string => `${address}:${port}`;

const preface = 'PRI * HTTP/2.0';
const maxHello = 64 * 1024;

/** The open ports: what arrives there is served by the newest routes. */
export class Listeners {
  readonly #open = new Map<string, { port: OpenPort; closing: { close(): void } }>();
  readonly #problems = new Map<string, unknown>();

  constructor(private readonly options: ListenersOptions) {}

  /** Why a port is not open: what the operating system said. */
  problem(place: string): unknown {
    return this.#problems.get(place);
  }

  isOpen(place: string): boolean {
    return this.#open.has(place);
  }

  /** Resolves when every port that can be open is. */
  async sync({ listeners }: RouteTable): Promise<void> {
    const wanted = new Map(listeners.map((listener) => [placeOf(listener), listener]));
    for (const [place, { closing }] of this.#open) {
      if (wanted.has(place)) continue;
      closing.close();
      this.#open.delete(place);
    }
    for (const place of this.#problems.keys()) if (!wanted.has(place)) this.#problems.delete(place);
    for (const [place, listener] of wanted) {
      const open = this.#open.get(place);
      if (open) {
        open.port.listener = listener;
        continue;
      }
      const port = new OpenPort(this.options, listener);
      try {
        const closing = await this.options.listen(listener.address, listener.port, (connection) => port.accept(connection));
        this.#open.set(place, { port, closing });
        this.#problems.delete(place);
      } catch (error) {
        this.#problems.set(place, error);
      }
    }
  }

  close(): void {
    for (const { closing } of this.#open.values()) closing.close();
    this.#open.clear();
  }
}

class OpenPort {
  readonly #http1: http.Server;
  readonly #http2: http2.Http2Server;
  /** By key pair. */
  readonly #secure = new Map<string, http2.Http2SecureServer>();
  #listener: Listener;

  constructor(
    private readonly options: ListenersOptions,
    listener: Listener,
  ) {
    this.#listener = listener;
    const handle = (request: ProxyRequest, response: ProxyResponse) => options.proxy.handle(request, response, this.listener);
    const upgrade = (request: http.IncomingMessage, socket: Duplex, head: Buffer) => options.proxy.upgrade(request, socket, head, this.listener);
    this.#http1 = http.createServer({ noDelay: true }, handle);
    this.#http1.on('upgrade', upgrade);
    this.#http2 = http2.createServer({}, handle);
  }

  get listener(): Listener {
    return this.#listener;
  }

  set listener(listener: Listener) {
    this.#listener = listener;
    const pairs = new Set([...listener.certificates, this.options.fallback].map(({ certificate, key }) => `${certificate}${key}`));
    for (const key of this.#secure.keys()) if (!pairs.has(key)) this.#secure.delete(key);
  }

  accept(connection: Duplex): void {
    connection.on('error', () => connection.destroy());
    const look = (judge: (bytes: Buffer) => ((socket: Duplex) => void) | undefined) => {
      let seen = Buffer.alloc(0);
      const onData = (chunk: Buffer) => {
        seen = Buffer.concat([seen, chunk]);
        const serve = judge(seen);
        if (!serve) return;
        connection.off('data', onData);
        connection.pause();
        connection.unshift(seen);
        serve(connection);
      };
      connection.on('data', onData);
    };
    if (!this.listener.tls)
      return look((bytes) => {
        const start = bytes.toString('latin1', 0, preface.length);
        if (start === preface) return (socket) => void this.#http2.emit('connection', socket);
        // The first letters of another method are enough.
        return preface.startsWith(start) ? undefined : (socket) => this.#serveHttp1(socket);
      });
    look((bytes) => {
      const name = serverName(bytes) ?? (bytes.length > maxHello ? '' : undefined);
      return name === undefined ? undefined : (socket) => this.#acceptTls(socket, name);
    });
  }

  #serveHttp1(socket: Duplex): void {
    this.#http1.emit('connection', socket);
    socket.resume();
  }

  #acceptTls(connection: Duplex, name: string): void {
    const route = this.listener.passthrough.find(({ hostname }) => hostMatches(hostname, name, false));
    if (!route && !this.#serves(name)) return void connection.destroy();
    try {
      if (!route) this.#serverFor(name).emit('connection', connection);
      else this.#passOn(route.terminate ? this.#terminate(connection, name) : connection, route);
    } catch (error) {
      this.options.log.warn('a certificate cannot be used', { name, error: (error as Error).message });
      connection.destroy();
    }
  }

  /** Whether a request for a name may be served here at all: no certificate is shown to others. */
  #serves(name: string): boolean {
    const { sections, routes, passthrough } = this.listener;
    if (routes.some(({ section }) => section === undefined)) return true;
    // A client that asks for no name may ask for any later, by HTTP.
    if (name !== '' && sections.length > 0 && mostSpecific(sections, name) === undefined) return false;
    return routes.length > 0 || passthrough.length === 0;
  }

  /** The bytes that are in a TLS connection. */
  #terminate(connection: Duplex, name: string): Duplex {
    const pair = this.#pairFor(name);
    const secure = new tls.TLSSocket(connection as net.Socket, { isServer: true, secureContext: tls.createSecureContext({ cert: pair.certificate, key: pair.key }) });
    secure.on('error', (error) => {
      this.options.log.debug('a TLS client went away', { error: error.message });
      connection.destroy();
    });
    return secure;
  }

  #passOn(connection: Duplex, { terminate, backends }: PassthroughRoute): void {
    const chosen = chooseWeighted(backends, this.options.random.next());
    const resolved = chosen?.backend && resolveBackend(this.options.backends, chosen.backend);
    const endpoints = resolved?.kind === 'endpoints' ? resolved.endpoints : [];
    const start = Math.floor(this.options.random.next() * endpoints.length);
    const tls = terminate ? chosen?.backend?.tls : undefined;
    const dialling = dialFirst(this.options.dial, [...endpoints.slice(start), ...endpoints.slice(0, start)]);
    (tls ? dialling.then((stream) => secured(stream, tls)) : dialling).then(
      (inside) => {
        pipeline(connection, inside, () => {});
        pipeline(inside, connection, () => {});
      },
      () => connection.destroy(),
    );
  }

  /** One for each key pair: had a server several, clients would choose by the kind of key and not by name. */
  #serverFor(name: string): http2.Http2SecureServer {
    const pair = this.#pairFor(name);
    const key = `${pair.certificate}${pair.key}`;
    let server = this.#secure.get(key);
    if (!server) this.#secure.set(key, (server = this.#secureServer(pair)));
    return server;
  }

  #secureServer({ certificate, key }: KeyPair): http2.Http2SecureServer {
    const server = http2.createSecureServer({ allowHTTP1: true, cert: certificate, key }, (request, response) => this.options.proxy.handle(request, response, this.listener));
    server.on('upgrade', (request: http.IncomingMessage, socket: Duplex, head: Buffer) => this.options.proxy.upgrade(request, socket, head, this.listener));
    server.on('tlsClientError', (error) => this.options.log.debug('a TLS client went away', { error: error.message }));
    return server;
  }

  #pairFor(name: string): KeyPair {
    const names = this.listener.certificates.map(({ hostname }) => hostname);
    const own = mostSpecific(names, name.toLowerCase());
    return this.listener.certificates.find(({ hostname }) => hostname === own) ?? this.options.fallback;
  }
}
