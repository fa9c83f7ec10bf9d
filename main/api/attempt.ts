/** One try to find a node for a pod, in words. */
export interface Attempt {
  /** Milliseconds since the epoch. */
  at: number;
  result: 'Scheduled' | 'Unschedulable' | 'Error';
  /** Where the pod went. */
  node?: string;
  message?: string;
  /** What each plugin thought of each node that was looked at. */
  nodes: NodeVerdict[];
}

export interface NodeVerdict {
  name: string;
  /** The plugin that said no, and why. */
  rejectedBy?: string;
  reasons?: readonly string[];
  /** What the node has too little of, by numbers of now and not of then. */
  shortages?: Shortage[];
  /** Weighted scores by plugin, and their sum; only where there were several nodes to choose from. */
  scores?: Record<string, number>;
  total?: number;
}

/** A resource of which a node has less left than a pod asks for. Amounts are quantities. */
export interface Shortage {
  resource: string;
  asked: string;
  /** What nobody has asked for yet. */
  free: string;
  allocatable: string;
  /** Those who hold most of it, the greatest first. */
  heldBy: { namespace: string; name: string; amount: string }[];
}
