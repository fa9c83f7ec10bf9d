import http from 'node:http';
import https from 'node:https';
import type { Status } from '../api/index.ts';
import { errorOf, StatusError } from '../api/status.ts';
import type { ApiRequest, ApiResponse, Transport, WatchHandlers } from './transport.ts';

export interface HttpsTransportOptions {
  /** `https://127.0.0.1:6443`; `http:` is taken as well. */
  server: string;
  /** PEM; default: the authorities that Node knows. */
  ca?: string;
  /** PEM of a client certificate and its key. */
  cert?: string;
  key?: string;
  /** Bearer token; a function is asked before every request. */
  token?: string | (() => string);
  /** The name to find in the server's certificate, where the address is another. */
  serverName?: string;
  insecureSkipTlsVerify?: boolean;
}

/** A Transport over HTTP/1.1 with connections that are kept open, and JSON. */
export class HttpsTransport implements Transport {
  readonly #base: URL;
  readonly #agent: http.Agent;
  readonly #send: typeof https.request;

  constructor(private readonly options: HttpsTransportOptions) {
    this.#base = new URL(options.server);
    const secure = this.#base.protocol === 'https:';
    this.#send = secure ? https.request : (http.request as typeof https.request);
    const keep = { keepAlive: true, noDelay: true };
    this.#agent = secure
      ? new https.Agent({
          ...keep,
          ca: options.ca,
          cert: options.cert,
          key: options.key,
          servername: options.serverName,
          rejectUnauthorized: !options.insecureSkipTlsVerify,
        })
      : new http.Agent(keep);
  }

  async request<T>(request: ApiRequest): Promise<ApiResponse<T>> {
    const response = await this.#open(request);
    const body = parseBody(await text(response), response);
    const code = response.statusCode ?? 0;
    if (code >= 400) throw errorOf(code, body);
    return { code, body: body as T, warnings: warningsOf(response) };
  }

  watch(request: ApiRequest, handlers: WatchHandlers): { cancel(): void } {
    const abort = new AbortController();
    let ended = false;
    const end = (error?: Error) => {
      if (ended) return;
      ended = true;
      abort.abort();
      handlers.onEnd(error);
    };
    this.#open({ ...request, query: { ...request.query, watch: true }, signal: abort.signal }).then(
      async (response) => {
        const code = response.statusCode ?? 0;
        if (code >= 400) return end(errorOf(code, parseBody(await text(response), response)));
        let rest = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          const lines = (rest + chunk).split('\n');
          rest = lines.pop()!;
          for (const line of lines) {
            if (ended || !line) continue;
            try {
              const event = JSON.parse(line) as { type: string; object: unknown };
              if (event.type === 'ERROR') end(new StatusError(event.object as Status));
              else handlers.onEvent(event as Parameters<WatchHandlers['onEvent']>[0]);
            } catch (error) {
              end(error as Error);
            }
          }
        });
        response.on('end', () => end());
        response.on('error', (error) => end(error));
        response.on('close', () => end());
      },
      (error: Error) => end(error),
    );
    return { cancel: () => end() };
  }

  /** Closes the connections that are kept open. */
  close(): void {
    this.#agent.destroy();
  }

  #open(request: ApiRequest): Promise<http.IncomingMessage> {
    const { body, headers } = this.#encode(request);
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(request.query ?? {}))
      if (value !== undefined) query.set(name, String(value));
    const search = query.size > 0 ? `?${query}` : '';
    return new Promise((resolve, reject) => {
      const outgoing = this.#send(
        {
          protocol: this.#base.protocol,
          hostname: this.#base.hostname.replace(/^\[|\]$/g, ''),
          port: this.#base.port,
          path: this.#base.pathname.replace(/\/$/, '') + request.path + search,
          method: request.method,
          headers,
          agent: this.#agent,
          signal: request.signal,
        },
        resolve,
      );
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  #encode(request: ApiRequest): { body: string | undefined; headers: Record<string, string | number> } {
    const headers: Record<string, string | number> = { accept: 'application/json', ...request.headers };
    const { token } = this.options;
    if (token) headers.authorization = `Bearer ${typeof token === 'function' ? token() : token}`;
    if (request.body === undefined) return { body: undefined, headers };
    const body = JSON.stringify(request.body);
    headers['content-type'] = request.contentType ?? 'application/json';
    headers['content-length'] = Buffer.byteLength(body);
    return { body, headers };
  }
}

async function text(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** Some paths (`/healthz`, logs) answer in plain text. */
function parseBody(body: string, response: http.IncomingMessage): unknown {
  return response.headers['content-type']?.includes('json') && body ? (JSON.parse(body) as unknown) : body;
}

function warningsOf(response: http.IncomingMessage): string[] {
  const header = response.headers.warning;
  if (!header) return [];
  const texts = [...String(header).matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)];
  return texts.map((match) => match[1]!.replace(/\\(.)/g, '$1'));
}
