import { Writable } from 'node:stream';
import type { Upgrade } from '../call.ts';
import { acceptWebSocket } from './webSocketChannels.ts';

const base64 = 'base64.binary.k8s.io';
const protocols = ['binary.k8s.io', base64];

/**
 * Sends what flows as the messages of a WebSocket, which it closes at the end; the client's messages are not read.
 * Throws 400. Mirrors k8s.io/streaming, httpstream/wsstream/stream.go.
 */
export async function readOverWebSocket(upgrade: Upgrade, pump: (out: Writable, signal: AbortSignal) => Promise<void>): Promise<void> {
  const { socket, protocol } = await acceptWebSocket(upgrade, protocols);
  const gone = new AbortController();
  socket.on('close', () => gone.abort());
  socket.on('error', () => socket.terminate());
  const out = new Writable({
    write(bytes: Buffer, _encoding, done) {
      if (socket.readyState !== socket.OPEN) return done();
      if (protocol === base64) socket.send(bytes.toString('base64'), { binary: false }, () => done());
      else socket.send(bytes, { binary: true }, () => done());
    },
  });
  void pump(out, gone.signal).then(
    () => out.end(() => socket.close(1000)),
    () => socket.close(1011),
  );
}
