import type { Call, Comprehension, Expr, Select } from './ast.ts';
import type { Checked } from './checker.ts';
import { callCost, costsByResult } from './cost.ts';
import { accepts, type Overload } from './functions.ts';
import { re2 } from './regex.ts';
import { isDyn, type CelType } from './types.ts';
import {
  ArrayList, CelError, CelList, CelMap, CelObject, CostLimitExceeded, EntryMap, Optional, TypeValue, Uint, type Value,
} from './values.ts';

/** Where an evaluation finds the variables; undefined: the variable has no value. */
export type Variables = (name: string) => Value | undefined;

/** One evaluation: what it may still cost, and the variables of its folds. */
class Frame {
  cost = 0;
  readonly locals: Array<Value | CelError> = [];

  constructor(
    readonly variables: Variables,
    readonly limit: number,
  ) {}

  spend(cost: number): void {
    this.cost += cost;
    if (this.cost > this.limit) throw new CostLimitExceeded();
  }
}

/**
 * `constant`: the value, known while planning; it costs nothing. `attribute`: a variable and what is selected from it,
 * which is charged as one; `choice`: one of several by a condition, whose beginning is not charged.
 */
interface Step {
  (frame: Frame): Value;
  readonly constant?: Value;
  readonly attribute?: 'plain' | 'choice';
}

const constant = (value: Value): Step => Object.assign(() => value, { constant: value });
const attribute = (step: (frame: Frame) => Value, kind: Step['attribute'] = 'plain'): Step => Object.assign(step, { attribute: kind });
const isConstant = (step: Step): step is Step & { constant: Value } => step.constant !== undefined;

/** An expression that cannot be made ready to run: a part of it is constant and fails. The message is that of the failure. */
export class PlanFault extends Error {}

/** Of constants, these are computed while planning. */
const conversions = new Set(['bool', 'bytes', 'double', 'duration', 'dyn', 'int', 'string', 'timestamp', 'type', 'uint']);
/** Which argument is a regular expression. */
const patternAt: Readonly<Record<string, number>> = { matches: 1, find: 1, findAll: 1 };

export interface Evaluation {
  value: Value;
  cost: number;
}

/** An expression that was refused or failed, and what it cost until then. */
export interface EvaluationFault {
  error: CelError;
  cost: number;
}

/** A checked expression, ready to run. Mirrors github.com/google/cel-go/interpreter (planner.go, interpretable.go, runtimecost.go). */
export class Program {
  readonly #step: Step;

  constructor(checked: Checked, typeOf: (name: string) => CelType | undefined) {
    this.#step = new Planner(checked, typeOf).plan(checked.expr);
  }

  /** `limit` is in CEL's units of cost; beyond it the evaluation ends with CostLimitExceeded. */
  evaluate(variables: Variables, limit: number): Evaluation | EvaluationFault {
    const frame = new Frame(variables, limit);
    try {
      return { value: this.#step(frame), cost: frame.cost };
    } catch (error) {
      if (error instanceof CelError) return { error, cost: frame.cost };
      // Expressions nest up to the parser's limit, but values may nest deeper.
      if (error instanceof RangeError) return { error: new CelError('evaluation too deep'), cost: frame.cost };
      throw error;
    }
  }
}

class Planner {
  /** Fold variables in scope, innermost last; a variable's place is its index in the frame's locals. */
  readonly #scope: string[] = [];

  constructor(
    private readonly checked: Checked,
    private readonly typeOf: (name: string) => CelType | undefined,
  ) {}

  /** Not `charged`: the variable at the beginning of what is selected costs nothing. */
  plan(expr: Expr, charged = true): Step {
    switch (expr.kind) {
      case 'literal':
        return constant(expr.value);
      case 'ident':
        return this.#ident(expr, this.checked.references.get(expr.id) ?? expr.name, charged, expr.name.startsWith('.'));
      case 'select':
        return this.#select(expr, charged);
      case 'call':
        return this.#call(expr, charged);
      case 'list': {
        const items = expr.elements.map((element) => this.plan(element));
        if (items.every(isConstant)) return constant(new ArrayList(items.map((item) => item.constant)));
        const { optional } = expr;
        return (frame) => {
          const values: Value[] = [];
          for (let i = 0; i < items.length; i++) {
            const value = items[i]!(frame);
            if (!optional.has(i)) values.push(value);
            else if (asOptional(value).value !== undefined) values.push(asOptional(value).value!);
          }
          frame.spend(10);
          return new ArrayList(values);
        };
      }
      case 'map': {
        const entries = expr.entries.map(({ key, value, optional }) => ({ key: this.plan(key), value: this.plan(value), optional }));
        const fixed = entries.flatMap(({ key, value }): Array<[Value, Value]> => (isConstant(key) && isConstant(value) ? [[key.constant, value.constant]] : []));
        if (fixed.length === entries.length) return constant(new EntryMap(fixed));
        return (frame) => {
          const found: Array<[Value, Value]> = [];
          for (const entry of entries) {
            const key = entry.key(frame);
            const value = entry.value(frame);
            if (!entry.optional) found.push([key, value]);
            else if (asOptional(value).value !== undefined) found.push([key, asOptional(value).value!]);
          }
          frame.spend(30);
          return new EntryMap(found);
        };
      }
      case 'struct': {
        const name = this.checked.references.get(expr.id)!;
        const fields = expr.fields.map((field) => ({ name: field.name, value: this.plan(field.value), optional: field.optional }));
        return (frame) => {
          const found = new Map<string, Value>();
          for (const field of fields) {
            const value = field.value(frame);
            if (!field.optional) found.set(field.name, value);
            else if (asOptional(value).value !== undefined) found.set(field.name, asOptional(value).value!);
          }
          frame.spend(40);
          return new CelObject(name, found);
        };
      }
      case 'fold':
        return this.#fold(expr);
    }
  }

  #ident(expr: Expr, name: string, charged: boolean, global = false): Step {
    const cost = charged ? 1 : 0;
    const place = global ? -1 : this.#scope.lastIndexOf(name);
    if (place >= 0)
      return attribute((frame) => {
        frame.spend(cost);
        const value = frame.locals[place]!;
        if (value instanceof CelError) throw value;
        return value;
      });
    const type = this.typeOf(name);
    if (type && this.checked.types.get(expr.id)?.kind === 'type') return constant(new TypeValue(runtimeName(type)));
    return attribute((frame) => {
      frame.spend(cost);
      const value = frame.variables(name);
      if (value === undefined) throw new CelError(`no such attribute(s): ${name}`);
      return value;
    });
  }

  /** What something is selected from: that which is no variable becomes one, in effect, and is charged so. */
  #root(expr: Expr, charged: boolean): Step {
    const step = this.plan(expr, charged);
    if (step.attribute || !charged) return step;
    return (frame) => {
      const value = step(frame);
      frame.spend(1);
      return value;
    };
  }

  #select(expr: Select, charged: boolean): Step {
    const reference = this.checked.references.get(expr.id);
    if (reference !== undefined) return this.#ident(expr, reference, charged, true);
    const operand = this.#root(expr.operand, charged);
    const { field } = expr;
    if (expr.testOnly) return (frame) => isPresent(operand(frame), field);
    return attribute((frame) => {
      const value = operand(frame);
      if (value instanceof Optional) return found(frame, optionalField(value, field), 1);
      frame.spend(1);
      return select(value, field);
    }, operand.attribute);
  }

  #call(expr: Call, charged: boolean): Step {
    const name = this.checked.functions.get(expr.id) ?? expr.fn;
    const overloads = this.checked.overloads.get(expr.id) ?? [];
    const target = expr.target && !this.checked.functions.has(expr.id) ? [expr.target] : [];
    const argExprs = [...target, ...expr.args];
    if (name === '_?_:_') return this.#conditional(argExprs);
    if (name === '_[_]' || name === '_[?_]' || name === '_?._') return this.#index(name, argExprs, charged);
    const args = argExprs.map((arg) => this.plan(arg));
    const [a, b] = args as [Step, Step];
    switch (name) {
      case '_&&_':
        return logical(a, b, false);
      case '_||_':
        return logical(a, b, true);
      case '@not_strictly_false':
        return (frame) => {
          frame.spend(1);
          try {
            return a(frame) !== false;
          } catch (error) {
            if (isFatal(error)) throw error;
            return true;
          }
        };
      case 'or':
        if (overloads[0]?.id === 'optional_or_optional') return alternative(a, b, (value) => value);
        break;
      case 'orValue':
        if (overloads[0]?.id === 'optional_orValue_value') return alternative(a, b, (value) => value.value!);
        break;
    }
    const pattern = args[patternAt[name] ?? -1];
    if (pattern && isConstant(pattern) && typeof pattern.constant === 'string') checkPattern(pattern.constant);
    if (overloads.length === 1 && overloads[0]!.id === 'in_list' && isConstant(b)) {
      const found = membership(a, b.constant as CelList);
      if (found) return found;
    }
    const step = this.#dispatch(name, overloads, args, argExprs);
    return conversions.has(name) && args.length === 1 && isConstant(a) ? evaluated(step) : step;
  }

  #index(name: string, [container, at]: Expr[], charged: boolean): Step {
    const operand = this.#root(container!, charged);
    const index = this.plan(at!);
    // A variable is charged as such, anything else as what it selects.
    const cost = index.attribute ? 0 : 1;
    return attribute((frame) => {
      const value = operand(frame);
      const key = index(frame);
      if (name === '_?._') return found(frame, optionalField(value, key as string), cost);
      if (name === '_[?_]' || value instanceof Optional) return found(frame, optionalIndex(value, key), cost);
      frame.spend(cost);
      return indexed(value, key);
    }, operand.attribute);
  }

  #conditional([condition, yes, no]: Expr[]): Step {
    const test = this.plan(condition!);
    const whenTrue = this.plan(yes!, false);
    const whenFalse = this.plan(no!, false);
    return attribute((frame) => {
      const value = test(frame);
      if (typeof value !== 'boolean') throw noSuchOverload();
      return value ? whenTrue(frame) : whenFalse(frame);
    }, 'choice');
  }

  #dispatch(name: string, overloads: readonly Overload[], args: readonly Step[], argExprs: readonly Expr[]): Step {
    const [only] = overloads;
    const sure = overloads.length === 1 && argExprs.every((arg, i) => isSure(this.checked.types.get(arg.id), only!.args[i]!));
    const id = overloads.length === 1 ? only!.id : '';
    return (frame) => {
      const values = evaluateArgs(frame, name, id, args);
      const overload = sure ? only! : overloads.find((candidate) => candidate.args.every((type, i) => accepts(type, values[i]!)));
      if (!overload?.call) throw noSuchOverload();
      // Charged before the work where that is known: a comparison of each with each must not run first and be refused then.
      if (!costsByResult.has(id)) frame.spend(callCost(name, id, values));
      const result = overload.call(...values);
      if (costsByResult.has(id)) frame.spend(callCost(name, id, values, result));
      return result;
    };
  }

  #fold(expr: Comprehension): Step {
    const range = this.plan(expr.range);
    const init = this.plan(expr.accuInit);
    const accuAt = this.#scope.push(expr.accuVar) - 1;
    const firstAt = this.#scope.push(expr.iterVar) - 1;
    const secondAt = expr.iterVar2 === undefined ? -1 : this.#scope.push(expr.iterVar2) - 1;
    const condition = this.plan(expr.condition);
    const appended = appendedElement(expr);
    const append = appended && this.plan(appended);
    const perElement = append && isConstant(append) ? 2 : 12;
    const step = this.plan(expr.step);
    this.#scope.length = accuAt + 1;
    const result = this.plan(expr.result);
    this.#scope.length = accuAt;
    return (frame) => {
      const over = range(frame);
      const start = init(frame);
      const { locals } = frame;
      locals[accuAt] = start;
      const gathered = append && start instanceof ArrayList ? [...start.items] : undefined;
      for (const [first, second] of iterate(over, secondAt >= 0)) {
        locals[firstAt] = first;
        if (secondAt >= 0) locals[secondAt] = second;
        if (condition(frame) !== true) break;
        if (gathered) {
          // `accu + [element]` without copying what was gathered so far; the cost is that of the steps it stands for.
          const element = append!(frame);
          frame.spend(perElement);
          gathered.push(element);
          continue;
        }
        try {
          locals[accuAt] = step(frame);
        } catch (error) {
          if (isFatal(error)) throw error;
          // An error is gathered like a result: a later `true` may outweigh it.
          locals[accuAt] = error as CelError;
        }
      }
      if (gathered) locals[accuAt] = new ArrayList(gathered);
      return result(frame);
    };
  }
}

/** The element of a step that is `accu + [element]` and nothing else. */
function appendedElement({ step, accuVar }: Comprehension): Expr | undefined {
  if (step.kind !== 'call' || step.fn !== '_+_') return undefined;
  const [left, right] = step.args;
  return left?.kind === 'ident' && left.name === accuVar && right?.kind === 'list' && right.elements.length === 1 && !right.optional.size ? right.elements[0] : undefined;
}

function* iterate(over: Value, two: boolean): Iterable<[Value, Value]> {
  if (over instanceof CelList) for (let i = 0; i < over.size; i++) yield two ? [BigInt(i), over.at(i)] : [over.at(i), null];
  else if (over instanceof CelMap) for (const key of over.keys()) yield [key, two ? over.get(key)! : null];
  else throw noSuchOverload();
}

/** A checked argument of this type cannot turn out to be another when it is evaluated. */
function isSure(type: CelType | undefined, declared: CelType): boolean {
  if (declared.kind === 'param' || declared.kind === 'dyn') return true;
  return type !== undefined && !isDyn(type) && type.kind !== 'null' && type.kind === declared.kind;
}

/** One or two arguments are evaluated whatever becomes of the first, and the call is charged even when one fails. */
function evaluateArgs(frame: Frame, name: string, id: string, args: readonly Step[]): Value[] {
  const values: Value[] = new Array(args.length);
  let fault: CelError | undefined;
  for (let i = 0; i < args.length; i++) {
    try {
      values[i] = args[i]!(frame);
    } catch (error) {
      if (isFatal(error) || args.length > 2) throw error;
      fault ??= error as CelError;
      values[i] = null;
    }
  }
  if (!fault) return values;
  frame.spend(callCost(name, id, values));
  throw fault;
}

/** What is absent costs nothing. */
function found(frame: Frame, value: Value, cost: number): Value {
  if (value !== Optional.none) frame.spend(cost);
  return value;
}

/** `x in ['a', 'b']`, which takes no time however many there are; undefined for lists of other things. */
function membership(element: Step, list: CelList): Step | undefined {
  if (!list.size) return constant(false);
  const members = [...list];
  if (!members.every(isPrimitive)) return undefined;
  const known = new EntryMap(members.map((member) => [member, true]));
  return (frame) => {
    const value = element(frame);
    return isPrimitive(value) && known.has(value);
  };
}

const isPrimitive = (value: Value) => ['string', 'boolean', 'number', 'bigint'].includes(typeof value) || value instanceof Uint;

function evaluated(step: Step): Step {
  try {
    return constant(step(new Frame(() => undefined, Infinity)));
  } catch (error) {
    if (error instanceof CelError) throw new PlanFault(error.message);
    throw error;
  }
}

function checkPattern(pattern: string): void {
  try {
    re2(pattern);
  } catch (error) {
    throw new PlanFault((error as Error).message);
  }
}

const noSuchOverload = () => new CelError('no such overload');
const isFatal = (error: unknown) => !(error instanceof CelError) || error instanceof CostLimitExceeded;

/** `&&` and `||`: an error on one side is forgiven when the other side decides. */
function logical(a: Step, b: Step, decisive: boolean): Step {
  return (frame) => {
    let fault: unknown;
    let left: Value | undefined;
    try {
      left = a(frame);
      if (left === decisive) return decisive;
    } catch (error) {
      if (isFatal(error)) throw error;
      fault = error;
    }
    const right = b(frame);
    if (right === decisive) return decisive;
    if (fault) throw fault;
    if (typeof left !== 'boolean' || typeof right !== 'boolean') throw noSuchOverload();
    return !decisive;
  };
}

function alternative(a: Step, b: Step, unwrap: (value: Optional) => Value): Step {
  return (frame) => {
    const value = a(frame);
    if (!(value instanceof Optional)) throw noSuchOverload();
    return value.value === undefined ? b(frame) : unwrap(value);
  };
}

function asOptional(value: Value): Optional {
  if (value instanceof Optional) return value;
  throw new CelError(`cannot initialize optional entry from non-optional value`);
}

function select(value: Value, field: string): Value {
  if (!(value instanceof CelMap)) throw noSuchOverload();
  const found = value.get(field);
  if (found === undefined) throw new CelError(`no such key: ${field}`);
  return found;
}

function isPresent(value: Value, field: string): boolean {
  if (value instanceof Optional) return value.value !== undefined && isPresent(value.value, field);
  if (!(value instanceof CelMap)) throw noSuchOverload();
  return value.has(field);
}

/** An index of a list may be any whole number, whatever its type. */
function listIndex(list: CelList, index: Value): number | undefined {
  const number = typeof index === 'bigint' ? Number(index) : index instanceof Uint ? Number(index.value) : index;
  if (typeof number !== 'number' || !Number.isInteger(number)) throw new CelError(`unsupported index value ${String(index)} in list`);
  return number >= 0 && number < list.size ? number : undefined;
}

function indexed(value: Value, index: Value): Value {
  if (value instanceof CelList) {
    const at = listIndex(value, index);
    if (at === undefined) throw new CelError(`index out of bounds: ${index instanceof Uint ? index.value : String(index)}`);
    return value.at(at);
  }
  if (!(value instanceof CelMap)) throw noSuchOverload();
  const found = value.get(index);
  if (found === undefined) throw new CelError(`no such key: ${index instanceof Uint ? index.value : String(index)}`);
  return found;
}

function optionalField(value: Value, field: string): Value {
  if (value instanceof Optional) return value.value === undefined ? value : optionalField(value.value, field);
  if (!(value instanceof CelMap)) throw noSuchOverload();
  const found = value.get(field);
  return found === undefined ? Optional.none : Optional.of(found);
}

function optionalIndex(value: Value, index: Value): Value {
  if (value instanceof Optional) return value.value === undefined ? value : optionalIndex(value.value, index);
  if (value instanceof CelList) {
    const at = listIndex(value, index);
    return at === undefined ? Optional.none : Optional.of(value.at(at));
  }
  if (!(value instanceof CelMap)) throw noSuchOverload();
  const found = value.get(index);
  return found === undefined ? Optional.none : Optional.of(found);
}

/** What `type(x) == name` compares: a type by the name that its values carry. */
function runtimeName(type: CelType): string {
  if (type.kind === 'timestamp') return 'google.protobuf.Timestamp';
  if (type.kind === 'duration') return 'google.protobuf.Duration';
  return type.kind === 'null' ? 'null_type' : type.name;
}

