import { parseCIDR, parseIP } from '../../api/ip.ts';

/** Whether an address is in a range; asked for thousands of them. */
export function within(cidr: string): (ip: string) => boolean {
  const { network, prefixLength } = parseCIDR(cidr)!;
  const octets = prefixLength / 8;
  if (network.includes(':') || !Number.isInteger(octets) || octets === 4) {
    const range = parseIP(network.split('/')[0]!)!.bytes;
    const isSame = (bytes: number[], i: number) => ((bytes[i]! ^ range[i]!) & (0xff00 >> Math.min(8, prefixLength - 8 * i)) & 0xff) === 0;
    const count = Math.ceil(octets);
    return (ip) => {
      const bytes = parseIP(ip)!.bytes;
      for (let i = 0; i < count; i++) if (bytes.length !== range.length || !isSame(bytes, i)) return false;
      return true;
    };
  }
  const start = network.split('.').slice(0, octets).map((octet) => `${octet}.`).join('');
  return (ip) => ip.startsWith(start);
}

/** Those of some ranges of one family that no other one of them holds: a set of nftables refuses what overlaps. */
export function withoutOverlap(cidrs: string[]): string[] {
  const parse = (cidr: string) => {
    const { network, prefixLength, address } = parseCIDR(cidr)!;
    const start = BigInt(`0x${parseIP(network.split('/')[0]!)!.bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('')}`);
    return { network, start, end: start + (1n << BigInt(address.bytes.length * 8 - prefixLength)) - 1n };
  };
  const order = (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0);
  const result: ReturnType<typeof parse>[] = [];
  for (const range of cidrs.map(parse).sort((a, b) => order(a.start, b.start) || order(b.end, a.end)))
    if (range.start > (result.at(-1)?.end ?? -1n)) result.push(range);
  return result.map(({ network }) => network);
}
