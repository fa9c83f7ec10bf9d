/**
 * Where a connection to a Service goes, as data: what kube-proxy makes of Services and EndpointSlices for one node.
 * Pure; made in the engine, sent to the node agent as JSON, turned into nftables text by dataplane/.
 */
export interface ProxyModel {
  /** Pod addresses of the whole cluster, and of this node. */
  clusterCIDR: string;
  nodeCIDR: string;
  nodeIP: string;
  services: ServicePort[];
  /** Other nodes: their pods are reached through them. */
  routes: { cidr: string; via: string }[];
}

export interface ServicePort {
  /** `namespace/name:port`, for comments and counters. */
  name: string;
  protocol: 'TCP' | 'UDP' | 'SCTP';
  /** Every address at which the port is served: cluster IP, external IPs, load balancer addresses. */
  addresses: string[];
  port: number;
  /** 0: none. */
  nodePort: number;
  endpoints: EndpointAddress[];
  /** Seconds of client-IP affinity; 0: none. */
  affinitySeconds: number;
  /** For traffic that came in by node port or load balancer with externalTrafficPolicy Local; undefined: as `endpoints`. */
  externalEndpoints?: EndpointAddress[];
}

export interface EndpointAddress {
  ip: string;
  port: number;
}
