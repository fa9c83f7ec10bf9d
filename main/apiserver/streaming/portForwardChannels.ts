import { Duplex, type Writable } from 'node:stream';
import type { ChannelSocket } from './channelSocket.ts';

/** One forwarded port: what flows, and what went wrong. */
export interface ForwardedPort {
  port: number;
  data: Duplex;
  errors: Writable;
}

/**
 * Two channels for each port, for data and for errors, both led by the port's number; the socket is closed when all of them are over.
 * Mirrors k8s.io/cri-streaming, portforward/websocket.go.
 */
export function portForwardChannels(channels: ChannelSocket, ports: readonly number[]): ForwardedPort[] {
  const { socket } = channels;
  const pairs = ports.map((port, at): ForwardedPort => {
    const data = new Duplex({
      read: () => socket.resume(),
      write: (bytes: Buffer, _encoding, done) => channels.send(2 * at, bytes, done),
    });
    const errors = channels.output(2 * at + 1);
    const number = Buffer.alloc(2);
    number.writeUInt16LE(port);
    data.write(number);
    errors.write(number);
    return { port, data, errors };
  });
  channels.onMessage((channel, bytes) => {
    const data = channel % 2 === 0 ? pairs[channel / 2]?.data : undefined;
    if (bytes.length > 0 && data && !data.destroyed && !data.push(bytes)) socket.pause();
  });
  socket.on('close', () => {
    for (const { data, errors } of pairs) {
      data.destroy();
      errors.destroy();
    }
  });
  return pairs;
}
