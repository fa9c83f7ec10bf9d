import type { FieldErrors } from '../../validation/field.ts';
import { compileExpression, type ExpressionScope } from './compile.ts';

/** Judges an expression that somebody wants to store: one finding if it is none. */
export type CheckExpression = (errors: FieldErrors, field: string, expression: string, scope: ExpressionScope) => void;

export const checkExpression: CheckExpression = (errors, field, expression, scope) => {
  const compiled = compileExpression(expression, scope);
  if ('fault' in compiled) errors.invalid(field, expression, compiled.fault);
};
