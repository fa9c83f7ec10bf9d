import dgram from 'node:dgram';
import net from 'node:net';
import { Duplex } from 'node:stream';
import type { Clock, Timer } from '../util/clock.ts';

export type Protocol = 'TCP' | 'UDP';

/** A port of this computer that is open for its own user only. */
export interface HostListener {
  close(): void;
}

/** Who is there: a stream of bytes, or for UDP one of datagrams (object mode), and the address that it comes from. */
export type OnConnection = (connection: Duplex, from: string) => void;

/** Opens a port; rejects with the operating system's error (`code` EADDRINUSE, EACCES …). */
export type HostListen = (address: string, port: number, onConnection: OnConnection) => Promise<HostListener>;

export const listenOnHost: HostListen = (address, port, onConnection) =>
  new Promise((resolve, reject) => {
    const connections = new Set<net.Socket>();
    const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      connections.add(socket);
      socket.once('close', () => connections.delete(socket));
      socket.on('error', () => socket.destroy());
      onConnection(socket, socket.remoteAddress ?? '');
    });
    server.once('error', reject);
    server.listen({ host: address, port, exclusive: true, backlog: 4096 }, () => {
      server.removeListener('error', reject);
      server.on('error', () => {});
      resolve({
        close() {
          server.close();
          for (const socket of connections) socket.destroy();
        },
      });
    });
  });

/** How long a client of a UDP port may be silent, in milliseconds: as connection tracking has it for UDP that is answered. */
const silenceMs = 120_000;

/** The same for UDP: what one client sends is one connection, until it has been silent for a while. */
export function udpOnHost(clock: Clock): HostListen {
  return (address, port, onConnection) =>
    new Promise((resolve, reject) => {
      const flows = new Map<string, Flow>();
      const socket = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4');
      socket.once('error', reject);
      socket.on('message', (message, from) => {
        const key = `${from.address}:${from.port}`;
        let flow = flows.get(key);
        if (!flow) {
          flow = new Flow(clock, (answer) => socket.send(answer, from.port, from.address, () => {}));
          flows.set(key, flow);
          flow.once('close', () => flows.delete(key));
          onConnection(flow, from.address);
        }
        flow.receive(message);
      });
      socket.bind({ address, port, exclusive: true }, () => {
        socket.removeListener('error', reject);
        socket.on('error', () => {});
        resolve({
          close() {
            socket.close();
            for (const flow of flows.values()) flow.destroy();
          },
        });
      });
    });
}

/** What one client sends to a UDP port, and what is sent back to it. */
class Flow extends Duplex {
  #timer: Timer;

  constructor(
    private readonly clock: Clock,
    private readonly answer: (message: Buffer) => void,
  ) {
    super({ objectMode: true });
    this.on('error', () => {});
    this.#timer = this.#startTimer();
  }

  receive(message: Buffer): void {
    this.#alive();
    // As a full socket buffer, this loses what comes too fast.
    if (this.readableLength < this.readableHighWaterMark * 16) this.push(message);
  }

  override _read(): void {}

  override _write(message: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#alive();
    this.answer(message);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#timer.cancel();
    done(error);
  }

  #alive(): void {
    this.#timer.cancel();
    this.#timer = this.#startTimer();
  }

  #startTimer(): Timer {
    return this.clock.setTimer(silenceMs, () => this.destroy());
  }
}

/** Why a port could not be opened, for people. */
export function portProblem(port: number, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') return `port ${port} of this computer is taken by another program`;
  if (code === 'EACCES') return `port ${port} of this computer needs rights that Skiff does not have`;
  return `port ${port} of this computer cannot be opened: ${message}`;
}
