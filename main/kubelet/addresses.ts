import { addressesOf } from './cidr.ts';

/**
 * The pod addresses of one node. An address is never given out twice while it is in use, and an address just given
 * back is the last to be used again, so that a late packet finds nobody rather than somebody else.
 */
export class AddressPool {
  readonly #used = new Map<string, string>();
  readonly #all: string[];
  #next = 0;

  /** `taken`: addresses of the range that are no pod's, such as the node's own. */
  constructor(cidr: string, taken: string[]) {
    // .1 is the network's gateway in the first node's range; it stays free in all, as with other network plugins.
    this.#all = addressesOf(cidr, 2).filter((address) => !taken.includes(address));
  }

  /** An address for `owner` (a pod's uid); the same again while it has one. */
  take(owner: string): string {
    for (const [address, user] of this.#used) if (user === owner) return address;
    for (let tries = 0; tries < this.#all.length; tries++) {
      const address = this.#all[this.#next]!;
      this.#next = (this.#next + 1) % this.#all.length;
      if (this.#used.has(address)) continue;
      this.#used.set(address, owner);
      return address;
    }
    throw new Error('failed to allocate for range 0: no IP addresses available in range set');
  }

  /** `owner` runs with this address already. */
  adopt(address: string, owner: string): void {
    this.#used.set(address, owner);
    const index = this.#all.indexOf(address);
    if (index >= this.#next) this.#next = (index + 1) % this.#all.length;
  }

  /** The address of `owner` turned out to be somebody else's: it is not given out any more. */
  block(owner: string): void {
    for (const [address, user] of this.#used) if (user === owner) this.#used.set(address, '');
  }

  release(owner: string): void {
    for (const [address, user] of this.#used) if (user === owner) this.#used.delete(address);
  }
}
