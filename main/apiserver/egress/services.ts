import type { EndpointSlice, Service, ServicePort } from '../../api/index.ts';
import { notFound, serviceUnavailable } from '../../api/status.ts';
import type { Random } from '../../util/random.ts';
import type { Objects } from '../registry/strategy.ts';

/** Where one of a Service's pods listens, and on which node it runs. */
export interface Endpoint {
  host: string;
  port: number;
  node?: string;
}

const serviceLabel = 'kubernetes.io/service-name';

/**
 * A ready endpoint behind a port of a Service, taken at random. Throws 404 and 503.
 * Mirrors k8s.io/apiserver/pkg/util/proxy/proxy.go (ResolveEndpoint).
 */
export async function resolveEndpoint(objects: Objects, random: Random, namespace: string, name: string, port: number): Promise<Endpoint> {
  const service = await objects.get<Service>({ group: '', version: 'v1', resource: 'services' }, namespace, name);
  if (!service) throw notFound({ group: '', kind: 'service' }, name);
  const type = service.spec?.type ?? 'ClusterIP';
  if (type === 'ExternalName') throw new Error(`unsupported service type ${JSON.stringify(type)}`);
  return resolveNamedPort(objects, random, service, portOf(service, port).name ?? '');
}

/** Throws 503. */
export function portOf(service: Service, port: number): ServicePort {
  const found = service.spec?.ports?.find((candidate) => candidate.port === port);
  if (!found) throw serviceUnavailable(`no service port ${port} found for service ${JSON.stringify(service.metadata!.name)}`);
  return found;
}

/** A ready endpoint behind the port of that name. Throws 503. */
export async function resolveNamedPort(objects: Objects, random: Random, service: Service, portName: string): Promise<Endpoint> {
  const { name, namespace } = service.metadata!;
  const all = await objects.list<EndpointSlice>({ group: 'discovery.k8s.io', version: 'v1', resource: 'endpointslices' }, namespace);
  const ready: Endpoint[] = [];
  for (const slice of all) {
    if (slice.metadata?.labels?.[serviceLabel] !== name) continue;
    const number = slice.ports?.find((candidate) => (candidate.name ?? '') === portName)?.port;
    if (number === undefined) continue;
    for (const { addresses, conditions, nodeName } of slice.endpoints ?? [])
      if (conditions?.ready !== false && addresses?.[0]) ready.push({ host: addresses[0], port: number, ...(nodeName ? { node: nodeName } : {}) });
  }
  const chosen = ready[Math.floor(random.next() * ready.length)];
  if (!chosen) throw serviceUnavailable(`no endpoints available for service ${JSON.stringify(name)}`);
  return chosen;
}
