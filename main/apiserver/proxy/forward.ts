import http, { type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import tls from 'node:tls';
import { serviceUnavailable } from '../../api/status.ts';
import type { Answer, Call, Wire } from '../call.ts';
import { goError } from '../../util/goErrors.ts';
import { rewritten } from './rewrite.ts';

/** Where a request is passed on to. */
export interface Destination {
  /** Rejects in Go's words. */
  dial(): Promise<Duplex>;
  /** Absent: plain HTTP. */
  tls?: Omit<tls.ConnectionOptions, 'socket'>;
  /** What the answer's own links call this destination: `10.244.1.3:8080`. */
  host: string;
  /** Percent-encoded, with the query. */
  path: string;
  /** Replaces the client's Host header. */
  hostHeader?: string;
  /** In lower case; replace the client's own of the same names. */
  headers?: Record<string, string | string[]>;
  /** Under which path of this server the destination's root is found; absent: its answers are passed on as they are. */
  prefix?: string;
  /** How a connection that cannot be made is told, before Go's words for why. */
  unreachable: string;
}

/** Headers of one connection, not of what it carries (RFC 9110, 7.6.1), and those that were for this server alone. */
const ownHeaders = new Set(['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'authorization', 'http2-settings']);

/**
 * Passes a request on, whatever its method, and its answer back, both as they flow. Throws 503 when the destination cannot
 * be reached. Mirrors k8s.io/apimachinery/pkg/util/proxy/{upgradeaware,transport}.go.
 */
export async function forward(call: Call, destination: Destination): Promise<Answer> {
  const socket = await connect(destination);
  if (call.upgrade) return upgrade(call, destination, socket);
  const body = await bodyOf(call);
  const headers = headersFor(call, destination);
  if (body.length !== undefined) headers['content-length'] = body.length;
  else if (body.stream) headers['transfer-encoding'] = 'chunked';
  return new Promise<Answer>((resolve, reject) => {
    const request = http.request({ createConnection: () => socket, method: call.method, path: destination.path, headers, setHost: false });
    call.onGone(() => request.destroy());
    request.on('error', (error) => reject(unavailable(destination, goError(error))));
    request.on('response', (response) => {
      response.on('close', () => socket.destroy());
      answerOf(response, call, destination).then(resolve, reject);
    });
    if (body.stream) pipeline(body.stream, request, () => {});
    else request.end(body.bytes);
  });
}

async function connect(destination: Destination): Promise<Duplex> {
  try {
    const socket = await destination.dial();
    if (!destination.tls) return socket;
    return await new Promise<Duplex>((resolve, reject) => {
      const secure = tls.connect({ ...destination.tls, socket, ALPNProtocols: ['http/1.1'] });
      secure.once('error', (error) => reject(goError(error)));
      secure.once('secureConnect', () => resolve(secure));
    });
  } catch (error) {
    throw unavailable(destination, error as Error);
  }
}

const unavailable = ({ unreachable }: Destination, error: Error) => serviceUnavailable(`${unreachable}: ${error.message}`);

async function bodyOf(call: Call): Promise<{ stream?: Readable; bytes?: Buffer; length?: number }> {
  if (call.wire) {
    const { headers, body } = call.wire;
    const length = headers['content-length'];
    if (length === undefined && headers['transfer-encoding'] === undefined && !call.wire.http2) return {};
    if (length === '0' || (length === undefined && (call.method === 'GET' || call.method === 'HEAD'))) return {};
    return { stream: body, ...(length === undefined ? {} : { length: Number(length) }) };
  }
  const body = await call.body();
  if (body.type === 'none') return {};
  const bytes = body.type === 'bytes' ? body.bytes : Buffer.from(JSON.stringify(body.value));
  return { bytes, length: bytes.length };
}

function headersFor(call: Call, destination: Destination): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(call.wire?.headers ?? {}))
    if (value !== undefined && !ownHeaders.has(name) && !name.startsWith(':') && !name.startsWith('impersonate-') && name !== 'content-length') headers[name] = value;
  if (!call.wire) {
    headers['user-agent'] = call.userAgent;
    if (call.accept) headers.accept = call.accept;
    if (call.contentType) headers['content-type'] = call.contentType;
  }
  headers.host = destination.hostHeader ?? call.wire?.host ?? destination.host;
  if (call.wire?.from) headers['x-forwarded-for'] = [call.wire.headers['x-forwarded-for'] ?? [], call.wire.from].flat().join(', ');
  if (destination.prefix !== undefined) headers['x-forwarded-uri'] = destination.prefix + destination.path.split('?')[0]!;
  return Object.assign(headers, destination.headers);
}

async function answerOf(response: IncomingMessage, call: Call, destination: Destination): Promise<Answer> {
  const headers: Record<string, string | string[]> = {};
  for (let i = 0; i < response.rawHeaders.length; i += 2) {
    const name = response.rawHeaders[i]!.toLowerCase();
    if (ownHeaders.has(name)) continue;
    const value = response.rawHeaders[i + 1]!;
    const before = headers[name];
    headers[name] = before === undefined ? value : [before, value].flat();
  }
  const code = response.statusCode ?? 502;
  const body = destination.prefix === undefined ? response : await rewritten(response, headers, { host: destination.host, prefix: destination.prefix, requestHost: call.wire?.host ?? '' });
  return { type: 'relay', code, headers, body };
}

/** Hands the connection over: what the destination says to the upgrade is what the client hears. */
function upgrade(call: Call, destination: Destination, socket: Duplex): Answer {
  const { socket: client, head } = call.upgrade!;
  const headers = headersFor(call, destination);
  const wire: Wire = call.wire!;
  headers.connection = 'Upgrade';
  headers.upgrade = wire.headers.upgrade;
  const lines = Object.entries(headers).flatMap(([name, value]) => [value ?? []].flat().map((one) => `${name}: ${one}`));
  socket.write(`${call.method} ${destination.path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
  if (head.length) socket.write(head);
  client.pipe(socket);
  socket.pipe(client);
  for (const [one, other] of [[client, socket], [socket, client]] as const) {
    one.on('error', () => one.destroy());
    one.on('close', () => other.destroy());
  }
  return { type: 'taken' };
}
