/** The API server's way out: to pods, nodes and Services, and to what lies outside of the cluster. */
import net from 'node:net';
import type { Duplex } from 'node:stream';
import { dialError } from '../../util/goErrors.ts';
import type { Endpoint } from './services.ts';

export { resolveEndpoint, resolveNamedPort, type Endpoint } from './services.ts';

/** The network of the cluster as this process enters it: through the agents of its nodes. */
export interface Egress {
  /** A TCP connection from inside the cluster, made from the node of that name if it can be reached, or else from any. */
  dial(host: string, port: number, node?: string): Promise<Duplex>;
  /** Whether an address belongs to that network: a pod's, a node's, a Service's. */
  covers(address: string): boolean;
}

/** Where there is no such network: everything is dialled from this process. */
export const directEgress: Egress = { dial: dialDirectly, covers: () => false };

/** By the cluster's network for what belongs to it, and from this process otherwise. Rejects in Go's words. */
export function dialAnywhere(egress: Egress, host: string, port: number): Promise<Duplex> {
  return inGoWords(host, port, egress.covers(host) ? egress.dial(host, port) : dialDirectly(host, port));
}

/** A connection to an endpoint in the cluster's network. Rejects in Go's words. */
export function dialEndpoint(egress: Egress, { host, port, node }: Endpoint): Promise<Duplex> {
  return inGoWords(host, port, egress.dial(host, port, node));
}

function inGoWords(host: string, port: number, dialling: Promise<Duplex>): Promise<Duplex> {
  return dialling.catch((error: unknown) => {
    throw dialError(host, port, error);
  });
}

export function dialDirectly(host: string, port: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port, noDelay: true });
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}
