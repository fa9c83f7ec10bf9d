import type { EndpointSlice, Namespace, Service } from '../api/index.ts';
import { keyOf } from '../api/meta.ts';
import type { DnsResolvers, DnsService, DnsZone } from './records.ts';

export interface NamesView {
  domain: string;
  services: Service[];
  slicesOf(key: string): EndpointSlice[];
  namespaces: Namespace[];
  resolvers?: DnsResolvers;
}

/** The zone of a cluster. Pure. */
export function buildZone(view: NamesView): DnsZone {
  const services = view.services.flatMap((service) => dnsService(service, view) ?? []);
  services.sort((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1));
  return {
    domain: view.domain,
    services,
    namespaces: view.namespaces.map((namespace) => namespace.metadata!.name!).sort(),
    ...(view.resolvers ? { resolvers: view.resolvers } : {}),
  };
}

function dnsService(service: Service, view: NamesView): DnsService | undefined {
  const { spec } = service;
  const { namespace, name } = service.metadata as { namespace: string; name: string };
  if (!spec) return undefined;
  const base = { namespace, name, ports: [], endpoints: [], clusterIPs: [] };
  if (spec.type === 'ExternalName') return spec.externalName ? { ...base, externalName: spec.externalName } : undefined;
  const ports = (spec.ports ?? []).map((port) => ({
    name: port.name ?? '',
    protocol: port.protocol ?? 'TCP',
    port: port.port,
  }));
  if (spec.clusterIP && spec.clusterIP !== 'None')
    return { ...base, clusterIPs: spec.clusterIPs ?? [spec.clusterIP], ports };
  // Neither an address nor headless: it has not been given one yet.
  if (spec.clusterIP !== 'None') return undefined;
  return { ...base, ports, endpoints: view.slicesOf(keyOf(service)).flatMap(endpointsOf) };
}

function endpointsOf(slice: EndpointSlice): DnsService['endpoints'] {
  const ports = (slice.ports ?? []).flatMap(({ name, protocol, port }) =>
    port ? [{ name: name ?? '', protocol: protocol ?? 'TCP', port }] : [],
  );
  return (slice.endpoints ?? [])
    .filter((endpoint) => endpoint.conditions?.ready ?? true)
    .flatMap(({ addresses, hostname }) => addresses.map((ip) => ({ ip, ...(hostname ? { hostname } : {}), ports })));
}
