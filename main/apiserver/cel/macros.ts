import { accumulator, type Expr } from './ast.ts';
import { SyntaxFault } from './lexer.ts';
import type { Nodes } from './parser.ts';

/**
 * What a call becomes that is a macro; undefined when it is none. Mirrors github.com/google/cel-go (parser/macro.go,
 * cel/library.go, ext/comprehensions.go, ext/lists.go).
 */
export function expandMacro(nodes: Nodes, at: number, name: string, args: Expr[], target?: Expr): Expr | undefined {
  if (!target) return name === 'has' && args.length === 1 ? presence(at, args[0]!) : undefined;
  const expander = macros[`${name}/${args.length}`];
  return expander?.(new Fold(nodes, at, target), args);
}

/** `cel.bind(name, value, result)`, which only selectors of devices have. Mirrors github.com/google/cel-go/ext (bindings.go). */
export function expandBinding(nodes: Nodes, at: number, name: string, args: Expr[], target?: Expr): Expr | undefined {
  if (name !== 'bind' || args.length !== 3 || target?.kind !== 'ident' || target.name !== 'cel') return undefined;
  return bound(new Fold(nodes, at, target), args[0]!, args[1]!, args[2]!);
}

function presence(at: number, operand: Expr): Expr {
  if (operand.kind === 'select' && !operand.testOnly) return { ...operand, at, testOnly: true };
  throw new SyntaxFault({ at: operand.at, message: 'invalid argument to has() macro' });
}

class Fold {
  constructor(
    readonly nodes: Nodes,
    readonly at: number,
    readonly target: Expr,
  ) {}

  accu = () => this.nodes.ident(this.at, accumulator);
  literal = (value: boolean | bigint) => this.nodes.literal(this.at, value);
  call = (fn: string, ...args: Expr[]) => this.nodes.call(this.at, fn, args);
  list = (...elements: Expr[]) => this.nodes.list(this.at, elements);
  emptyMap = (): Expr => ({ kind: 'map', id: this.nodes.next(), at: this.at, entries: [] });
  append = (element: Expr) => this.call('_+_', this.accu(), this.list(element));

  over(vars: Expr[], init: Expr, condition: Expr, step: Expr, result: Expr = this.accu()): Expr {
    return this.overRange(this.target, vars, init, condition, step, result);
  }

  overRange(range: Expr, vars: Expr[], init: Expr, condition: Expr, step: Expr, result: Expr): Expr {
    const [first, second] = names(vars);
    return {
      kind: 'fold',
      id: this.nodes.next(),
      at: this.at,
      range,
      iterVar: first!,
      ...(second !== undefined && { iterVar2: second }),
      accuVar: accumulator,
      accuInit: init,
      condition,
      step,
      result,
    };
  }

  filtered(filter: Expr | undefined, step: Expr): Expr {
    return filter ? this.call('_?_:_', filter, step, this.accu()) : step;
  }
}

function names(vars: Expr[]): string[] {
  const found = vars.map((variable) => {
    if (variable.kind !== 'ident') throw new SyntaxFault({ at: variable.at, message: 'argument must be a simple name' });
    return variable.name;
  });
  if (found.length === 2 && found[0] === found[1]) throw new SyntaxFault({ at: vars[1]!.at, message: `duplicate variable name: ${found[0]}` });
  return found;
}

type Expander = (fold: Fold, args: Expr[]) => Expr;

const all: Expander = (fold, args) =>
  fold.over(args.slice(0, -1), fold.literal(true), fold.call('@not_strictly_false', fold.accu()), fold.call('_&&_', fold.accu(), args.at(-1)!));

const exists: Expander = (fold, args) =>
  fold.over(
    args.slice(0, -1),
    fold.literal(false),
    fold.call('@not_strictly_false', fold.call('!_', fold.accu())),
    fold.call('_||_', fold.accu(), args.at(-1)!),
  );

const existsOne: Expander = (fold, args) =>
  fold.over(
    args.slice(0, -1),
    fold.literal(0n),
    fold.literal(true),
    fold.filtered(args.at(-1), fold.call('_+_', fold.accu(), fold.literal(1n))),
    fold.call('_==_', fold.accu(), fold.literal(1n)),
  );

/** `map` and `transformList`: the transformed elements, of those that a filter lets pass. */
const toList =
  (vars: number): Expander =>
  (fold, args) => {
    const filter = args.length > vars + 1 ? args[vars] : undefined;
    return fold.over(args.slice(0, vars), fold.list(), fold.literal(true), fold.filtered(filter, fold.append(args.at(-1)!)));
  };

const filter: Expander = (fold, [variable, predicate]) => {
  const [name] = names([variable!]);
  return fold.over([variable!], fold.list(), fold.literal(true), fold.filtered(predicate, fold.append(fold.nodes.ident(variable!.at, name!))));
};

const toMap: Expander = (fold, args) => {
  const [key] = names(args.slice(0, 2));
  const step = fold.call('cel.@mapInsert', fold.accu(), fold.nodes.ident(fold.at, key!), args.at(-1)!);
  return fold.over(args.slice(0, 2), fold.emptyMap(), fold.literal(true), fold.filtered(args.length > 3 ? args[2] : undefined, step));
};

const toMapEntries: Expander = (fold, args) => {
  const step = fold.call('cel.@mapInsert', fold.accu(), args.at(-1)!);
  return fold.over(args.slice(0, 2), fold.emptyMap(), fold.literal(true), fold.filtered(args.length > 3 ? args[2] : undefined, step));
};

/** A fold over nothing, whose variable is a value. */
function bound(fold: Fold, variable: Expr, value: Expr, result: Expr): Expr {
  const [name] = names([variable]);
  return {
    kind: 'fold',
    id: fold.nodes.next(),
    at: fold.at,
    range: fold.list(),
    iterVar: '#unused',
    accuVar: name!,
    accuInit: value,
    condition: fold.literal(false),
    step: fold.nodes.ident(fold.at, name!),
    result,
  };
}

const optionalMap =
  (wrap: boolean): Expander =>
  (fold, [variable, mapping]) => {
    const mapped = bound(fold, variable!, fold.nodes.call(fold.at, 'value', [], fold.target), mapping!);
    return fold.call('_?_:_', fold.nodes.call(fold.at, 'hasValue', [], fold.target), wrap ? fold.call('optional.of', mapped) : mapped, fold.call('optional.none'));
  };

const sortBy: Expander = (fold, [variable, key]) => {
  const input = () => fold.nodes.ident(fold.at, '@__sortBy_input__');
  const keys = fold.overRange(input(), [variable!], fold.list(), fold.literal(true), fold.append(key!), fold.accu());
  return bound(fold, input(), fold.target, fold.nodes.call(fold.at, '@sortByAssociatedKeys', [keys], input()));
};

const macros: Record<string, Expander> = {
  'all/2': all,
  'all/3': all,
  'exists/2': exists,
  'exists/3': exists,
  'exists_one/2': existsOne,
  'existsOne/2': existsOne,
  'exists_one/3': existsOne,
  'existsOne/3': existsOne,
  'map/2': toList(1),
  'map/3': toList(1),
  'filter/2': filter,
  'transformList/3': toList(2),
  'transformList/4': toList(2),
  'transformMap/3': toMap,
  'transformMap/4': toMap,
  'transformMapEntry/3': toMapEntries,
  'transformMapEntry/4': toMapEntries,
  'optMap/2': optionalMap(true),
  'optFlatMap/2': optionalMap(false),
  'sortBy/2': sortBy,
};
