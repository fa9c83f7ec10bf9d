import { createSecureServer, type Http2SecureServer, type Http2ServerRequest } from 'node:http2';
import { ServerResponse, STATUS_CODES, type IncomingMessage, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { badRequest, failure, internalError, StatusError } from '../../api/status.ts';
import type { Clock } from '../../util/clock.ts';
import type { Logger } from '../../util/log.ts';
import type { Credentials, RequestInfo, UserInfo } from '../auth/types.ts';
import type { Call, Upgrade } from '../call.ts';
import type { Chain, Incoming } from '../chain.ts';
import { impersonationOf } from '../impersonation.ts';
import { Query } from '../query.ts';
import { isWebSocket } from '../streaming/spdyUpgrade.ts';
import { BodyReader, bodyBehind } from './body.ts';
import type { HostGuard } from './hosts.ts';
import { encodeError, respond, send, type Exchange, type Response } from './respond.ts';
import { watchOverWebSocket } from './watchSocket.ts';

type Request = IncomingMessage | Http2ServerRequest;

export interface ServingCertificate {
  /** PEM. */
  certificate: string;
  key: string;
  /** PEM of the authority that signs client certificates. */
  clientCa: string;
}

/** A request's answer as others count it. */
export interface Served {
  info: RequestInfo;
  /** Absent where the request failed before it was known who asks. */
  user?: UserInfo;
  method: string;
  contentType: string | undefined;
  userAgent: string;
  /** What is not to be done in earnest, as it was asked: `All`, `invalid`, or empty. */
  dryRun: string;
  code: number;
  milliseconds: number;
  /** How many of them it waited for its turn, and for webhooks. */
  waited: number;
  /** By the authorizer. */
  denied: boolean;
  /** Bytes of the answer's body, where it had one as a whole. */
  size?: number;
  /** Bytes of the request's body, by what it says itself. */
  bodySize?: number;
  /** When the client's certificate ends, milliseconds since the epoch. */
  certificateEnds?: number;
  /** When it was asked, milliseconds since the epoch. */
  at: number;
  /** What was asked for is deprecated. */
  deprecated: boolean;
}

/** Who measures what a server does. */
export interface ServedObserver {
  observe(served: Served): void;
  /** Changes that went to somebody who watches, and how many bytes they were. */
  watched(info: RequestInfo, changes: number, bytes: number): void;
  /** A watch that was to begin with what there is has been sent all of it, so long after it was asked for. */
  listed(info: RequestInfo, milliseconds: number): void;
  handshakeFailed(): void;
}

/** Mirrors endpoints/metrics/metrics.go (cleanDryRun). */
const shownDryRun = (asked: readonly string[]) => (asked.every((one) => one === 'All') ? (asked[0] ?? '') : 'invalid');

// Sessions with thousands of open watches need more than Node's 10 MB.
const maxSessionMegabytes = 1000;
const headersTimeout = 20_000;
/** Bytes of a request's line and headers, as in Go (net/http, DefaultMaxHeaderBytes): commands to be run in containers come in the URL. */
const maxHeaderSize = 1 << 20;
/** A client that does not finish its TLS handshake by then is hung up on. Milliseconds. */
const handshakeTimeout = 10_000;

/** Speaks HTTP/1.1 and HTTP/2 over TLS, on loopback and on connections that are handed to it. */
export class HttpsServer {
  readonly #loopback: Http2SecureServer;
  readonly #tunnels: Http2SecureServer;
  readonly #bodies: BodyReader;
  readonly #sockets = new Set<Duplex>();

  constructor(
    private readonly chain: Pick<Chain, 'handle'>,
    private readonly guard: HostGuard,
    private readonly clock: Clock,
    private readonly log: Logger,
    tls: ServingCertificate,
    private readonly observer?: ServedObserver,
  ) {
    this.#bodies = new BodyReader(clock);
    this.#loopback = this.#create(tls, false);
    this.#tunnels = this.#create(tls, true);
  }

  /** Resolves with the port: with any free one instead of one that is taken where `orAnother` says so. */
  async listen(port: number, orAnother = false): Promise<number> {
    try {
      return await this.#listen(port);
    } catch (error) {
      if (!orAnother || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      return this.#listen(0);
    }
  }

  async #listen(port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#loopback.once('error', reject);
      this.#loopback.listen(port, '127.0.0.1', () => {
        this.#loopback.off('error', reject);
        resolve();
      });
    });
    return (this.#loopback.address() as AddressInfo).port;
  }

  /** Serves one connection that came another way; TLS starts inside it. */
  handleConnection(connection: Duplex): void {
    this.#tunnels.emit('connection', connection);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => (this.#loopback.listening ? this.#loopback.close(() => resolve()) : resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #create({ certificate, key, clientCa }: ServingCertificate, tunnelled: boolean): Http2SecureServer {
    const server = createSecureServer({
      cert: certificate,
      key,
      ca: clientCa,
      requestCert: true,
      rejectUnauthorized: false,
      allowHTTP1: true,
      handshakeTimeout,
      maxSessionMemory: maxSessionMegabytes,
      settings: { maxConcurrentStreams: 100_000, initialWindowSize: 1 << 20, maxHeaderListSize: maxHeaderSize },
    });
    // These are http.Server's, which an HTTP/2 server with allowHTTP1 heeds as well.
    Object.assign(server, { headersTimeout, requestTimeout: 0, maxHeaderSize } satisfies Partial<HttpServer> & { maxHeaderSize: number });
    server.on('request', (request, response) => void this.#serve(request, response as unknown as Response, tunnelled));
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => void this.#upgrade(request, socket, head, tunnelled));
    server.on('secureConnection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => socket.destroy());
    });
    server.on('tlsClientError', (error, socket) => {
      this.log.debug('TLS handshake failed', { error: error.message });
      this.observer?.handshakeFailed();
      // Node closes its own sockets then, not a tunnel's stream.
      socket.destroy();
    });
    server.on('sessionError', (error) => this.log.debug('HTTP/2 session failed', { error: error.message }));
    return server;
  }

  async #serve(request: Request, response: Response, tunnelled: boolean): Promise<void> {
    const started = this.clock.monotonic();
    const incoming = this.#incoming(request, (listener) => onGone(request, response, listener));
    const exchange: Exchange = {
      watched: this.#watched(incoming),
      listed: () => {
        const { info } = incoming as Partial<Call>;
        if (info) this.observer?.listed(info, this.clock.monotonic() - started);
      },
      call: incoming,
      method: incoming.method,
      compress: tunnelled && String(request.headers['accept-encoding'] ?? '').includes('gzip'),
    };
    let code: number;
    try {
      this.#guard(request, tunnelled);
      const answer = await this.chain.handle(incoming);
      await respond(response, exchange, answer, this.clock);
      code = 'code' in answer ? answer.code : 200;
    } catch (error) {
      const status = this.#asStatus(error);
      code = status.code;
      if (response.headersSent) response.end();
      else send(response, exchange, encodeError(exchange, status));
    }
    this.#report(incoming, code, started, exchange.size);
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, tunnelled: boolean): Promise<void> {
    const started = this.clock.monotonic();
    const incoming = this.#incoming(request, (listener) => {
      if (socket.destroyed) listener();
      else socket.on('close', listener);
    });
    const upgrade = { request, socket, head };
    incoming.upgrade = upgrade;
    // The parser of HTTP has let the connection go, and with it the body.
    incoming.body = async () => this.#bodies.read(bodyBehind(upgrade), request.headers['content-length'] ?? '0');
    socket.on('error', () => socket.destroy());
    const exchange: Exchange = { call: incoming, method: incoming.method, compress: false, watched: this.#watched(incoming) };
    let code = 101;
    try {
      this.#guard(request, tunnelled);
      const answer = await this.chain.handle(incoming);
      if (answer.type === 'watch' && isWebSocket(upgrade)) await watchOverWebSocket(upgrade, exchange, answer, this.clock);
      else if (answer.type !== 'taken') {
        // Whoever may change the protocol does not have to.
        await respond(responseOn(upgrade), exchange, answer, this.clock);
        code = 'code' in answer ? answer.code : 200;
      }
    } catch (error) {
      const status = this.#asStatus(error);
      code = status.code;
      refuseUpgrade(socket, incoming, status);
    }
    this.#report(incoming, code, started);
  }

  #watched(incoming: Incoming): Exchange['watched'] {
    return (changes, bytes) => {
      const { info } = incoming as Partial<Call>;
      if (info) this.observer?.watched(info, changes, bytes);
    };
  }

  #report(incoming: Incoming & Partial<Call>, code: number, started: number, size?: number): void {
    const { info, user, method, contentType, userAgent, waited = 0, denied = false, deprecated = false, credentials, wire, now, search, query } = incoming;
    if (!info) return;
    const bodySize = Number(wire?.headers['content-length']) || undefined;
    const milliseconds = this.clock.monotonic() - started;
    this.observer?.observe({ info, user, method, contentType, userAgent, dryRun: search.includes('dryRun') ? shownDryRun(query.all('dryRun')) : '', code, milliseconds, waited, denied, size, bodySize, certificateEnds: credentials?.certificate?.ends, at: now, deprecated });
  }

  #incoming(request: Request, onGone: (listener: () => void) => void): Incoming {
    const { url = '/', headers } = request;
    const mark = url.indexOf('?');
    return {
      method: request.method ?? 'GET',
      path: mark < 0 ? url : url.slice(0, mark),
      query: mark < 0 ? Query.empty : Query.parse(url.slice(mark + 1)),
      search: mark < 0 ? '' : url.slice(mark + 1),
      wire: {
        headers,
        host: String(headers[':authority'] ?? headers.host ?? ''),
        from: request.socket?.remoteAddress,
        http2: request.httpVersionMajor === 2,
        body: request,
      },
      userAgent: headers['user-agent'] ?? 'unknown',
      accept: headers.accept,
      contentType: headers['content-type'],
      ifNoneMatch: headers['if-none-match'],
      credentials: credentialsOf(request),
      impersonation: impersonationOf(request.rawHeaders),
      causeRevision: Number(headers[causeHeader]) || undefined,
      now: this.clock.now(),
      warnings: [],
      body: () => this.#bodies.read(request, headers['content-length'] ?? (headers['transfer-encoding'] || request.httpVersionMajor === 2 ? undefined : '0')),
      onGone,
    };
  }

  #guard(request: Request, tunnelled: boolean): void {
    if (tunnelled) return;
    const host = request.headers[':authority'] ?? request.headers.host;
    if (!this.guard.allowsHost(host as string | undefined)) throw failure(421, '', `this server is not ${JSON.stringify(host ?? '')}`);
    if (!this.guard.allowsOrigin(request.headers.origin)) throw failure(403, 'Forbidden', `requests from ${JSON.stringify(request.headers.origin)} are not allowed`);
  }

  #asStatus(error: unknown): StatusError {
    if (error instanceof StatusError) return error;
    const message = error instanceof Error ? error.message : String(error);
    this.log.error('request failed', { error: message, stack: error instanceof Error ? error.stack : undefined });
    // What takes the whole stack is an object that is nested deeper than anything needs, which upstream's decoder refuses by a limit.
    if (error instanceof RangeError && message.startsWith('Maximum call stack')) return badRequest('exceeded max depth');
    return internalError(message);
  }
}

/** Calls the listener when the client has gone: at once where nobody will be told of it any more. */
function onGone(request: Request, response: Response, listener: () => void): void {
  const { stream } = response as Response & { stream?: { destroyed: boolean } };
  if (stream ? stream.destroyed : response.closed || response.destroyed || request.socket.destroyed) return listener();
  response.on('close', listener);
  if (stream || response.socket) return;
  // The answer before this one on the same connection has not ended yet, so that this one does not hear of the connection's end.
  const { socket } = request;
  socket.on('close', listener);
  response.on('close', () => socket.off('close', listener));
}

/** In which header a client says which revision made it act. */
export const causeHeader = 'skiff-cause-revision';

const certificates = new WeakMap<Duplex, Credentials['certificate'] | null>();

function credentialsOf(request: Request): Credentials {
  const socket = ('stream' in request ? request.stream?.session?.socket : request.socket) as TLSSocket | undefined;
  const credentials: Credentials = {};
  if (request.headers.authorization) credentials.authorization = request.headers.authorization;
  if (!socket) return credentials;
  let certificate = certificates.get(socket);
  if (certificate === undefined) {
    certificate = socket.authorized ? subjectOf(socket) : null;
    certificates.set(socket, certificate);
  }
  if (certificate) credentials.certificate = certificate;
  return credentials;
}

function subjectOf(socket: TLSSocket): Credentials['certificate'] | null {
  const { subject: found, valid_to: ends } = socket.getPeerCertificate();
  const subject = found as unknown as Record<string, string | string[]> | undefined;
  if (!subject?.CN) return null;
  return { commonName: [subject.CN].flat()[0]!, organizations: subject.O === undefined ? [] : [subject.O].flat(), ends: Date.parse(ends) };
}

/** The last answer on a connection that was to change its protocol, and does not. */
function responseOn({ request, socket }: Upgrade): Response {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket as TLSSocket);
  response.on('finish', () => socket.end());
  return response;
}

function refuseUpgrade(socket: Duplex, call: Exchange['call'], error: StatusError): void {
  const { code, contentType, body } = encodeError({ call }, error);
  const bytes = Buffer.from(body as string);
  socket.write(
    `HTTP/1.1 ${code} ${STATUS_CODES[code] ?? ''}\r\ncontent-type: ${contentType}\r\ncontent-length: ${bytes.length}\r\nconnection: close\r\n\r\n`,
  );
  socket.end(bytes);
}
