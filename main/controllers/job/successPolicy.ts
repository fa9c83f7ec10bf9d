import type { SuccessPolicy } from '../../api/index.ts';
import { overlapOf, parseIntervals, totalOf, type Interval } from './intervals.ts';

/** In words, which rule makes the Job a success already; undefined for none. Mirrors pkg/controller/job/success_policy.go. */
export function matchSuccessPolicy(
  policy: SuccessPolicy | undefined,
  completions: number,
  succeeded: Interval[],
): string | undefined {
  if (!policy || succeeded.length === 0) return undefined;
  const index = policy.rules.findIndex(({ succeededIndexes, succeededCount }) => {
    if (succeededIndexes === undefined) return succeededCount !== undefined && totalOf(succeeded) >= succeededCount;
    const required = parseIntervals(succeededIndexes, completions);
    if (required.length === 0) return false;
    const reached = overlapOf(required, succeeded);
    return reached === totalOf(required) || (succeededCount !== undefined && reached >= succeededCount);
  });
  return index < 0 ? undefined : `Matched rules at index ${index}`;
}
