import type { APIService, EndpointSlice, Service } from '../../api/index.ts';
import type { Objects } from '../registry/strategy.ts';

export interface Availability {
  available: boolean;
  reason: string;
  message: string;
}

/**
 * Whether the server behind an APIService is there; `discover` asks it what it serves.
 * Mirrors k8s.io/kube-aggregator/pkg/controllers/status/remote/remote_available_controller.go.
 */
export async function availability({ spec }: APIService, objects: Objects, discover: () => Promise<void>): Promise<Availability> {
  const { name = '', namespace = '', port = 443 } = spec!.service!;
  const not = (reason: string, message: string): Availability => ({ available: false, reason, message });
  const where = `${namespace}/${name}`;
  const service = await objects.get<Service>({ group: '', version: 'v1', resource: 'services' }, namespace, name);
  if (!service) return not('ServiceNotFound', `service/${name} in ${JSON.stringify(namespace)} is not present`);
  if ((service.spec?.type ?? 'ClusterIP') === 'ClusterIP') {
    const found = service.spec?.ports?.find((candidate) => candidate.port === port);
    if (!found) return not('ServicePortError', `service/${name} in ${JSON.stringify(namespace)} is not listening on port ${port}`);
    const all = await objects.list<EndpointSlice>({ group: 'discovery.k8s.io', version: 'v1', resource: 'endpointslices' }, namespace);
    const slices = all.filter((slice) => slice.metadata?.labels?.['kubernetes.io/service-name'] === name);
    if (!slices.length) return not('EndpointsNotFound', `cannot find endpointslices for service/${name} in ${JSON.stringify(namespace)}`);
    const ready = slices.some(
      (slice) => slice.ports?.some((candidate) => (candidate.name ?? '') === (found.name ?? '')) && slice.endpoints?.some(({ addresses, conditions }) => addresses?.length && conditions?.ready !== false),
    );
    if (!ready) return not('MissingEndpoints', `endpointslices for service/${name} in ${JSON.stringify(namespace)} have no addresses with port name ${JSON.stringify(found.name ?? '')}`);
  }
  try {
    await discover();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return not('FailedDiscoveryCheck', `failing or missing response from https://${where}:${port}/apis/${spec!.group}/${spec!.version}: ${why}`);
  }
  return { available: true, reason: 'Passed', message: 'all checks passed' };
}
