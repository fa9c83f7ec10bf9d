import http2, { type ClientHttp2Session, type Http2ServerRequest, type Http2ServerResponse, type IncomingHttpHeaders } from 'node:http2';
import type { OutgoingHttpHeaders } from 'node:http';
import { pipeline } from 'node:stream';
import type { Endpoint } from '../backends.ts';
import type { Filter } from '../model.ts';
import { dialFirst, type Dial } from './dialAgent.ts';
import { changeAnswer, type Headers } from './filters.ts';

const connectionFields = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'host']);

/** HTTP/2 without TLS to backends: what gRPC needs, with streams both ways and fields that come last. */
export class Http2Backends {
  readonly #sessions = new Map<string, Promise<ClientHttp2Session>>();

  constructor(private readonly dial: Dial) {}

  close(): void {
    for (const session of this.#sessions.values()) session.then((open) => open.destroy()).catch(() => {});
    this.#sessions.clear();
  }

  /** Rejects when no endpoint takes the request. */
  async forward(request: Http2ServerRequest, response: Http2ServerResponse, endpoints: Endpoint[], filters: Filter[]): Promise<void> {
    const session = await this.#firstSession(endpoints);
    const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !connectionFields.has(name)));
    const backend = session.request({ ...headers, ':path': request.url, ':scheme': 'http' });
    const { stream } = response;
    backend.on('response', (answer, flags) => {
      if (stream.destroyed || stream.headersSent) return backend.close();
      const fields = { ...answer } as Headers;
      changeAnswer(fields, filters, request.headers.origin as string | undefined);
      const ends = (flags & http2.constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      stream.respond(fields as http2.OutgoingHttpHeaders, { endStream: ends, waitForTrailers: !ends });
      if (!ends) pipeline(backend, stream, () => {});
    });
    // The response sends them by itself when the stream has ended.
    backend.on('trailers', (fields) => response.addTrailers(plainFields(fields)));
    backend.on('error', () => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR));
    stream.on('close', () => backend.close(http2.constants.NGHTTP2_CANCEL));
    pipeline(request, backend, () => {});
  }

  async #firstSession(endpoints: Endpoint[]): Promise<ClientHttp2Session> {
    let failure: unknown = new Error('there is no endpoint');
    for (const endpoint of endpoints) {
      try {
        return await this.#session(endpoint);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  #session(endpoint: Endpoint): Promise<ClientHttp2Session> {
    const key = `${endpoint.host}:${endpoint.port}`;
    const known = this.#sessions.get(key);
    if (known) return known;
    const opening = dialFirst(this.dial, [endpoint]).then((socket) => {
      const session = http2.connect(`http://${key}`, { createConnection: () => socket });
      const forget = () => this.#sessions.get(key) === opening && this.#sessions.delete(key);
      session.on('error', forget);
      session.on('goaway', forget);
      session.on('close', forget);
      return session;
    });
    this.#sessions.set(key, opening);
    opening.catch(() => this.#sessions.delete(key));
    return opening;
  }
}

/** Without those that say how the stream itself goes. */
const plainFields = (fields: IncomingHttpHeaders): OutgoingHttpHeaders =>
  Object.fromEntries(Object.entries(fields).filter(([name, value]) => !name.startsWith(':') && value !== undefined));
