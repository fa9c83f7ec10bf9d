import net from 'node:net';
import os from 'node:os';
import type { Duplex } from 'node:stream';
import type { Clock } from '../util/clock.ts';
import { dialUdp } from '../util/udp.ts';

/** How long the first connection may take: a firewall of this computer may drop what goes to containers. */
const provingMs = 1500;
const dialTimeoutMs = 30_000;

export interface ShortWayOptions {
  /** Range of the nodes' network. */
  cidr: string;
  clock: Clock;
  /** Addresses of this computer; default: what the system says. */
  addresses?(): string[];
  /** Begins a connection; default: TCP's. */
  connect?(host: string, port: number): net.Socket;
}

const connect = (host: string, port: number): net.Socket => net.connect({ host, port, allowHalfOpen: true, noDelay: true });

const systemAddresses = (): string[] => Object.values(os.networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address));

/**
 * Connections from this computer straight to a node's own address, where the container engine's bridge is on this
 * computer itself (Linux, engine not rootless): no byte of them goes through the agent's tunnel.
 */
export class ShortWay {
  readonly #gateway: string;
  #here = false;
  #proven = false;
  #barred = false;

  constructor(private readonly options: ShortWayOptions) {
    this.#gateway = options.cidr.replace(/\.\d+\/\d+$/, '.1');
  }

  /** Whether it is open. The bridge has the gateway's address on this computer and nowhere else. */
  get isOpen(): boolean {
    if (this.#barred) return false;
    this.#here ||= (this.options.addresses ?? systemAddresses)().includes(this.#gateway);
    return this.#here;
  }

  /** Rejects as `connect` does; resolves with undefined, and from then on is not open, when nothing comes back at all. */
  dial(host: string, port: number): Promise<Duplex | undefined> {
    return new Promise((resolve, reject) => {
      const socket = (this.options.connect ?? connect)(host, port);
      const timer = this.options.clock.setTimer(this.#proven ? dialTimeoutMs : provingMs, () => {
        socket.destroy();
        if (this.#proven) return reject(new Error(`dial tcp ${host}:${port}: i/o timeout`));
        this.#barred = true;
        resolve(undefined);
      });
      socket.once('connect', () => {
        timer.cancel();
        this.#proven = true;
        socket.removeListener('error', reject);
        socket.on('error', () => socket.destroy());
        resolve(socket);
      });
      socket.once('error', (error) => {
        timer.cancel();
        reject(error);
      });
    });
  }

  dialUdp(host: string, port: number): Promise<Duplex> {
    return dialUdp(host, port);
  }
}
