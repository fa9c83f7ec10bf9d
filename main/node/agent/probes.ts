import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import type { ProbeRequest, ProbeResult } from '../index.ts';

const userAgent = 'kube-probe/1.36';
const maxBody = 10 * 1024;
const maxRedirects = 10;

type HttpProbe = Extract<ProbeRequest, { kind: 'http' }>;
type TcpProbe = Extract<ProbeRequest, { kind: 'tcp' }>;
type GrpcProbe = Extract<ProbeRequest, { kind: 'grpc' }>;

/** Mirrors pkg/probe: any failure to ask is a failure of the probe, said as Go's libraries say it. */
export async function probe(request: ProbeRequest): Promise<ProbeResult> {
  switch (request.kind) {
    case 'http':
      return probeHttp(request);
    case 'tcp':
      return probeTcp(request);
    case 'grpc':
      return probeGrpc(request);
  }
}

const joinHostPort = (host: string, port: number): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;

const connectErrors: Record<string, string> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout',
};

/** Go's words for what Node reports. */
function goError(error: NodeJS.ErrnoException, address: string): string {
  if (error.code === 'ENOTFOUND') return `dial tcp: lookup ${address.replace(/:\d+$/, '')}: no such host`;
  if (error.code && connectErrors[error.code]) return `dial tcp ${address}: ${connectErrors[error.code]}`;
  if (error.code === 'ECONNRESET')
    return error.message === 'socket hang up' ? 'EOF' : `read tcp ${address}: read: connection reset by peer`;
  if (error.code === 'HPE_INVALID_CONSTANT' || error.code?.startsWith('HPE_'))
    return `net/http: HTTP/1.x transport connection broken: ${error.message}`;
  return error.message;
}

interface HttpAnswer {
  status: number;
  location: string | undefined;
  body: string;
}

function get(url: URL, headers: Record<string, string | string[]>, remaining: number): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    let awaiting = 'headers';
    const options: https.RequestOptions = {
      method: 'GET',
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
      path: `${url.pathname}${url.search}`,
      headers,
      agent: false,
      setDefaultHeaders: true,
      // As kubelet's probes: a certificate of a pod is nobody's.
      rejectUnauthorized: false,
    };
    const request = (url.protocol === 'https:' ? https : http).request(options);
    const timer = setTimeout(
      () => {
        const waited =
          awaiting === 'headers'
            ? 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
            : 'context deadline exceeded (Client.Timeout or context cancellation while reading body)';
        request.destroy(new Error(waited));
      },
      Math.max(1, remaining),
    );
    const fail = (error: Error) => {
      clearTimeout(timer);
      reject(error);
    };
    request.on('error', fail);
    request.on('response', (response) => {
      awaiting = 'body';
      const chunks: Buffer[] = [];
      let size = 0;
      const finish = () => {
        clearTimeout(timer);
        resolve({
          status: response.statusCode ?? 0,
          location: response.headers.location,
          body: Buffer.concat(chunks).subarray(0, maxBody).toString(),
        });
        request.destroy();
      };
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size >= maxBody) finish();
      });
      response.on('end', finish);
      response.on('error', fail);
    });
    request.end();
  });
}

function headersOf(request: HttpProbe): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  const names = new Map<string, string>();
  for (const { name, value } of request.headers) {
    const known = names.get(name.toLowerCase());
    if (known === undefined) {
      names.set(name.toLowerCase(), name);
      headers[name] = value;
    } else if (name.toLowerCase() !== 'host') headers[known] = [headers[known]!, value].flat();
  }
  if (!names.has('user-agent')) headers['User-Agent'] = userAgent;
  const accept = names.get('accept');
  if (accept === undefined) headers.Accept = '*/*';
  else if (headers[accept] === '') delete headers[accept];
  headers.Connection = 'close';
  return headers;
}

/** The answer after redirects within the same host; `Warning` is left to the caller. Rejects in Go's words. */
async function fetchFollowing(request: HttpProbe): Promise<HttpAnswer> {
  const address = joinHostPort(request.host, request.port);
  let text = `${request.scheme}://${address}${request.path.startsWith('/') || request.path === '' ? '' : '/'}${request.path}`;
  const end = performance.now() + request.timeoutMs;
  for (let hops = 0; ; hops++) {
    let url: URL;
    try {
      url = new URL(text);
    } catch {
      throw new Error(`parse ${JSON.stringify(text)}: invalid URL`);
    }
    let answer: HttpAnswer;
    try {
      answer = await get(url, headersOf(request), end - performance.now());
    } catch (error) {
      throw new Error(
        `Get ${JSON.stringify(text)}: ${goError(error as NodeJS.ErrnoException, joinHostPort(url.hostname, Number(url.port) || (url.protocol === 'https:' ? 443 : 80)))}`,
      );
    }
    const redirect = [301, 302, 303, 307, 308].includes(answer.status) && answer.location !== undefined;
    if (!redirect) return answer;
    const next = new URL(answer.location!, url);
    if (next.hostname !== url.hostname) return answer;
    if (hops + 1 >= maxRedirects)
      throw new Error(`Get ${JSON.stringify(answer.location)}: stopped after ${maxRedirects} redirects`);
    text = next.toString();
  }
}

async function probeHttp(request: HttpProbe): Promise<ProbeResult> {
  try {
    const { status, body } = await fetchFollowing(request);
    if (status < 200 || status >= 400)
      return { result: 'failure', output: `HTTP probe failed with statuscode: ${status}` };
    if (status >= 300) return { result: 'warning', output: `Probe terminated redirects, Response body: ${body}` };
    return { result: 'success', output: body };
  } catch (error) {
    return { result: 'failure', output: (error as Error).message };
  }
}

/** An httpGet lifecycle hook: what matters is that an answer comes; its status does not (pkg/kubelet/lifecycle/handlers.go). */
export async function httpGet(request: HttpProbe): Promise<void> {
  await fetchFollowing(request);
}

function probeTcp({ host, port, timeoutMs }: TcpProbe): Promise<ProbeResult> {
  const address = joinHostPort(host, port);
  return new Promise((resolve) => {
    const socket = net.connect({ host, port });
    const done = (result: ProbeResult) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => done({ result: 'failure', output: `dial tcp ${address}: i/o timeout` }), timeoutMs);
    socket.once('connect', () => done({ result: 'success', output: '' }));
    socket.once('error', (error) => done({ result: 'failure', output: goError(error, address) }));
  });
}

const servingStatus = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
const grpcCodes = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
];

/** HealthCheckRequest `{string service = 1}` in a gRPC message. */
function healthRequest(service: string): Buffer {
  const name = Buffer.from(service);
  const length: number[] = [];
  for (let rest = name.length; ; rest >>>= 7) {
    if (rest < 0x80) {
      length.push(rest);
      break;
    }
    length.push((rest & 0x7f) | 0x80);
  }
  const body = name.length > 0 ? Buffer.concat([Buffer.from([0x0a, ...length]), name]) : Buffer.alloc(0);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

/** HealthCheckResponse `{ServingStatus status = 1}`. */
function healthStatus(message: Buffer): string {
  if (message.length >= 7 && message[5] === 0x08) return servingStatus[message[6]!] ?? String(message[6]);
  return servingStatus[0]!;
}

/** Go's time.Duration for the whole and half seconds that probes have. */
const duration = (ms: number): string =>
  ms % 1000 === 0 && ms < 60_000
    ? `${ms / 1000}s`
    : ms < 60_000
      ? `${ms}ms`
      : `${Math.floor(ms / 60_000)}m${(ms % 60_000) / 1000}s`;

function probeGrpc({ host, port, service, timeoutMs }: GrpcProbe): Promise<ProbeResult> {
  const address = joinHostPort(host, port);
  return new Promise((resolve) => {
    let connected = false;
    const session = http2.connect(`http://${address}`);
    const done = (result: ProbeResult) => {
      clearTimeout(timer);
      session.destroy();
      resolve(result);
    };
    const failed = (output: string) => done({ result: 'failure', output });
    const timer = setTimeout(
      () =>
        failed(
          connected
            ? `timeout: health rpc did not complete within ${duration(timeoutMs)}`
            : `timeout: failed to connect service "${address}" within ${duration(timeoutMs)}: context deadline exceeded`,
        ),
      timeoutMs,
    );
    // gRPC's dialer tries again until its time is over, so a refused connection ends as a timeout.
    session.once('error', () => {
      if (connected)
        failed('error: health rpc probe failed: rpc error: code = Unavailable desc = error reading from server: EOF');
    });
    session.once('remoteSettings', () => {
      connected = true;
      const stream = session.request({
        ':method': 'POST',
        ':path': '/grpc.health.v1.Health/Check',
        'content-type': 'application/grpc',
        te: 'trailers',
        'user-agent': userAgent,
      });
      const chunks: Buffer[] = [];
      let code: number | undefined;
      let text = '';
      const status = (headers: http2.IncomingHttpHeaders) => {
        if (headers['grpc-status'] === undefined) return;
        code = Number(headers['grpc-status']);
        text = decodeURIComponent(String(headers['grpc-message'] ?? ''));
      };
      stream.on('response', status);
      stream.on('trailers', status);
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('error', (error) =>
        failed(`error: health rpc probe failed: rpc error: code = Unavailable desc = ${error.message}`),
      );
      stream.on('end', () => {
        if (code === 12)
          return failed(
            `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${text}`,
          );
        if (code === 4) return failed(`timeout: health rpc did not complete within ${duration(timeoutMs)}`);
        if (code !== 0)
          return failed(
            `error: health rpc probe failed: rpc error: code = ${grpcCodes[code ?? 2] ?? code} desc = ${text}`,
          );
        const answer = healthStatus(Buffer.concat(chunks));
        if (answer === 'SERVING') done({ result: 'success', output: 'service healthy' });
        else failed(`service unhealthy (responded with ${JSON.stringify(answer)})`);
      });
      stream.end(healthRequest(service));
    });
  });
}
