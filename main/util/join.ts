import net from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * Joins two connections: what one receives the other sends. Each direction ends by itself; when one connection breaks,
 * so does the other. Lighter than two of Node's pipelines, which cost as much as making the connection.
 */
export function join(a: Duplex, b: Duplex): void {
  breaks(a, b);
  breaks(b, a);
  a.pipe(b);
  b.pipe(a);
}

function breaks(one: Duplex, other: Duplex): void {
  one.on('error', () => breakOff(other));
  one.on('close', () => {
    // Closed before it said all, or before it heard all: the other cannot go on.
    if (!one.readableEnded || !one.writableFinished) breakOff(other);
  });
}

/** Ends a connection so that its other end sees it broken (TCP's reset), and does not take what it has heard for all there is. */
export function breakOff(stream: Duplex): void {
  // What Node's own `resetAndDestroy` sets, which says a proper end before it resets. Only TCP's sockets know a reset.
  if (stream instanceof net.Socket && stream.remoteFamily !== undefined && !('encrypted' in stream)) Object.assign(stream, { resetAndClosing: true });
  stream.destroy();
}
