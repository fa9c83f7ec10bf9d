import { maxNodeScore, type Plugin } from '../framework.ts';
import type { Resources } from '../../api/podResources.ts';

/** Prefers nodes whose CPU and memory the pod brings to similar shares. */
export const nodeResourcesBalancedAllocation: Plugin = {
  name: 'NodeResourcesBalancedAllocation',
  preScore: (_, { requests }) => (requests.milliCpu === 0 && requests.memory === 0 ? 'skip' : undefined),
  score(_, { requests }, { requested, allocatable }) {
    const withPod = balance(requested.milliCpu + requests.milliCpu, requested.memory + requests.memory, allocatable);
    const without = balance(requested.milliCpu, requested.memory, allocatable);
    return maxNodeScore / 2 + Math.trunc((maxNodeScore / 2 + withPod - without) / 2);
  },
};

/** 100 when both are used alike, less the further they are apart. */
function balance(milliCpu: number, memory: number, allocatable: Resources): number {
  // The deviation of two fractions is half their distance; of a single one it is nothing.
  if (allocatable.milliCpu === 0 || allocatable.memory === 0) return maxNodeScore;
  const cpuShare = Math.min(1, milliCpu / allocatable.milliCpu);
  const memoryShare = Math.min(1, memory / allocatable.memory);
  return Math.trunc((1 - Math.abs(cpuShare - memoryShare) / 2) * maxNodeScore);
}
