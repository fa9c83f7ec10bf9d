/** An IP address as its bytes: 4 of them, or 16. */
export interface ParsedIP {
  bytes: number[];
  /** An IPv4 octet was written with leading zeros, which some software reads as octal. */
  leadingZeros: boolean;
  /** Written as `::ffff:1.2.3.4`; `bytes` are still 16. */
  ipv4Mapped: boolean;
}

/** Reads an address as Kubernetes always has (k8s.io/utils/net ParseIPSloppy): leading zeros are ignored, zones are refused. */
export function parseIP(text: string): ParsedIP | undefined {
  return text.includes(':') ? parseIPv6(text) : parseIPv4(text);
}

function parseIPv4(text: string): ParsedIP | undefined {
  const octets = text.split('.');
  if (octets.length !== 4 || !octets.every((octet) => /^\d+$/.test(octet) && Number(octet) <= 255)) return undefined;
  return {
    bytes: octets.map(Number),
    leadingZeros: octets.some((octet) => octet.length > 1 && octet.startsWith('0')),
    ipv4Mapped: false,
  };
}

function parseIPv6(text: string): ParsedIP | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  let leadingZeros = false;
  const sides: number[][] = [];
  for (const [index, half] of halves.entries()) {
    const bytes: number[] = [];
    const groups = half === '' ? [] : half.split(':');
    for (const [position, group] of groups.entries()) {
      const last = index === halves.length - 1 && position === groups.length - 1;
      if (last && group.includes('.')) {
        const tail = parseIPv4(group);
        if (!tail) return undefined;
        leadingZeros ||= tail.leadingZeros;
        bytes.push(...tail.bytes);
      } else {
        if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
        const value = parseInt(group, 16);
        bytes.push(value >> 8, value & 0xff);
      }
    }
    sides.push(bytes);
  }
  const [head, tail = []] = sides as [number[], number[]?];
  const missing = 16 - head.length - tail.length;
  // `::` stands for at least one group.
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  const bytes = [...head, ...new Array<number>(missing).fill(0), ...tail];
  return { bytes, leadingZeros, ipv4Mapped: bytes.slice(0, 10).every((b) => b === 0) && bytes[10] === 0xff && bytes[11] === 0xff };
}

/** The one way to write an address: RFC 5952; an IPv4-mapped one as IPv4. */
export function formatIP({ bytes, ipv4Mapped }: ParsedIP): string {
  if (bytes.length === 4 || ipv4Mapped) return bytes.slice(-4).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
  let start = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let run = 0;
    while (i + run < 8 && groups[i + run] === 0) run++;
    if (run > length) [start, length] = [i, run];
  }
  const text = (part: number[]) => part.map((group) => group.toString(16)).join(':');
  return start < 0 ? text(groups) : `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

export interface ParsedCIDR {
  address: ParsedIP;
  prefixLength: number;
  /** The prefix length, or the address, was written with leading zeros. */
  leadingZeros: boolean;
  /** The address has bits set beyond the prefix. */
  hostBits: boolean;
  /** The network in its one way to write it. */
  network: string;
}

/** Mirrors k8s.io/utils/net ParseCIDRSloppy. */
export function parseCIDR(text: string): ParsedCIDR | undefined {
  const slash = text.indexOf('/');
  if (slash < 0) return undefined;
  const address = parseIP(text.slice(0, slash));
  const length = text.slice(slash + 1);
  if (!address || !/^\d+$/.test(length) || Number(length) > address.bytes.length * 8) return undefined;
  const prefixLength = Number(length);
  const masked = address.bytes.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, prefixLength - 8 * i))) & 0xff);
  return {
    address,
    prefixLength,
    leadingZeros: address.leadingZeros || (length.length > 1 && length.startsWith('0')),
    hostBits: masked.some((byte, i) => byte !== address.bytes[i]),
    network: `${formatIP({ ...address, bytes: masked, ipv4Mapped: false })}/${prefixLength}`,
  };
}
