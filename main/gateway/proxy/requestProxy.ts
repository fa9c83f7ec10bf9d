import http from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { PassThrough, type Duplex } from 'node:stream';
import { createProxyServer } from 'httpxy';
import type { Clock } from '../../util/clock.ts';
import type { Logger } from '../../util/log.ts';
import type { Random } from '../../util/random.ts';
import { authorityOf, resolveBackend, type BackendsView, type Endpoint } from '../backends.ts';
import { findRoute, mostSpecific } from '../match.ts';
import type { BackendTls, Filter, Listener, Route, WeightedBackend } from '../model.ts';
import { DialAgent, type Dial } from './dialAgent.ts';
import { isPreflight, preflightAnswer } from './cors.ts';
import { changeAnswer, changeHeaders, changePath, redirectLocation, type Headers } from './filters.ts';
import { Http2Backends } from './http2Backends.ts';

export type ProxyRequest = http.IncomingMessage | Http2ServerRequest;
export type ProxyResponse = http.ServerResponse | Http2ServerResponse;

export interface RequestProxyOptions {
  backends: BackendsView;
  dial: Dial;
  clock: Clock;
  random: Random;
  log: Logger;
}

/** Where one request goes, and what is done to it. */
interface Plan {
  route: Route;
  filters: Filter[];
  endpoints: Endpoint[];
  appProtocol: string | undefined;
  /** How TLS is spoken to them; undefined: not at all. */
  tls: BackendTls | undefined;
}

/** Who gets a copy of a request. */
type Copied = Pick<Plan, 'endpoints' | 'tls'>;

/** Sends requests where the routes of their listener say. The bytes are carried by httpxy, and gRPC's by HTTP/2 streams. */
export class RequestProxy {
  readonly #proxy = createProxyServer({ xfwd: true });
  readonly #http2: Http2Backends;
  readonly #responseFilters = new WeakMap<object, Filter[]>();
  readonly #origins = new WeakMap<object, string | undefined>();
  readonly #turns = new WeakMap<Route, number>();

  constructor(private readonly options: RequestProxyOptions) {
    this.#http2 = new Http2Backends(options.dial);
    this.#proxy.on('proxyRes', (answer, request) => {
      changeAnswer(answer.headers as Headers, this.#responseFilters.get(request) ?? [], this.#origins.get(request));
    });
    this.#proxy.on('error', (error, _request, response) => {
      options.log.debug('a request could not be passed on', { error: error.message });
      if (response && 'writeHead' in response) refuse(response as ProxyResponse, 502, 'the backend did not answer');
      else (response as Duplex | undefined)?.destroy();
    });
  }

  close(): void {
    this.#http2.close();
  }

  handle(request: ProxyRequest, response: ProxyResponse, listener: Listener): void {
    const plan = this.#plan(request, listener);
    if (plan.kind === 'refused') return refuse(response, plan.status, plan.text, plan.grpc);
    const { route, filters, endpoints, appProtocol, tls } = plan.plan;
    const redirect = filters.find((filter) => filter.type === 'Redirect');
    if (redirect) {
      const at = { scheme: listener.tls ? 'https' : 'http', host: hostOf(request), port: listener.port, path: request.url ?? '/' } as const;
      (response as http.ServerResponse).writeHead(redirect.statusCode, { location: redirectLocation(redirect, at, route.match.path) }).end();
      return;
    }
    const cors = filters.find((filter) => filter.type === 'Cors');
    if (cors && isPreflight(request)) return void (response as http.ServerResponse).writeHead(204, preflightAnswer(cors.rules, request)).end();
    const mirrors = this.#mirrors(filters);
    applyToRequest(request, route, filters);
    this.#limitTime(route, response);
    if (request.httpVersionMajor === 2 && (route.grpc || appProtocol === 'kubernetes.io/h2c' || isGrpc(request))) {
      void this.#http2.forward(request as Http2ServerRequest, response as Http2ServerResponse, endpoints, filters, tls).catch((error: Error) => {
        this.options.log.debug('a stream could not be passed on', { error: error.message });
        refuse(response, 502, 'the backend did not answer', true);
      });
      return;
    }
    this.#responseFilters.set(request, filters);
    this.#origins.set(request, request.headers.origin as string | undefined);
    const body = mirrors.length > 0 ? this.#copyTo(request, mirrors) : undefined;
    this.#proxy
      .web(request as http.IncomingMessage, response as http.ServerResponse, {
        target: targetOf(endpoints[0]!),
        agent: new DialAgent(this.options.dial, endpoints, tls),
        ...(body ? { buffer: body } : {}),
      })
      .catch(() => {});
  }

  /** A connection that becomes another protocol's, such as WebSocket's. */
  upgrade(request: http.IncomingMessage, socket: Duplex, head: Buffer, listener: Listener): void {
    const plan = this.#plan(request, listener);
    if (plan.kind === 'refused') {
      socket.end(`HTTP/1.1 ${plan.status} ${http.STATUS_CODES[plan.status]}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    const { route, filters, endpoints, tls } = plan.plan;
    applyToRequest(request, route, filters);
    this.#proxy
      .ws(request, socket as never, { target: targetOf(endpoints[0]!), agent: new DialAgent(this.options.dial, endpoints, tls) }, head)
      .catch(() => {});
  }

  #plan(request: ProxyRequest, listener: Listener): { kind: 'plan'; plan: Plan } | { kind: 'refused'; status: number; text: string; grpc?: boolean } {
    const url = request.url ?? '/';
    const mark = url.indexOf('?');
    const host = hostOf(request);
    if (isMisdirected(request, host, listener)) return { kind: 'refused', status: 421, text: 'the connection was made for another name' };
    const route = findRoute(listener, {
      host,
      method: request.method ?? 'GET',
      path: mark < 0 ? url : url.slice(0, mark),
      query: new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)),
      header(name) {
        const value = request.headers[name];
        return Array.isArray(value) ? value.join(',') : value;
      },
    });
    if (!route) return { kind: 'refused', status: 404, text: 'no route matches this request', grpc: isGrpc(request) };
    const { grpc } = route;
    const plan = (filters: Filter[], endpoints: Endpoint[], appProtocol?: string, tls?: BackendTls) => ({ kind: 'plan' as const, plan: { route, filters, endpoints, appProtocol, tls } });
    if (route.filters.some(({ type }) => type === 'Redirect')) return plan(route.filters, []);
    const chosen = chooseWeighted(route.backends, this.options.random.next());
    if (!chosen?.backend) return { kind: 'refused', status: 500, text: 'the route leads nowhere', grpc };
    const resolved = resolveBackend(this.options.backends, chosen.backend);
    if (resolved.kind === 'unknown') return { kind: 'refused', status: route.owner.startsWith('Ingress') ? 503 : 500, text: 'the Service of the route does not exist', grpc };
    if (resolved.endpoints.length === 0) return { kind: 'refused', status: 503, text: 'the Service of the route has no ready endpoints', grpc };
    return plan([...route.filters, ...chosen.filters], this.#rotated(route, resolved.endpoints), resolved.appProtocol, chosen.backend.tls);
  }

  /** The endpoint whose turn it is, then the others in case it cannot be reached. */
  #rotated(route: Route, endpoints: Endpoint[]): Endpoint[] {
    const turn = (this.#turns.get(route) ?? Math.floor(this.options.random.next() * endpoints.length)) % endpoints.length;
    this.#turns.set(route, turn + 1);
    return [...endpoints.slice(turn), ...endpoints.slice(0, turn)];
  }

  #limitTime(route: Route, response: ProxyResponse): void {
    if (!route.timeoutMs) return;
    const timer = this.options.clock.setTimer(route.timeoutMs, () => {
      if (!response.headersSent) refuse(response, 504, 'the backend did not answer in time', route.grpc);
    });
    response.once('close', () => timer.cancel());
  }

  #mirrors(filters: Filter[]): Copied[] {
    return filters.flatMap((filter) => {
      if (filter.type !== 'Mirror' || this.options.random.next() * 100 >= filter.percent) return [];
      const resolved = resolveBackend(this.options.backends, filter.backend);
      return resolved.kind === 'endpoints' && resolved.endpoints.length > 0 ? [{ endpoints: resolved.endpoints, tls: filter.backend.tls }] : [];
    });
  }

  /** The body for the request itself; others get the same, and nobody waits for their answers. */
  #copyTo(request: ProxyRequest, mirrors: Copied[]): PassThrough {
    const body = new PassThrough();
    request.pipe(body);
    for (const { endpoints, tls } of mirrors) {
      const copy = http.request({
        method: request.method,
        path: request.url,
        headers: plainHeaders(request.headers as Headers),
        agent: new DialAgent(this.options.dial, endpoints, tls),
      });
      copy.on('error', () => {});
      copy.on('response', (answer) => answer.resume());
      // Not piped: a slow copy must not hold up the request.
      request.on('data', (chunk: Buffer) => void copy.write(chunk));
      request.on('end', () => copy.end());
    }
    return body;
  }
}

const isGrpc = (request: ProxyRequest): boolean => (request.headers['content-type'] ?? '').startsWith('application/grpc');

/** Whether the client asked TLS for a name of another listener than the request is for. */
function isMisdirected(request: ProxyRequest, host: string, { tls, sections }: Listener): boolean {
  const name = tls && sections.length > 1 ? (request.socket as { servername?: string | false }).servername : undefined;
  return typeof name === 'string' && name !== '' && mostSpecific(sections, name.toLowerCase()) !== mostSpecific(sections, host);
}

const targetOf = (endpoint: Endpoint): string => `http://${authorityOf(endpoint)}`;

/** The name that is asked for, without its port. */
export function hostOf(request: ProxyRequest): string {
  const text = (request.headers[':authority'] as string | undefined) ?? request.headers.host ?? '';
  return text.replace(/:\d+$/, '').toLowerCase();
}

/** Without HTTP/2's own fields, which HTTP/1 has no place for. */
const plainHeaders = (headers: Headers): Headers => Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(':')));

function applyToRequest(request: ProxyRequest, route: Route, filters: Filter[]): void {
  for (const filter of filters) {
    if (filter.type === 'RequestHeaders') changeHeaders(request.headers as Headers, filter.change);
    if (filter.type !== 'Rewrite') continue;
    if (filter.hostname !== undefined) request.headers[request.httpVersionMajor === 2 ? ':authority' : 'host'] = filter.hostname;
    if (filter.path) request.url = changePath(request.url ?? '/', filter.path, route.match.path);
  }
}

export function chooseWeighted(backends: WeightedBackend[], chance: number): WeightedBackend | undefined {
  const total = backends.reduce((sum, { weight }) => sum + weight, 0);
  let rest = chance * total;
  return backends.find(({ weight }) => (rest -= weight) < 0);
}

/** In gRPC's way a refusal is a status in an answer that is fine. */
function refuse(response: ProxyResponse, status: number, text: string, grpc = false): void {
  if (response.headersSent || response.writableEnded) {
    response.destroy();
    return;
  }
  if (grpc) {
    // https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
    const code = status === 404 ? '12' : status === 504 ? '4' : '14';
    const fields = { 'content-type': 'application/grpc', 'grpc-status': code, 'grpc-message': text };
    // The fields that come last are the first ones here: the stream has to end with them.
    if ('stream' in response) response.stream.respond({ ':status': 200, ...fields }, { endStream: true });
    else response.writeHead(200, fields).end();
    return;
  }
  (response as http.ServerResponse).writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${status} ${http.STATUS_CODES[status]}: ${text}\n`);
}
