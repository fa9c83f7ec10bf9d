/**
 * Where a connection to a Service goes, as data: what kube-proxy makes of Services and EndpointSlices for one node.
 * Pure; made in the engine, sent to the node agent as JSON, turned into nftables text by dataplane/.
 */
export interface ProxyModel {
  /** Pod addresses of the whole cluster, and of this node. */
  clusterCIDR: string;
  nodeCIDR: string;
  nodeIP: string;
  /** Whether load balancers may send new connections to the node: it is not about to go. */
  nodeEligible: boolean;
  services: ServicePort[];
  /** Ports of the node that lead to one of its pods. */
  hostPorts: HostPort[];
  /** Ports at which load balancers ask whether the node has endpoints of a Service. */
  healthChecks: HealthCheck[];
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
