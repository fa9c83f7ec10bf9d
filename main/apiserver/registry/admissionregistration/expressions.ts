import type { FieldErrors } from '../../validation/field.ts';

/** What an expression of a policy or webhook may speak of, besides object, oldObject, request and namespaceObject. */
export interface ExpressionScope {
  params: boolean;
  authorizer: boolean;
  /** Names of `variables` that may be used, in their order, with their expressions. */
  variables?: readonly { name: string; expression: string }[];
  /** What it must come to. */
  result: 'bool' | 'string' | 'string?' | 'any' | 'object' | 'jsonPatch';
}

/** Judges an expression that somebody wants to store: one finding in upstream's words if it is none. */
export type CheckExpression = (errors: FieldErrors, field: string, expression: string, scope: ExpressionScope) => void;
