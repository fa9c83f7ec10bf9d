import type { EndpointSlice, Node, Pod, Service, ServiceCIDR } from '../api/index.ts';
import { keyOf } from '../api/meta.ts';
import { addressFamily, serviceFamilies, type AddressFamily } from '../api/serviceAddress.ts';
import { parseCIDR } from '../api/ip.ts';
import { categorizeEndpoints, readyOn, type NodeView } from './endpoints.ts';
import type { FamilyRules, HealthCheck, HostPort, ProxyModel, ServicePort } from './model.ts';

const defaultAffinitySeconds = 10_800;

export interface ClusterView {
  services: Service[];
  /** The slices of a Service, by its key. */
  slicesOf(key: string): EndpointSlice[];
  nodes: Node[];
  serviceCIDRs: ServiceCIDR[];
  /** Pods of a node; only those with host ports matter. */
  podsOf(node: string): Pod[];
  /** Ports that every node serves by itself, as `10.96.0.1:443/TCP`: no rule may lead away from there. */
  servedByNodes: ReadonlySet<string>;
}

export function internalIP(node: Node, family: AddressFamily = 'IPv4'): string | undefined {
  return node.status?.addresses?.find(({ type, address }) => type === 'InternalIP' && addressFamily(address) === family)?.address;
}

export const podCIDROf = ({ spec }: Node, family: AddressFamily): string | undefined =>
  [spec?.podCIDR ?? '', ...(spec?.podCIDRs ?? [])].find((cidr) => cidr !== '' && addressFamily(cidr) === family);

const leavingTaint = 'ToBeDeletedByClusterAutoscaler';

/** Mirrors pkg/proxy/healthcheck/proxy_health.go (SyncNode). */
export const isEligible = ({ metadata, spec }: Node): boolean => !metadata?.deletionTimestamp && !(spec?.taints ?? []).some(({ key }) => key === leavingTaint);

/** What the proxy of one node has to do; undefined while the node has no address or range yet. Pure. */
export function buildModel(cluster: ClusterView, nodeName: string): ProxyModel | undefined {
  const node = cluster.nodes.find((candidate) => candidate.metadata?.name === nodeName);
  if (!node) return undefined;
  const view: NodeView = { name: nodeName, zone: node.metadata?.labels?.['topology.kubernetes.io/zone'] };
  const proxied = cluster.services
    .flatMap((service) => (isProxied(service) ? [{ service, key: keyOf(service) }] : []))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ service }) => service);
  const rules = familyRules(cluster, node, view, proxied, 'IPv4');
  const ipv6 = familyRules(cluster, node, view, proxied, 'IPv6');
  return (
    rules && {
      ...rules,
      nodeEligible: isEligible(node),
      healthChecks: proxied.flatMap((service) => healthCheck(service, cluster, view)),
      ...(ipv6 ? { ipv6 } : {}),
    }
  );
}

/** Undefined where the node has no address or range of that family. */
function familyRules(cluster: ClusterView, node: Node, view: NodeView, proxied: Service[], family: AddressFamily): FamilyRules | undefined {
  const nodeIP = internalIP(node, family);
  const nodeCIDR = podCIDROf(node, family);
  if (!nodeIP || !nodeCIDR) return undefined;
  const routes = cluster.nodes.flatMap((other) => {
    const via = internalIP(other, family);
    const cidr = podCIDROf(other, family);
    return other !== node && via && cidr ? [{ cidr, via }] : [];
  });
  return {
    nodeCIDR,
    nodeIP,
    serviceCIDRs: [...new Set(cluster.serviceCIDRs.flatMap(({ spec }) => spec?.cidrs ?? []))].filter((cidr) => addressFamily(cidr) === family).sort(),
    services: proxied.flatMap((service) => servicePorts(service, cluster, view, family)),
    hostPorts: cluster.podsOf(view.name).flatMap((pod) => hostPortsOf(pod, family)),
    routes,
  };
}

export const hasHostPorts = ({ spec }: Pod): boolean =>
  !spec?.hostNetwork &&
  [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].some(({ ports }) => ports?.some(({ hostPort }) => hostPort));

function hostPortsOf({ spec, status }: Pod, family: AddressFamily): HostPort[] {
  const ip = [status?.podIP ?? '', ...(status?.podIPs ?? []).map((each) => each.ip)].find((address) => address !== '' && addressFamily(address) === family);
  if (!ip || status?.phase === 'Succeeded' || status?.phase === 'Failed') return [];
  const sideCars = (spec!.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  return [...spec!.containers, ...sideCars].flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, hostIP, containerPort, protocol }) =>
      hostPort && (!hostIP || addressFamily(hostIP) === family)
        ? [
            {
              protocol: (protocol ?? 'TCP') as HostPort['protocol'],
              ...(hostIP && hostIP !== '0.0.0.0' && hostIP !== '::' ? { hostIP } : {}),
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
  const family = serviceFamilies(service)[0]!;
  const local = (service.spec!.ports ?? []).flatMap((each) => readyOn(each, slices, node.name, family));
  return [{ namespace, name, port, localEndpoints: new Set(local).size }];
}

/** Mirrors pkg/proxy/util/utils.go (ShouldSkipService) and the label that gives a Service to another proxy. */
function isProxied(service: Service): boolean {
  const { clusterIP, type } = service.spec ?? {};
  if (!clusterIP || clusterIP === 'None' || type === 'ExternalName') return false;
  return service.metadata?.labels?.['service.kubernetes.io/service-proxy-name'] === undefined;
}

/** The ranges of a load balancer's clients; none: everybody. Mirrors pkg/proxy/serviceport.go. */
function sourceRangesOf({ spec }: Service, family: AddressFamily): string[] {
  const ranges = (spec!.loadBalancerSourceRanges ?? []).flatMap((range) => parseCIDR(range.trim()) ?? []).filter(({ network }) => addressFamily(network) === family);
  return ranges.some(({ prefixLength }) => prefixLength === 0) ? [] : ranges.map(({ network }) => network);
}

interface Made {
  slices: EndpointSlice[];
  servedByNodes: ReadonlySet<string>;
  ports: ServicePort[];
}

/** By Service object, then by whom it was made for: of a thousand Services one changes, and objects are never changed in place. */
const made = new WeakMap<Service, Map<string, Made>>();

function servicePorts(service: Service, cluster: ClusterView, node: NodeView, family: AddressFamily): ServicePort[] {
  if (!serviceFamilies(service).includes(family)) return [];
  const slices = cluster.slicesOf(keyOf(service));
  const { servedByNodes } = cluster;
  let known = made.get(service);
  if (!known) made.set(service, (known = new Map()));
  const whose = `${node.name} ${node.zone} ${family}`;
  const last = known.get(whose);
  if (last && last.servedByNodes === servedByNodes && last.slices.length === slices.length && last.slices.every((slice, i) => slice === slices[i])) return last.ports;
  const ports = makeServicePorts(service, slices, servedByNodes, node, family);
  known.set(whose, { slices, servedByNodes, ports });
  return ports;
}

function makeServicePorts(service: Service, slices: EndpointSlice[], servedByNodes: ReadonlySet<string>, node: NodeView, family: AddressFamily): ServicePort[] {
  const spec = service.spec!;
  const isOurs = (ip: string) => addressFamily(ip) === family;
  const outside = spec.type === 'NodePort' || spec.type === 'LoadBalancer';
  // An address of mode Proxy is somebody else's who connects to the nodes; loopback is everybody's own.
  const balancers = (service.status?.loadBalancer?.ingress ?? [])
    .filter(({ ip, ipMode }) => ip && ipMode !== 'Proxy' && !ip.startsWith('127.') && ip !== '::1')
    .flatMap(({ ip }) => (spec.type === 'LoadBalancer' && isOurs(ip!) ? [ip!] : []));
  const externalIPs = [...(spec.externalIPs ?? []).filter(isOurs), ...balancers];
  const ranges = balancers.length > 0 ? sourceRangesOf(service, family) : [];
  const all = (spec.clusterIPs ?? [spec.clusterIP!]).filter(isOurs);
  return (spec.ports ?? []).flatMap((port) => {
    const protocol = (port.protocol ?? 'TCP') as ServicePort['protocol'];
    const clusterIPs = all.filter((ip) => !servedByNodes.has(`${ip}:${port.port}/${protocol}`));
    if (clusterIPs.length === 0 && externalIPs.length === 0 && !port.nodePort) return [];
    const endpoints = categorizeEndpoints(service, port, slices, node, family);
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
        ...(ranges.length > 0 ? { firewall: { ips: balancers, ranges } } : {}),
      },
    ];
  });
}
