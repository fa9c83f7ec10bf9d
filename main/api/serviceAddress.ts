import type { IPAddress, Service } from './index.ts';

export type AddressFamily = 'IPv4' | 'IPv6';

/** Of an address or a range. */
export const addressFamily = (text: string): AddressFamily => (text.includes(':') ? 'IPv6' : 'IPv4');

/** The families that a Service has addresses of, its first choice first. */
export function serviceFamilies({ spec }: Service): AddressFamily[] {
  return [...new Set((spec?.clusterIPs ?? [spec?.clusterIP ?? '']).map(addressFamily))];
}

const familyLabel = 'ipaddress.kubernetes.io/ip-family';
const managerLabel = 'ipaddress.kubernetes.io/managed-by';
const manager = 'ipallocator.k8s.io';

/** The object that says that a Service holds an address. Mirrors pkg/registry/core/service/ipallocator/ipallocator.go (createIPAddress). */
export function serviceAddress(ip: string, { metadata }: Service): IPAddress {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IPAddress',
    metadata: { name: ip, labels: { [familyLabel]: addressFamily(ip), [managerLabel]: manager } },
    spec: { parentRef: { resource: 'services', namespace: metadata!.namespace, name: metadata!.name! } },
  };
}

/** Whether the cluster itself made it, and not a user. */
export const isManagedAddress = ({ metadata }: IPAddress): boolean => metadata?.labels?.[managerLabel] === manager;

/** Whether it says as much as the cluster makes it say. */
export const hasAddressLabels = (address: IPAddress): boolean =>
  isManagedAddress(address) && address.metadata!.labels![familyLabel] === addressFamily(address.metadata!.name!);
