import type { Pod, Service } from '../api/index.ts';
import { formatIP, parseIP } from '../api/ip.ts';
import { equalJson } from '../api/json.ts';
import { isPodFinished } from './pods.ts';

// What endpoints and endpoint slices of a service share. Mirrors k8s.io/endpointslice/utils.go and util/.

export const headlessLabel = 'service.kubernetes.io/headless';

/** Whether the service's endpoints are ours to make: it selects pods and is not a mere name. */
export const selectsPods = (service: Service): boolean =>
  Object.keys(service.spec?.selector ?? {}).length > 0 && service.spec!.type !== 'ExternalName';

export const hasClusterIP = (service: Service): boolean =>
  Boolean(service.spec?.clusterIP) && service.spec?.clusterIP !== 'None';

/** As Kubernetes writes addresses, however the kubelet has written them. */
export const podAddresses = (pod: Pod): string[] => {
  const ips = (pod.status?.podIPs ?? []).map(({ ip }) => canonical(ip));
  return ips.length > 0 ? ips : pod.status?.podIP ? [canonical(pod.status.podIP)] : [];
};

function canonical(ip: string): string {
  const parsed = ip.includes(':') ? parseIP(ip) : undefined;
  return parsed ? formatIP(parsed) : ip;
}

/** Whether the pod can be reached, or at least is on its way out with its address still there. */
export function belongsInEndpoints(pod: Pod, includeTerminating: boolean): boolean {
  if (isPodFinished(pod) || podAddresses(pod).length === 0) return false;
  return includeTerminating || !pod.metadata!.deletionTimestamp;
}

/** The pod's own name below the service's, which it gets when it asks for that service's subdomain. */
export function hostnameFor(pod: Pod, service: Service): string | undefined {
  const { hostname, subdomain } = pod.spec!;
  const own =
    hostname && subdomain === service.metadata!.name && pod.metadata!.namespace === service.metadata!.namespace;
  return own ? hostname : undefined;
}

/** Whether a change of the pod can matter to the endpoints it is part of. */
export function endpointChanged(old: Pod, pod: Pod): boolean {
  return (
    (old.metadata!.deletionTimestamp === undefined) !== (pod.metadata!.deletionTimestamp === undefined) ||
    old.spec!.nodeName !== pod.spec!.nodeName ||
    old.spec!.hostname !== pod.spec!.hostname ||
    old.spec!.subdomain !== pod.spec!.subdomain ||
    old.status?.phase !== pod.status?.phase ||
    readiness(old) !== readiness(pod) ||
    !equalJson(old.status?.podIPs ?? old.status?.podIP, pod.status?.podIPs ?? pod.status?.podIP) ||
    !equalJson(old.metadata!.labels, pod.metadata!.labels)
  );
}

const readiness = ({ status }: Pod) => status?.conditions?.find((condition) => condition.type === 'Ready')?.status;
