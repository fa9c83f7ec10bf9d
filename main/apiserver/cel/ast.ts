import type { Bytes, Uint } from './values.ts';

/** Where in the text an expression stands, and under which number the checker's notes on it are kept. */
interface Place {
  id: number;
  /** Offset in UTF-16 units of the token that errors point at: an operator, a dot, an opening parenthesis. */
  at: number;
}

export type Literal = Place & { kind: 'literal'; value: null | boolean | bigint | number | string | Uint | Bytes };
export type Ident = Place & { kind: 'ident'; name: string };
/** `testOnly` is what `has(a.b)` asks. */
export type Select = Place & { kind: 'select'; operand: Expr; field: string; testOnly: boolean };
export type Call = Place & { kind: 'call'; fn: string; target?: Expr; args: Expr[] };
/** `optional` holds the places of elements that were written `?element`. */
export type ListExpr = Place & { kind: 'list'; elements: Expr[]; optional: ReadonlySet<number> };
export interface MapEntry {
  key: Expr;
  value: Expr;
  optional: boolean;
}
export type MapExpr = Place & { kind: 'map'; entries: MapEntry[] };
export interface StructField extends Place {
  name: string;
  value: Expr;
  optional: boolean;
}
export type StructExpr = Place & { kind: 'struct'; typeName: string; fields: StructField[] };
/** What every macro over a list or a map becomes: a fold. */
export type Comprehension = Place & {
  kind: 'fold';
  range: Expr;
  iterVar: string;
  /** Present when the macro names index (or key) and value. */
  iterVar2?: string;
  accuVar: string;
  accuInit: Expr;
  condition: Expr;
  step: Expr;
  result: Expr;
};

/** A parsed expression; mirrors github.com/google/cel-go/common/ast (expr.go). */
export type Expr = Literal | Ident | Select | Call | ListExpr | MapExpr | StructExpr | Comprehension;

/** The variable in which a macro's fold gathers its result; no expression can spell it. */
export const accumulator = '@result';
