import type { KubeObject } from './meta.ts';

/* The kinds of metrics.k8s.io/v1beta1 (upstream: k8s.io/metrics/pkg/apis/metrics/v1beta1). No client library's types have them. */

/** Quantities of `cpu` (cores) and `memory` (bytes). */
export interface Usage {
  cpu: string;
  memory: string;
}

export interface NodeMetrics extends KubeObject {
  /** When the window ended, RFC 3339. */
  timestamp: string;
  /** Over which time the CPU was measured, as Go writes a duration: `15.2s`. */
  window: string;
  usage: Usage;
}

export interface PodMetrics extends KubeObject {
  timestamp: string;
  window: string;
  containers: { name: string; usage: Usage }[];
}
