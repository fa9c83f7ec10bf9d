import http from 'node:http';
import type { Duplex } from 'node:stream';
import type { Endpoint } from '../backends.ts';
import type { BackendTls } from '../model.ts';
import { secured } from './backendTls.ts';

export type Dial = (host: string, port: number, node?: string) => Promise<Duplex>;

/** A connection to one of the endpoints, tried in turn; rejects with the last failure. */
export async function dialFirst(dial: Dial, endpoints: Endpoint[]): Promise<Duplex> {
  let failure: unknown = new Error('there is no endpoint');
  for (const { host, port, node } of endpoints) {
    try {
      return await dial(host, port, node);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/**
 * Makes a request's connection to the first endpoint that takes one. A connection serves one request: an endpoint that
 * goes away never has a request on a connection that it is closing.
 */
export class DialAgent extends http.Agent {
  constructor(
    private readonly dial: Dial,
    private readonly endpoints: Endpoint[],
    private readonly tls?: BackendTls,
  ) {
    super({ keepAlive: false });
  }

  override createConnection(_options: unknown, connected?: (error: Error | null, stream: Duplex) => void): undefined {
    const done = connected as (error: Error | null, stream?: Duplex) => void;
    const dialling = dialFirst(this.dial, this.endpoints);
    (this.tls ? dialling.then((stream) => secured(stream, this.tls!, 'http/1.1')) : dialling).then(
      (stream) => done(null, asSocket(stream)),
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
    );
    return undefined;
  }
}

/** What HTTP's client asks of a socket besides being a stream; here it is the node's own connection that has these. */
function asSocket(stream: Duplex): Duplex {
  const itself = () => stream;
  for (const name of ['setTimeout', 'setNoDelay', 'setKeepAlive', 'ref', 'unref'])
    if (!(name in stream)) Object.defineProperty(stream, name, { value: itself });
  return stream;
}
