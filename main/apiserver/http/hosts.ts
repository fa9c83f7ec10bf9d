import { isIP } from 'node:net';

const names = new Set([
  'localhost', '127.0.0.1', '[::1]', '::1',
  'kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local',
]);

/**
 * Guards against DNS rebinding: a browser that was lured to a name pointing at loopback sends that name.
 * `extra` are further names or addresses of this server (the Service's address); `covers` tells addresses of the cluster's
 * own network, where nodes answer for it.
 */
export class HostGuard {
  readonly #allowed: Set<string>;

  constructor(
    extra: readonly string[],
    private readonly covers: (address: string) => boolean = () => false,
  ) {
    this.#allowed = new Set([...names, ...extra]);
  }

  /** `host` as in the Host header: with or without a port. */
  allowsHost(host: string | undefined): boolean {
    if (host === undefined) return false;
    const name = withoutPort(host);
    return this.#allowed.has(name) || (isIP(name) !== 0 && this.covers(name));
  }

  /** An Origin comes from browsers only: no page but our own has business here. */
  allowsOrigin(origin: string | undefined): boolean {
    if (origin === undefined) return true;
    const scheme = origin.indexOf('://');
    return scheme > 0 && this.#allowed.has(withoutPort(origin.slice(scheme + 3)));
  }
}

function withoutPort(host: string): string {
  const colon = host.lastIndexOf(':');
  const text = colon > 0 && colon > host.lastIndexOf(']') && host.indexOf(':') === colon ? host.slice(0, colon) : host.replace(/(?<=\]):\d+$/, '');
  return text.toLowerCase();
}
