import { Writable } from 'node:stream';
import type { WebSocket } from 'ws';

/** The ASCII digit that stands for channel 0 where messages are text. */
const zero = 48;

/**
 * Numbered channels in one WebSocket: each message is led by its channel's number.
 * Mirrors k8s.io/streaming, httpstream/wsstream/conn.go.
 */
export class ChannelSocket {
  constructor(
    readonly socket: WebSocket,
    private readonly base64: boolean,
  ) {
    socket.on('error', () => socket.terminate());
  }

  /** `done` when the next may be sent; what comes after the socket's end is dropped. */
  send(channel: number, bytes: Uint8Array, done?: () => void): void {
    if (this.socket.readyState !== this.socket.OPEN) return done?.();
    const message = this.base64 ? String.fromCharCode(zero + channel) + Buffer.from(bytes).toString('base64') : Buffer.concat([Buffer.of(channel), bytes]);
    this.socket.send(message, { binary: !this.base64 }, () => done?.());
  }

  onMessage(listener: (channel: number, bytes: Buffer) => void): void {
    this.socket.on('message', (data: Buffer) => {
      if (data.length === 0) return;
      if (this.base64) listener(data[0]! - zero, Buffer.from(data.toString('latin1', 1), 'base64'));
      else listener(data[0]!, data.subarray(1));
    });
  }

  output(channel: number): Writable {
    return new Writable({ write: (bytes: Buffer, _encoding, done) => this.send(channel, bytes, done) });
  }
}
