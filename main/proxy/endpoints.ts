import type { Endpoint, EndpointSlice, Service, ServicePort } from '../api/index.ts';
import type { AddressFamily } from '../api/serviceAddress.ts';
import type { EndpointAddress } from './model.ts';

/** An address that may serve one port of a Service. */
interface Candidate extends EndpointAddress {
  ready: boolean;
  serving: boolean;
  terminating: boolean;
  local: boolean;
  endpoint: Endpoint;
}

/** The node whose rules are made. */
export interface NodeView {
  name: string;
  zone: string | undefined;
}

export interface CategorizedEndpoints {
  cluster: EndpointAddress[];
  local: EndpointAddress[];
}

/**
 * Which endpoints serve a port: the ready ones, or those that still serve while they end when no other is left; by
 * topology hints where all have them. Mirrors pkg/proxy/topology.go (CategorizeEndpoints).
 */
export function categorizeEndpoints(
  service: Service,
  port: ServicePort,
  slices: EndpointSlice[],
  node: NodeView,
  family: AddressFamily,
): CategorizedEndpoints {
  const candidates = candidatesOf(port, slices, node.name, family);
  const available = topologyFilter(candidates, node);
  const usable = (among: Candidate[], ready: (candidate: Candidate) => boolean) => {
    const best = among.filter((candidate) => candidate.ready && ready(candidate));
    return best.length > 0 ? best : among.filter((candidate) => candidate.serving && candidate.terminating);
  };
  const addresses = (found: Candidate[]) => found.map(({ ip, port: at }) => ({ ip, port: at }));
  const usesLocal = service.spec?.internalTrafficPolicy === 'Local' || service.spec?.externalTrafficPolicy === 'Local';
  return {
    cluster: addresses(usable(candidates, available)),
    local: usesLocal
      ? addresses(
          usable(
            candidates.filter((candidate) => candidate.local),
            () => true,
          ),
        )
      : [],
  };
}

/** Addresses of a node that are ready for one port of a Service; those that end are not, even while they serve. */
export function readyOn(port: ServicePort, slices: EndpointSlice[], node: string, family: AddressFamily): string[] {
  return candidatesOf(port, slices, node, family).flatMap(({ ready, local, ip }) => (ready && local ? [ip] : []));
}

function candidatesOf(port: ServicePort, slices: EndpointSlice[], node: string, family: AddressFamily): Candidate[] {
  const found = new Map<string, Candidate>();
  for (const slice of slices) {
    if (slice.addressType !== family) continue;
    for (const slicePort of slice.ports ?? []) {
      // A port without a number stands for all ports; that is nothing to connect to.
      if ((slicePort.name ?? '') !== (port.name ?? '') || !slicePort.port) continue;
      for (const endpoint of slice.endpoints ?? []) {
        const [ip] = endpoint.addresses;
        if (ip === undefined) continue;
        const ready = endpoint.conditions?.ready ?? true;
        found.set(`${ip}:${slicePort.port}`, {
          ip,
          port: slicePort.port,
          ready,
          serving: endpoint.conditions?.serving ?? ready,
          terminating: endpoint.conditions?.terminating ?? false,
          local: endpoint.nodeName === node,
          endpoint,
        });
      }
    }
  }
  return [...found.values()].sort((a, b) => (a.ip < b.ip ? -1 : a.ip > b.ip ? 1 : a.port - b.port));
}

/** By node where every ready endpoint is hinted for some node and one for this; by zone likewise; else all. */
function topologyFilter(candidates: Candidate[], node: NodeView): (candidate: Candidate) => boolean {
  const ready = candidates.filter((candidate) => candidate.ready);
  const hintedFor = (names: (candidate: Candidate) => string[], name: string | undefined) => {
    const suits = (candidate: Candidate) => name !== undefined && names(candidate).includes(name);
    return ready.every((candidate) => names(candidate).length > 0) && ready.some(suits) ? suits : undefined;
  };
  const nodes = ({ endpoint }: Candidate) => endpoint.hints?.forNodes?.map((hint) => hint.name) ?? [];
  const zones = ({ endpoint }: Candidate) => endpoint.hints?.forZones?.map((hint) => hint.name) ?? [];
  return hintedFor(nodes, node.name) ?? hintedFor(zones, node.zone) ?? (() => true);
}
