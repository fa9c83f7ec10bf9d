/**
 * Where a connection to a Service goes, as data: what kube-proxy makes of Services and EndpointSlices for one node.
 * Pure; made in the engine, sent to the node agent as JSON, turned into nftables text by dataplane/.
 */
export interface ProxyModel extends FamilyRules {
  /** Whether load balancers may send new connections to the node: it is not about to go. */
  nodeEligible: boolean;
  /** Ports at which load balancers ask whether the node has endpoints of a Service. */
  healthChecks: HealthCheck[];
  /** The same for IPv6, where the node has such an address as well. */
  ipv6?: FamilyRules;
}

/** What depends on the family of addresses: the two know nothing of each other. */
export interface FamilyRules {
  /** Pod addresses of this node. */
  nodeCIDR: string;
  nodeIP: string;
  /** Where addresses of Services come from: what none has leads nowhere. */
  serviceCIDRs: string[];
  services: ServicePort[];
  /** Ports of the node that lead to one of its pods. */
  hostPorts: HostPort[];
  /** Other nodes: their pods are reached through them. */
  routes: { cidr: string; via: string }[];
}

export interface ServicePort {
  /** `namespace/name:port`, for comments and counters. */
  name: string;
  protocol: 'TCP' | 'UDP' | 'SCTP';
  /** Addresses for clients within the cluster. */
  clusterIPs: string[];
  /** External IPs and load balancer addresses that lead to the nodes. */
  externalIPs: string[];
  port: number;
  /** 0: none. */
  nodePort: number;
  /** What can serve, wherever it runs. */
  endpoints: EndpointAddress[];
  /** What can serve on this node; only where a policy asks for it. */
  localEndpoints: EndpointAddress[];
  /** internalTrafficPolicy Local. */
  internalLocal: boolean;
  /** externalTrafficPolicy Local: clients from outside keep their address and reach this node's endpoints only. */
  externalLocal: boolean;
  /** Seconds of client-IP affinity; 0: none. */
  affinitySeconds: number;
  /** Load balancer addresses that only clients of these ranges may use. */
  firewall?: { ips: string[]; ranges: string[] };
}

export interface HostPort {
  protocol: ServicePort['protocol'];
  /** Undefined: every address of the node. */
  hostIP?: string;
  hostPort: number;
  pod: EndpointAddress;
}

export interface HealthCheck {
  namespace: string;
  name: string;
  port: number;
  /** How many endpoints of the Service this node has. */
  localEndpoints: number;
}

export interface EndpointAddress {
  ip: string;
  port: number;
}
