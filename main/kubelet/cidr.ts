import { formatIP, parseCIDR } from '../api/ip.ts';

/** An IPv4 range: its addresses are made when they are asked for, since a large cluster has many ranges. */
export class AddressRange {
  readonly #start: number;
  /** Of all addresses, those of the network and the broadcast among them. */
  readonly size: number;

  constructor(cidr: string) {
    const [base, bits] = cidr.split('/') as [string, string];
    this.#start = base.split('.').reduce((value, part) => value * 256 + Number(part), 0);
    this.size = 2 ** (32 - Number(bits));
  }

  /** The `offset`th address. */
  at(offset: number): string {
    const value = this.#start + offset;
    return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
  }

  /** Where the address is in the range; outside of 0 … size - 1 where it is not. */
  offsetOf(address: string): number {
    return address.split('.').reduce((value, part) => value * 256 + Number(part), 0) - this.#start;
  }
}

/** The `offset`th address of an IPv6 range. */
export function addressAt(cidr: string, offset: number): string {
  const { address } = parseCIDR(cidr)!;
  const bytes = [...address.bytes];
  for (let i = bytes.length - 1, rest = offset; rest > 0; i--, rest = Math.floor(rest / 256)) bytes[i]! += rest % 256;
  return formatIP({ ...address, bytes });
}
