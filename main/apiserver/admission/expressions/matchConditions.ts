import type { MatchCondition } from '../../../api/index.ts';
import { celLimits } from '../../cel/index.ts';
import { OutOfBudget, RequestEvaluation, type EvaluationInput } from './evaluation.ts';

/**
 * Whether all conditions hold; a text says why that cannot be told. One that does not hold outweighs others that fail.
 * Mirrors k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions/matcher.go.
 */
export function matchConditionsHold(conditions: readonly MatchCondition[] | undefined, input: Omit<EvaluationInput, 'budget' | 'variables' | 'namespace'>): boolean | string {
  if (!conditions?.length) return true;
  const evaluation = new RequestEvaluation({ ...input, budget: celLimits.matchConditionsBudget });
  const errors: string[] = [];
  for (const { expression } of conditions) {
    try {
      const outcome = evaluation.evaluate(expression, 'bool');
      if ('error' in outcome) errors.push(outcome.error);
      else if (outcome.value === false) return false;
    } catch (error) {
      if (error instanceof OutOfBudget) return error.message;
      throw error;
    }
  }
  if (!errors.length) return true;
  return errors.length === 1 ? errors[0]! : `[${errors.join(', ')}]`;
}
