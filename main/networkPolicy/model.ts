/**
 * Which connections of a node's pods are allowed, as data: what NetworkPolicies, Pods and Namespaces come to for one
 * node. Pure; made in the engine, sent to the node agent as JSON, turned into nftables text by dataplane/.
 */
export interface PolicyModel {
  ingress: Isolation[];
  egress: Isolation[];
  /** Addresses of pods, by the name that rules have for them: the same name for the same selectors. */
  peers: Record<string, string[]>;
  /** Where ports of a name are, by the name that rules have for them. */
  ports: Record<string, PortAddress[]>;
}

/** Pods of this node that the same policies select: nothing but what a rule allows reaches (or leaves) them. */
export interface Isolation {
  /** Tells it from others, for as long as the same policies make it. */
  name: string;
  pods: string[];
  allowed: AllowRule[];
}

export interface AllowRule {
  /** Who may connect, or be connected to; undefined: everybody. */
  peers?: PeerMatch[];
  /** At which ports; undefined: all, of every protocol. */
  ports?: PortMatch[];
}

export type PeerMatch = { pods: string } | { cidr: string; except: string[] };

export type PortMatch =
  /** `from` and `to` are left out for all ports of the protocol. */
  { protocol: Protocol; from?: number; to?: number } | { named: string };

export type Protocol = 'TCP' | 'UDP' | 'SCTP';

export interface PortAddress {
  ip: string;
  protocol: Protocol;
  port: number;
}
