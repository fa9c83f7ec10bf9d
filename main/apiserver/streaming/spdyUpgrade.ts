import { badRequest, failure } from '../../api/status.ts';
import type { Upgrade } from '../call.ts';

const versionHeader = 'x-stream-protocol-version';

/**
 * Which of the client's protocols is spoken here, in the client's order; '' when it names none.
 * Throws 400 and 403. Mirrors k8s.io/streaming, httpstream/httpstream.go (Handshake).
 */
export function chooseProtocol(upgrade: Upgrade, supported: readonly string[]): string {
  const header = upgrade.request.headers[versionHeader];
  const offered = [header ?? []].flat().flatMap((line) => line.split(',').map((p) => p.trim()));
  if (offered.length === 0) return '';
  const chosen = offered.find((p) => supported.includes(p));
  if (!chosen)
    throw failure(403, 'Forbidden', `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${supported.join(' ')}]`);
  return chosen;
}

/** Tells the client that SPDY begins. Throws 400 when it asked for something else. */
export function beginSpdy({ request, socket }: Upgrade, protocol: string): void {
  if (request.headers.upgrade?.toLowerCase() !== 'spdy/3.1')
    throw badRequest('unable to upgrade: missing upgrade headers in request');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n${protocol ? `X-Stream-Protocol-Version: ${protocol}\r\n` : ''}\r\n`,
  );
}

export const isWebSocket = ({ request }: Upgrade): boolean => request.headers.upgrade?.toLowerCase() === 'websocket';
