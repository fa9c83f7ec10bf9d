import net from 'node:net';
import type { Duplex } from 'node:stream';

/** A port of this computer that is open for its own user only. */
export interface HostListener {
  close(): void;
}

/** Opens a port; rejects with the operating system's error (`code` EADDRINUSE, EACCES …). */
export type HostListen = (
  address: string,
  port: number,
  onConnection: (connection: Duplex) => void,
) => Promise<HostListener>;

export const listenOnHost: HostListen = (address, port, onConnection) =>
  new Promise((resolve, reject) => {
    const connections = new Set<net.Socket>();
    const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      connections.add(socket);
      socket.once('close', () => connections.delete(socket));
      socket.on('error', () => socket.destroy());
      onConnection(socket);
    });
    server.once('error', reject);
    server.listen({ host: address, port, exclusive: true }, () => {
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

/** Why a port could not be opened, for people. */
export function portProblem(port: number, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') return `port ${port} of this computer is taken by another program`;
  if (code === 'EACCES') return `port ${port} of this computer needs rights that Skiff does not have`;
  return `port ${port} of this computer cannot be opened: ${message}`;
}
