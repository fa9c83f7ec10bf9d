/** Where Ingresses are served, and Gateways as long as none of their ports is taken there. */
export const loopback = '127.0.0.1';

/** More addresses of this computer than anybody has Gateways. */
const spare = Array.from({ length: 250 }, (_, i) => `127.0.1.${i + 1}`);

/** Every address of 127.0.0.0/8 is this computer's own on Linux and Windows; elsewhere only the first is set up. */
export const loopbackAddresses = (platform: NodeJS.Platform): string[] => (platform === 'linux' || platform === 'win32' ? [loopback, ...spare] : [loopback]);

export const isLoopback = (address: string): boolean => /^127(\.\d{1,3}){3}$/.test(address);

/** What wants an address of its own: its ports, and where it has been so far. */
export interface Wish {
  ports: number[];
  /** Demanded: no other will do. */
  fixed?: string;
  before?: string;
}

/**
 * An address for each, such that no two have the same port at the same one; where it was before if that can be, else the
 * first of `all`. Those that find none share the first. `taken`: places (`address:port`) that other programs have.
 */
export function assignAddresses(wishes: Wish[], all: string[], taken: ReadonlySet<string>): string[] {
  const held = new Set<string>();
  const isFree = (address: string, ports: number[]) => ports.every((port) => !held.has(`${address}:${port}`) && !taken.has(`${address}:${port}`));
  const hold = (address: string, ports: number[]) => {
    for (const port of ports) held.add(`${address}:${port}`);
    return address;
  };
  const given = wishes.map(({ fixed, ports }) => (fixed === undefined ? undefined : hold(fixed, ports)));
  // Who is somewhere already stays there, before newcomers choose.
  for (const [i, { before, ports }] of wishes.entries()) if (given[i] === undefined && before !== undefined && all.includes(before) && isFree(before, ports)) given[i] = hold(before, ports);
  return wishes.map(({ ports }, i) => given[i] ?? hold(all.find((address) => isFree(address, ports)) ?? all[0]!, ports));
}
