import type { EndpointSlice, Node, Pod, Service } from '../api/index.ts';
import { keyOf } from '../api/meta.ts';
import { categorizeEndpoints, readyOn, type NodeView } from './endpoints.ts';
import type { HealthCheck, HostPort, ProxyModel, ServicePort } from './model.ts';

const defaultAffinitySeconds = 10_800;

export interface ClusterView {
  services: Service[];
  /** The slices of a Service, by its key. */
  slicesOf(key: string): EndpointSlice[];
  nodes: Node[];
  /** Pods of a node; only those with host ports matter. */
  podsOf(node: string): Pod[];
  /** Range of all pods' addresses. */
  clusterCIDR: string;
  /** Ports that every node serves by itself, as `10.96.0.1:443/TCP`: no rule may lead away from there. */
  servedByNodes: ReadonlySet<string>;
}

export function internalIP(node: Node): string | undefined {
  return node.status?.addresses?.find(({ type, address }) => type === 'InternalIP' && !address.includes(':'))?.address;
}

const leavingTaint = 'ToBeDeletedByClusterAutoscaler';

/** Mirrors pkg/proxy/healthcheck/proxy_health.go (SyncNode). */
export const isEligible = ({ metadata, spec }: Node): boolean => !metadata?.deletionTimestamp && !(spec?.taints ?? []).some(({ key }) => key === leavingTaint);

/** What the proxy of one node has to do; undefined while the node has no address or range yet. Pure. */
export function buildModel(cluster: ClusterView, nodeName: string): ProxyModel | undefined {
  const node = cluster.nodes.find((candidate) => candidate.metadata?.name === nodeName);
  const nodeIP = node && internalIP(node);
  const nodeCIDR = node?.spec?.podCIDR;
  if (!node || !nodeIP || !nodeCIDR) return undefined;
  const view: NodeView = { name: nodeName, zone: node.metadata?.labels?.['topology.kubernetes.io/zone'] };
  const routes = cluster.nodes.flatMap((other) => {
    const via = internalIP(other);
    return other !== node && via && other.spec?.podCIDR ? [{ cidr: other.spec.podCIDR, via }] : [];
  });
  const proxied = cluster.services.filter(isProxied).sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  return {
    clusterCIDR: cluster.clusterCIDR,
    nodeCIDR,
    nodeIP,
    nodeEligible: isEligible(node),
    services: proxied.flatMap((service) => servicePorts(service, cluster, view)),
    hostPorts: cluster.podsOf(nodeName).flatMap(hostPortsOf),
    healthChecks: proxied.flatMap((service) => healthCheck(service, cluster, view)),
    routes,
  };
}

export const hasHostPorts = ({ spec }: Pod): boolean =>
  !spec?.hostNetwork &&
  [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].some(({ ports }) => ports?.some(({ hostPort }) => hostPort));

function hostPortsOf({ spec, status }: Pod): HostPort[] {
  const ip = status?.podIP;
  if (!ip || !isIPv4(ip) || status?.phase === 'Succeeded' || status?.phase === 'Failed') return [];
  const sideCars = (spec!.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  return [...spec!.containers, ...sideCars].flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, hostIP, containerPort, protocol }) =>
      hostPort && (!hostIP || isIPv4(hostIP))
        ? [
            {
              protocol: (protocol ?? 'TCP') as HostPort['protocol'],
              ...(hostIP && hostIP !== '0.0.0.0' ? { hostIP } : {}),
              hostPort,
              pod: { ip, port: containerPort },
            },
          ]
        : [],
    ),
  );
}

/** Mirrors pkg/proxy/healthcheck/service_health.go: distinct ready endpoints on this node, whatever their port. */
function healthCheck(service: Service, cluster: ClusterView, node: NodeView): HealthCheck[] {
  const port = service.spec!.healthCheckNodePort;
  if (!port || service.spec!.externalTrafficPolicy !== 'Local') return [];
  const { namespace, name } = service.metadata as { namespace: string; name: string };
  const slices = cluster.slicesOf(keyOf(service));
  const local = (service.spec!.ports ?? []).flatMap((each) => readyOn(each, slices, node.name));
  return [{ namespace, name, port, localEndpoints: new Set(local).size }];
}

/** Mirrors pkg/proxy/util/utils.go (ShouldSkipService) and the label that gives a Service to another proxy. */
function isProxied(service: Service): boolean {
  const { clusterIP, type } = service.spec ?? {};
  if (!clusterIP || clusterIP === 'None' || type === 'ExternalName') return false;
  return service.metadata?.labels?.['service.kubernetes.io/service-proxy-name'] === undefined;
}

const isIPv4 = (ip: string): boolean => !ip.includes(':');

function servicePorts(service: Service, cluster: ClusterView, node: NodeView): ServicePort[] {
  const spec = service.spec!;
  const slices = cluster.slicesOf(keyOf(service));
  const outside = spec.type === 'NodePort' || spec.type === 'LoadBalancer';
  // An address of mode Proxy is somebody else's who connects to the nodes; loopback is everybody's own.
  const balancers = (service.status?.loadBalancer?.ingress ?? [])
    .filter(({ ip, ipMode }) => ip && ipMode !== 'Proxy' && !ip.startsWith('127.'))
    .map(({ ip }) => ip!);
  const externalIPs = [...(spec.externalIPs ?? []), ...(spec.type === 'LoadBalancer' ? balancers : [])].filter(isIPv4);
  const all = (spec.clusterIPs ?? [spec.clusterIP!]).filter(isIPv4);
  return (spec.ports ?? []).flatMap((port) => {
    const protocol = (port.protocol ?? 'TCP') as ServicePort['protocol'];
    const clusterIPs = all.filter((ip) => !cluster.servedByNodes.has(`${ip}:${port.port}/${protocol}`));
    if (clusterIPs.length === 0 && externalIPs.length === 0 && !port.nodePort) return [];
    const endpoints = categorizeEndpoints(service, port, slices, node);
    return [
      {
        name: `${keyOf(service)}:${port.name ?? ''}`,
        protocol,
        clusterIPs,
        externalIPs,
        port: port.port,
        nodePort: outside ? (port.nodePort ?? 0) : 0,
        endpoints: endpoints.cluster,
        localEndpoints: endpoints.local,
        internalLocal: spec.internalTrafficPolicy === 'Local',
        externalLocal: spec.externalTrafficPolicy === 'Local' && (outside || externalIPs.length > 0),
        affinitySeconds:
          spec.sessionAffinity === 'ClientIP'
            ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? defaultAffinitySeconds)
            : 0,
      },
    ];
  });
}
