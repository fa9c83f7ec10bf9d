import http2, { type ClientHttp2Session, type Http2ServerRequest, type Http2ServerResponse, type IncomingHttpHeaders } from 'node:http2';
import type { OutgoingHttpHeaders } from 'node:http';
import { pipeline } from 'node:stream';
import { authorityOf, type Endpoint } from '../backends.ts';
import type { BackendTls, Filter } from '../model.ts';
import { secured } from './backendTls.ts';
import { dialFirst, type Dial } from './dialAgent.ts';
import { changeAnswer, type Headers } from './filters.ts';

const connectionFields = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'host']);

/** HTTP/2 to backends: what gRPC needs, with streams both ways and fields that come last. */
export class Http2Backends {
  readonly #sessions = new Map<string, Promise<ClientHttp2Session>>();

  constructor(private readonly dial: Dial) {}

  close(): void {
    for (const session of this.#sessions.values()) session.then((open) => open.destroy()).catch(() => {});
    this.#sessions.clear();
  }

  /** Rejects when no endpoint takes the request. */
  async forward(request: Http2ServerRequest, response: Http2ServerResponse, endpoints: Endpoint[], filters: Filter[], tls?: BackendTls): Promise<void> {
    const session = await this.#firstSession(endpoints, tls);
    const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !connectionFields.has(name)));
    const backend = session.request({ ...headers, ':path': request.url, ':scheme': tls ? 'https' : 'http' });
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

  async #firstSession(endpoints: Endpoint[], tls: BackendTls | undefined): Promise<ClientHttp2Session> {
    let failure: unknown = new Error('there is no endpoint');
    for (const endpoint of endpoints) {
      try {
        return await this.#session(endpoint, tls);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  #session(endpoint: Endpoint, tls: BackendTls | undefined): Promise<ClientHttp2Session> {
    const authority = authorityOf(endpoint);
    // A session is for those only who trust its backend in the same way.
    const key = tls ? `${authority} ${JSON.stringify(tls)}` : authority;
    const known = this.#sessions.get(key);
    if (known) return known;
    const dialling = dialFirst(this.dial, [endpoint]);
    const opening = (tls ? dialling.then((stream) => secured(stream, tls, 'h2')) : dialling).then((socket) => {
      const session = http2.connect(`${tls ? 'https' : 'http'}://${authority}`, { createConnection: () => socket });
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
