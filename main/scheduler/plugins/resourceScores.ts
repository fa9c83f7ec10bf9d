import { maxNodeScore } from '../framework.ts';
import type { NodeInfo } from '../nodeInfo.ts';
import type { PodInfo } from '../podInfo.ts';
import type { Resources } from '../../api/podResources.ts';

// How much of a node's resources would be taken. Undefined where the node has none, or the pod does not ask for it
// though it is an extended resource.

export interface Share {
  /** With the pod. */
  requested: number;
  capacity: number;
}

export function amountOf(resources: Resources, name: string): number {
  switch (name) {
    case 'cpu':
      return resources.milliCpu;
    case 'memory':
      return resources.memory;
    case 'ephemeral-storage':
      return resources.ephemeralStorage;
    default:
      return resources.scalar.get(name) ?? 0;
  }
}

const isScalar = (name: string) => name !== 'cpu' && name !== 'memory' && name !== 'ephemeral-storage';

/** Pods that ask for no CPU or memory count for a little of it. */
export function shareOf(name: string, pod: PodInfo, node: NodeInfo): Share | undefined {
  const capacity = amountOf(node.allocatable, name);
  const wanted = amountOf(pod.nonZeroRequests, name);
  if (capacity === 0 || (isScalar(name) && wanted === 0)) return undefined;
  return { requested: amountOf(node.nonZeroRequested, name) + wanted, capacity };
}

/** The same by what pods really ask for, without the pod and with it; at most the whole. */
export function fractionsOf(name: string, pod: PodInfo, node: NodeInfo): { without: number; withPod: number } | undefined {
  const capacity = amountOf(node.allocatable, name);
  const wanted = amountOf(pod.requests, name);
  if (capacity === 0 || (isScalar(name) && wanted === 0)) return undefined;
  const taken = amountOf(node.requested, name);
  return { without: Math.min(1, taken / capacity), withPod: Math.min(1, (taken + wanted) / capacity) };
}

export const leastAllocated = ({ requested, capacity }: Share): number =>
  requested > capacity ? 0 : Math.floor(((capacity - requested) * maxNodeScore) / capacity);

export const mostAllocated = ({ requested, capacity }: Share): number =>
  Math.floor((Math.min(requested, capacity) * maxNodeScore) / capacity);

/** Straight lines between points of percent used → score (0 to 100). Mirrors helper.BuildBrokenLinearFunction. */
export function brokenLine(shape: { utilization: number; score: number }[]): (utilization: number) => number {
  return (utilization) => {
    for (const [i, point] of shape.entries()) {
      if (utilization > point.utilization) continue;
      if (i === 0) return point.score;
      const before = shape[i - 1]!;
      const rise = (point.score - before.score) * (utilization - before.utilization);
      return before.score + Math.trunc(rise / (point.utilization - before.utilization));
    }
    return shape.at(-1)!.score;
  };
}
