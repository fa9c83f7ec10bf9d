/**
 * Names of the cluster as data: what cluster DNS knows. Pure; made in the engine from Services, EndpointSlices and Pods,
 * sent to the node agents as JSON, answered from there.
 * The names mirror https://github.com/kubernetes/dns/blob/master/docs/specification.md (version 1.1.0).
 */
export interface DnsZone {
  /** `cluster.local` */
  domain: string;
  services: DnsService[];
  namespaces: string[];
  /** Who is asked about other names, where that is not this computer's own resolvers. */
  resolvers?: DnsResolvers;
}

export interface DnsResolvers {
  /** Resolvers (`address` or `address:port`) for the names below a domain; the longest domain wins. */
  stubDomains: { domain: string; servers: string[] }[];
  /** For all other names; empty: this computer's own. */
  upstream: string[];
}

export interface DnsService {
  namespace: string;
  name: string;
  /** Empty for a headless Service. */
  clusterIPs: string[];
  /** For type ExternalName. */
  externalName?: string;
  ports: { name: string; protocol: string; port: number }[];
  /** For a headless Service: its ready endpoints (all with publishNotReadyAddresses). */
  endpoints: { ip: string; hostname?: string; ports: { name: string; protocol: string; port: number }[] }[];
}
