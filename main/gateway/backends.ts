import type { EndpointSlice, Service } from '../api/index.ts';
import type { Informer } from '../client/index.ts';
import type { ServiceBackend } from './model.ts';

/** Where a backend's requests can go. */
export interface Endpoint {
  host: string;
  port: number;
  node?: string;
}

const serviceName = 'kubernetes.io/service-name';
export const byService = 'gateway/service';

export interface BackendsView {
  services: Pick<Informer<Service>, 'get'>;
  /** Indexed by Service under `byService`. */
  slices: Pick<Informer<EndpointSlice>, 'byIndex'>;
}

export const serviceOfSlice = ({ metadata }: EndpointSlice): string[] => {
  const name = metadata?.labels?.[serviceName];
  return name ? [`${metadata!.namespace}/${name}`] : [];
};

export type Resolved = { kind: 'endpoints'; endpoints: Endpoint[]; appProtocol: string | undefined } | { kind: 'unknown' };

/** The endpoints of a Service's port that can take requests: the ready ones, or else those that still serve as they end. */
export function resolveBackend(view: BackendsView, { namespace, service, port }: ServiceBackend): Resolved {
  const key = `${namespace}/${service}`;
  const found = view.services.get(key);
  const servicePort = found?.spec?.ports?.find((each) => (typeof port === 'number' ? each.port === port : each.name === port));
  if (!servicePort) return { kind: 'unknown' };
  const ready: Endpoint[] = [];
  const serving: Endpoint[] = [];
  const slices = view.slices.byIndex(byService, key);
  const family = slices.some(({ addressType, endpoints }) => addressType === 'IPv4' && endpoints?.length) ? 'IPv4' : 'IPv6';
  for (const slice of slices) {
    const number = slice.ports?.find((each) => (each.name ?? '') === (servicePort.name ?? ''))?.port;
    if (!number || slice.addressType !== family) continue;
    for (const { addresses, conditions, nodeName } of slice.endpoints ?? []) {
      const endpoint = { host: addresses[0]!, port: number, ...(nodeName ? { node: nodeName } : {}) };
      if (conditions?.ready ?? true) ready.push(endpoint);
      else if (conditions?.serving && conditions.terminating) serving.push(endpoint);
    }
  }
  return { kind: 'endpoints', endpoints: ready.length > 0 ? ready : serving, appProtocol: servicePort.appProtocol };
}

/** Where an endpoint is, as URLs have it. */
export const authorityOf = ({ host, port }: Endpoint): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;
