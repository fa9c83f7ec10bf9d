import type { AddressFamily } from '../../api/serviceAddress.ts';
import type { EndpointAddress } from '../model.ts';

/** What nftables calls the same things in the two families of addresses. */
export interface Words {
  /** The protocol, and the first word of the names of tables. */
  ip: 'ip' | 'ip6';
  address: 'ipv4_addr' | 'ipv6_addr';
  loopback: string;
  /** Loopback addresses at which host ports are found; the kernel lets none of IPv6's lead anywhere else. */
  hostPortLoopback: string[];
  dropRedirects: string;
  socket(at: EndpointAddress): string;
}

export const words: Record<AddressFamily, Words> = {
  IPv4: {
    ip: 'ip',
    address: 'ipv4_addr',
    loopback: '127.0.0.0/8',
    hostPortLoopback: ['127.0.0.1'],
    dropRedirects: 'icmp type redirect drop',
    socket: ({ ip, port }) => `${ip}:${port}`,
  },
  IPv6: {
    ip: 'ip6',
    address: 'ipv6_addr',
    loopback: '::1',
    hostPortLoopback: [],
    dropRedirects: 'icmpv6 type nd-redirect drop',
    socket: ({ ip, port }) => `[${ip}]:${port}`,
  },
};
