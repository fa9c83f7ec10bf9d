import { maxNodeScore } from '../framework.ts';
import type { NodeInfo } from '../nodeInfo.ts';
import type { PodInfo } from '../podInfo.ts';
import type { Resources } from '../../api/podResources.ts';

// How much of a node's resources would be taken. Asked for every node that a pod fits, so nothing is made on the way.

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

/** Whether the resource has a say: not where the node has none, nor an extended one that the pod does not ask for. */
export const hasSay = (name: string, pod: PodInfo, node: NodeInfo): boolean =>
  amountOf(node.allocatable, name) !== 0 && !(isScalar(name) && amountOf(pod.requests, name) === 0);

/** A score by what would be taken of a resource with the pod, and by what there is. */
export type Strategy = (requested: number, capacity: number) => number;

export const leastAllocated: Strategy = (requested, capacity) =>
  requested > capacity ? 0 : Math.floor(((capacity - requested) * maxNodeScore) / capacity);

export const mostAllocated: Strategy = (requested, capacity) =>
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
