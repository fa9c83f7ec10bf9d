/** Expressions of webhooks and policies: what they may speak of, whether they make sense, and what they come to for a request. */
export { compileExpression, type CompiledExpression, type ExpressionResult, type ExpressionScope } from './compile.ts';
export { checkExpression, type CheckExpression } from './check.ts';
export { OutOfBudget, RequestEvaluation, type Outcome } from './evaluation.ts';
export { matchConditionsHold } from './matchConditions.ts';
