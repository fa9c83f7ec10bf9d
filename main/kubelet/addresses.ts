import { AddressRange, addressAt } from './cidr.ts';

/** Below it are the network's own address and its gateway's in the first node's range; it stays free in all, as with other network plugins. */
const first = 2;

/**
 * The pod addresses of one node. An address is never given out twice while it is in use, and an address just given
 * back is the last to be used again, so that a late packet finds nobody rather than somebody else.
 */
export class AddressPool {
  readonly #used = new Map<string, string>();
  readonly #range: AddressRange;
  #next = first;

  /** `taken`: addresses of the range that are no pod's, such as the node's own. */
  constructor(
    cidr: string,
    private readonly taken: readonly string[],
    /** The range of the addresses that pods have besides, where the cluster has two families. */
    private readonly ipv6?: string,
  ) {
    this.#range = new AddressRange(cidr);
  }

  /** An address for `owner` (a pod's uid); the same again while it has one. */
  take(owner: string): string {
    for (const [address, user] of this.#used) if (user === owner) return address;
    for (let tries = first; tries < this.#end; tries++) {
      const address = this.#range.at(this.#next);
      this.#goOnAfter(this.#next);
      if (this.#used.has(address) || this.taken.includes(address)) continue;
      this.#used.set(address, owner);
      return address;
    }
    throw new Error('failed to allocate for range 0: no IP addresses available in range set');
  }

  /** The IPv6 address that goes with one of the range, at the same place of its own; undefined where there is no such range. */
  ipv6Of(address: string): string | undefined {
    const offset = this.#range.offsetOf(address);
    return this.ipv6 && offset >= 0 && offset < this.#range.size ? addressAt(this.ipv6, offset) : undefined;
  }

  /** `owner` runs with this address already. */
  adopt(address: string, owner: string): void {
    this.#used.set(address, owner);
    const offset = this.#range.offsetOf(address);
    if (offset >= this.#next && offset < this.#end) this.#goOnAfter(offset);
  }

  /** The address of `owner` turned out to be somebody else's: it is not given out any more. */
  block(owner: string): void {
    for (const [address, user] of this.#used) if (user === owner) this.#used.set(address, '');
  }

  release(owner: string): void {
    for (const [address, user] of this.#used) if (user === owner) this.#used.delete(address);
  }

  /** The broadcast address, which is nobody's. */
  get #end(): number {
    return this.#range.size - 1;
  }

  #goOnAfter(offset: number): void {
    this.#next = offset + 1 < this.#end ? offset + 1 : first;
  }
}
