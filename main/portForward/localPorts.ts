import type { Duplex } from 'node:stream';

/** A port that is open. */
export interface Listening {
  close(): void;
}

/** Opens a TCP port of one address; rejects with the operating system's error. Connections are half-open when one side ends. */
export type Listen = (address: string, port: number, onConnection: (connection: Duplex) => void) => Promise<Listening>;

/** Nobody but this computer's own programs gets in. */
const address = '127.0.0.1';
/** How many ports are tried before it is said that none is free. */
const tries = 200;
const largest = 65_535;

/** Below it, ports are the system's: they are not proposed. */
const firstOwn = 1024;
const shift = 8000;

/** Ports to try in the place of one: 8080 for 80, and then what follows. */
export function* portsNear(port: number): Generator<number> {
  const from = port >= firstOwn ? port : port + shift;
  for (let at = from; at < from + tries; at++) yield at <= largest ? at : at - largest + shift;
}

export const listenAt = (listen: Listen, port: number, onConnection: (connection: Duplex) => void): Promise<Listening> => listen(address, port, onConnection);

/** Opens the first port near another that is free. */
export async function listenNear(listen: Listen, near: number, onConnection: (connection: Duplex) => void): Promise<{ port: number; listening: Listening }> {
  let last: unknown;
  for (const port of portsNear(near)) {
    try {
      return { port, listening: await listenAt(listen, port, onConnection) };
    } catch (error) {
      last = error;
    }
  }
  throw last;
}
