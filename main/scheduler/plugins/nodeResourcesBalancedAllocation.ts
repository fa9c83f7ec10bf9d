import type { ScoredResource } from '../configuration.ts';
import { maxNodeScore, type Plugin } from '../framework.ts';
import { amountOf, hasSay } from './resourceScores.ts';

/** Prefers nodes whose resources the pod brings to similar shares. */
export function nodeResourcesBalancedAllocation({ resources }: { resources: ScoredResource[] }): Plugin {
  // A score has them until the next one begins.
  const before = new Float64Array(resources.length);
  const after = new Float64Array(resources.length);
  return {
    name: 'NodeResourcesBalancedAllocation',
    preScore: (_, { requests }) => (resources.every(({ name }) => amountOf(requests, name) === 0) ? 'skip' : undefined),
    score(_, pod, node) {
      let count = 0;
      for (const { name } of resources) {
        if (!hasSay(name, pod, node)) continue;
        const capacity = amountOf(node.allocatable, name);
        const taken = amountOf(node.requested, name);
        before[count] = Math.min(1, taken / capacity);
        after[count++] = Math.min(1, (taken + amountOf(pod.requests, name)) / capacity);
      }
      return maxNodeScore / 2 + Math.trunc((maxNodeScore / 2 + balance(after, count) - balance(before, count)) / 2);
    },
  };
}

/** 100 when the first `count` are used alike, less the further they are apart. */
function balance(fractions: Float64Array, count: number): number {
  if (count < 2) return maxNodeScore;
  // The deviation of two is half their distance.
  if (count === 2) return Math.trunc((1 - Math.abs(fractions[0]! - fractions[1]!) / 2) * maxNodeScore);
  let sum = 0;
  for (let i = 0; i < count; i++) sum += fractions[i]!;
  let squares = 0;
  for (let i = 0; i < count; i++) squares += (fractions[i]! - sum / count) ** 2;
  return Math.trunc((1 - Math.sqrt(squares / count)) * maxNodeScore);
}
