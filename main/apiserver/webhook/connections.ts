import https from 'node:https';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';

type Connected = (error: Error | null, stream: Duplex) => void;

/** Makes TLS inside connections that are dialled elsewhere, and keeps them open for further requests. */
export class TunnelAgent extends https.Agent {
  constructor(
    private readonly dial: () => Promise<Duplex>,
    private readonly tlsOptions: { servername: string; ca?: string[]; cert?: string | undefined; key?: string | undefined },
  ) {
    super({ keepAlive: true, maxFreeSockets: 25 });
  }

  override createConnection(_options: unknown, connected?: Connected): undefined {
    const done = connected as (error: Error | null, stream?: Duplex) => void;
    this.dial().then(
      (socket) => {
        // A name only: addresses are not sent, but the certificate must be made for them all the same.
        const { servername, ca, cert, key } = this.tlsOptions;
        const secure = tls.connect({ socket, host: servername, servername: isName(servername) ? servername : '', ca, cert, key, ALPNProtocols: ['http/1.1'] });
        const fail = (error: Error) => done(error);
        secure.once('error', fail);
        secure.once('secureConnect', () => {
          secure.off('error', fail);
          done(null, secure);
        });
      },
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
    );
    return undefined;
  }
}

const isName = (host: string) => !/^[\d.]+$|:/.test(host);
