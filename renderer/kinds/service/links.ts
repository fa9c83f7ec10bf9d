import type { Service, ServicePort } from '../../../main/api/index.ts';
import { schemeOf } from './scheme.ts';

/** Where this computer reaches a port of a Service from outside of the cluster; empty where it does not. */
export function linkOf({ spec, status }: Service, { port, nodePort, protocol, name, appProtocol }: ServicePort): string {
  if (protocol && protocol !== 'TCP') return '';
  const scheme = schemeOf({ port, name, appProtocol });
  const balancer = spec?.type === 'LoadBalancer' ? status?.loadBalancer?.ingress?.[0] : undefined;
  const host = balancer?.hostname ?? balancer?.ip;
  if (host) return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}/`;
  return nodePort ? `${scheme}://localhost:${nodePort}/` : '';
}
