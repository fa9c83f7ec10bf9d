import dns from 'node:dns';
import type { Clock } from '../util/clock.ts';
import { askServers } from './ask.ts';

export interface ForwarderOptions {
  clock: Clock;
  /** `address` or `address:port`; asked anew each time, because networks change. Default: this computer's resolvers. */
  servers?(): string[];
}

/** Asks this computer's own resolvers: a DNS message in, the answer out. Rejects when none answers. */
export function createForwarder({ clock, servers = () => dns.getServers() }: ForwarderOptions): (message: Buffer) => Promise<Buffer> {
  return (message) => askServers(clock, servers(), message);
}
