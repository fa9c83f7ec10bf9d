import { maxNodeScore } from '../framework.ts';

/**
 * Stretches scores, in place, so that the highest becomes 100; with `lowest` the other way round: 0 is best and
 * becomes 100. Mirrors DefaultNormalizeScore of pkg/scheduler/framework/plugins/helper.
 */
export function normalizeToBest(scores: number[], best: 'highest' | 'lowest'): void {
  let max = 0;
  for (const score of scores) if (score > max) max = score;
  for (let i = 0; i < scores.length; i++) {
    const share = max === 0 ? 0 : Math.floor((maxNodeScore * scores[i]!) / max);
    scores[i] = best === 'highest' ? share : maxNodeScore - share;
  }
}
