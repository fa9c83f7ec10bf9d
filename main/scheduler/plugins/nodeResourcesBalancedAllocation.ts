import type { ScoredResource } from '../configuration.ts';
import { maxNodeScore, type Plugin } from '../framework.ts';
import { amountOf, fractionsOf } from './resourceScores.ts';

/** Prefers nodes whose resources the pod brings to similar shares. */
export function nodeResourcesBalancedAllocation({ resources }: { resources: ScoredResource[] }): Plugin {
  return {
    name: 'NodeResourcesBalancedAllocation',
    preScore: (_, { requests }) => (resources.every(({ name }) => amountOf(requests, name) === 0) ? 'skip' : undefined),
    score(_, pod, node) {
      const before: number[] = [];
      const after: number[] = [];
      for (const { name } of resources) {
        const fractions = fractionsOf(name, pod, node);
        if (!fractions) continue;
        before.push(fractions.without);
        after.push(fractions.withPod);
      }
      return maxNodeScore / 2 + Math.trunc((maxNodeScore / 2 + balance(after) - balance(before)) / 2);
    },
  };
}

/** 100 when all are used alike, less the further they are apart. */
function balance(fractions: number[]): number {
  if (fractions.length < 2) return maxNodeScore;
  // The deviation of two is half their distance.
  if (fractions.length === 2) return Math.trunc((1 - Math.abs(fractions[0]! - fractions[1]!) / 2) * maxNodeScore);
  const mean = fractions.reduce((sum, each) => sum + each, 0) / fractions.length;
  const variance = fractions.reduce((sum, each) => sum + (each - mean) ** 2, 0) / fractions.length;
  return Math.trunc((1 - Math.sqrt(variance)) * maxNodeScore);
}
