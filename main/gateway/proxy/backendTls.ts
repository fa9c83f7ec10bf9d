import type { Duplex } from 'node:stream';
import tls, { type PeerCertificate } from 'node:tls';
import type { BackendTls } from '../model.ts';

/** Speaks TLS over a connection to a backend; rejects unless it proves to be who it should be. */
export function secured(stream: Duplex, { hostname, names, authorities }: BackendTls, protocol?: 'http/1.1' | 'h2'): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      socket: stream,
      servername: hostname,
      ...(protocol ? { ALPNProtocols: [protocol] } : {}),
      ...(authorities ? { ca: authorities } : {}),
      checkServerIdentity: (_, certificate) => (names.length === 0 ? tls.checkServerIdentity(hostname, certificate) : namesProblem(names, certificate)),
    });
    const failed = (error: Error) => {
      stream.destroy();
      reject(error);
    };
    socket.once('error', failed);
    socket.once('secureConnect', () => {
      socket.removeListener('error', failed);
      socket.on('error', () => socket.destroy());
      resolve(socket);
    });
  });
}

/** Where alternative names are given, one of them is enough, and the hostname counts for nothing. */
function namesProblem(names: BackendTls['names'], certificate: PeerCertificate): Error | undefined {
  const alternatives = (certificate.subjectaltname ?? '').split(', ');
  const isOne = (name: BackendTls['names'][number]) =>
    'uri' in name ? alternatives.includes(`URI:${name.uri}`) : tls.checkServerIdentity(name.hostname, { ...certificate, subject: {} as PeerCertificate['subject'] }) === undefined;
  return names.some(isOne) ? undefined : new Error(`the backend's certificate has none of the names that are asked for: ${certificate.subjectaltname ?? ''}`);
}
