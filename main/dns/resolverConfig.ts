import type { ConfigMap } from '../api/index.ts';
import { parseIP } from '../api/ip.ts';
import { isDns1123Subdomain } from '../api/names.ts';
import type { DnsResolvers } from './records.ts';

/** Where users say it, in kube-dns' shape. */
export const configNamespace = 'kube-system';
export const configName = 'kube-dns';

/**
 * What the ConfigMap kube-system/kube-dns says of other names: `stubDomains`, JSON of domain → addresses, and
 * `upstreamNameservers`, JSON of addresses. Undefined where it says nothing. Throws, with what is wrong, for what is no such
 * JSON. Mirrors https://github.com/kubernetes/dns/blob/master/pkg/dns/config/config.go.
 */
export function resolversOf({ data = {} }: ConfigMap): DnsResolvers | undefined {
  const stubs = parsed(data, 'stubDomains', {});
  const upstream = parsed(data, 'upstreamNameservers', []);
  if (typeof stubs !== 'object' || stubs === null || Array.isArray(stubs)) throw new Error('stubDomains is no object of domains');
  const stubDomains = Object.entries(stubs as Record<string, unknown>).map(([name, servers]) => {
    const domain = name.toLowerCase().replace(/\.$/, '');
    if (isDns1123Subdomain(domain).length > 0) throw new Error(`stubDomains: ${JSON.stringify(name)} is no domain`);
    return { domain, servers: addresses(`stubDomains[${name}]`, servers) };
  });
  const found = { stubDomains, upstream: addresses('upstreamNameservers', upstream) };
  return found.stubDomains.length + found.upstream.length > 0 ? found : undefined;
}

function parsed(data: Record<string, string>, key: string, initial: unknown): unknown {
  const text = data[key];
  if (text === undefined || text.trim() === '') return initial;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Error(`${key} is no JSON`);
  }
}

function addresses(path: string, value: unknown): string[] {
  if (!Array.isArray(value)) throw new Error(`${path} is no list of addresses`);
  for (const text of value as unknown[]) if (typeof text !== 'string' || !isServer(text)) throw new Error(`${path}: ${JSON.stringify(text)} is no address`);
  return value as string[];
}

function isServer(text: string): boolean {
  const [, host = '', port] = /^\[(.+)\]:(\d+)$/.exec(text) ?? /^([^:]+):(\d+)$/.exec(text) ?? [];
  return parseIP(text) !== undefined || (parseIP(host) !== undefined && Number(port) > 0 && Number(port) < 65_536);
}
