import type { EndpointSlice, Service, ServicePort } from '../api/index.ts';
import { parseCIDR } from '../api/ip.ts';
import { addressFamily, serviceFamilies, type AddressFamily } from '../api/serviceAddress.ts';
import type { Protocol } from './hostPorts.ts';

/** This computer's own addresses. */
export const loopback = { IPv4: '127.0.0.1', IPv6: '::1' };

/** What a port of this computer stands for. */
export interface WantedPort {
  /** Of this computer: that of loopback in either family. */
  address: string;
  port: number;
  protocol: Protocol;
  /** Whether the load balancer needs it, or it is a node port. */
  balancer: boolean;
  /** Inside the cluster; `node`: at a node's own address of that family. */
  host: string;
  family: AddressFamily;
  inside: number;
}

/** As the ports of a load balancer are told apart: TCP and UDP may have the same number. */
export const portKey = ({ protocol, address, port }: Pick<WantedPort, 'protocol' | 'address' | 'port'>): string => `${protocol}/${address}/${port}`;

/**
 * Where this computer listens for a Service, and which of its families that leads to. Everything is found at 127.0.0.1, as
 * not every computer has IPv6; what has IPv6 addresses is found at ::1 as well.
 */
function waysTo(service: Service): { address: string; family: AddressFamily }[] {
  const families = serviceFamilies(service);
  return [{ address: loopback.IPv4, family: families.includes('IPv4') ? 'IPv4' : 'IPv6' }, ...(families.includes('IPv6') ? [{ address: loopback.IPv6, family: 'IPv6' as const }] : [])];
}

const isCarried = (port: ServicePort): boolean => (port.protocol ?? 'TCP') !== 'SCTP';

/** Ports of this computer that a Service asks for, by key. */
export function wantedPorts(service: Service, balanced: boolean): Map<string, WantedPort> {
  const { metadata, spec } = service;
  const wanted = new Map<string, WantedPort>();
  if (metadata!.deletionTimestamp || !spec || (spec.type !== 'NodePort' && spec.type !== 'LoadBalancer')) return wanted;
  const ways = waysTo(service);
  const add = (one: Omit<WantedPort, 'address' | 'family'>) => {
    for (const way of ways) {
      const clusterIP = spec.clusterIPs?.find((ip) => addressFamily(ip) === way.family) ?? one.host;
      wanted.set(portKey({ ...one, ...way }), { ...one, ...way, host: one.host === 'node' ? 'node' : clusterIP });
    }
  };
  for (const port of (spec.ports ?? []).filter(isCarried)) {
    const protocol = (port.protocol ?? 'TCP') as Protocol;
    if (port.nodePort) add({ port: port.nodePort, protocol, balancer: false, host: 'node', inside: port.nodePort });
    if (!balanced) continue;
    // Node ports obey externalTrafficPolicy, as a cloud's load balancer would have it.
    const [host, inside] = port.nodePort ? ['node', port.nodePort] : [spec.clusterIP ?? '', port.port];
    add({ port: port.port, protocol, balancer: true, host, inside });
  }
  return wanted;
}

/** Ports of a load balancer that no program here can carry: others of the same Service work all the same. */
export function notCarried({ spec }: Service): { balancer: boolean; text: string }[] {
  const ports = spec?.ports ?? [];
  return ports
    .filter((port) => !isCarried(port))
    .map(({ protocol, port }) => ({
      balancer: !ports.some(isCarried),
      text: `${protocol} port ${port} of this computer cannot lead into the cluster, only TCP and UDP ports can`,
    }));
}

const rangesAnnotation = 'service.beta.kubernetes.io/load-balancer-source-ranges';

/** Whether a client may use a load balancer: all may where nothing is said. Mirrors cloud-provider/service/helpers/helper.go. */
export function isAllowedSource({ metadata, spec }: Service, from: string): boolean {
  const ranges = spec?.loadBalancerSourceRanges ?? (metadata?.annotations?.[rangesAnnotation] ?? '').split(',');
  const given = ranges.map((range) => range.trim()).filter(Boolean);
  return given.length === 0 || given.some((range) => parseCIDR(`${from}/${range.split('/')[1]}`)?.network === parseCIDR(range)?.network);
}

/** The nodes that would answer a load balancer's health check: they have endpoints that are ready, or else some that serve as they end. */
export function nodesWithEndpoints(slices: EndpointSlice[]): Set<string> {
  const endpoints = slices.flatMap((slice) => slice.endpoints ?? []);
  const nodes = (usable: (endpoint: (typeof endpoints)[number]) => boolean | undefined) =>
    new Set(endpoints.flatMap((endpoint) => (endpoint.nodeName && usable(endpoint) ? [endpoint.nodeName] : [])));
  const ready = nodes(({ conditions }) => conditions?.ready ?? true);
  return ready.size > 0 ? ready : nodes(({ conditions }) => conditions?.serving && conditions.terminating);
}
