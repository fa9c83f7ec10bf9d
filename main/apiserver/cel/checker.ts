import type { Call, Comprehension, Expr, ListExpr, MapExpr, Select, StructExpr } from './ast.ts';
import type { Functions, Overload } from './functions.ts';
import { qualifiedName } from './parser.ts';
import type { Issue } from './source.ts';
import {
  anyType, boolType, bytesType, doubleType, dynType, errorType, formatType, intType, isDyn, isOptional, listType, mapType, mostGeneral, nullType, optionalType,
  paramType, sameType, stringType, Substitutions, typeType, uintType, type CelType,
} from './types.ts';
import { Bytes, Uint } from './values.ts';

/** The names that an expression may use. */
export interface Declarations {
  functions: Functions;
  /** Variables by name; a name may have dots. */
  variable(name: string): CelType | undefined;
  /** Types that `Name{…}` makes and that `type()` compares with. */
  type(name: string): CelType | undefined;
}

/** What the checker found out about an expression. */
export interface Checked {
  expr: Expr;
  /** By the expression's number. */
  types: ReadonlyMap<number, CelType>;
  overloads: ReadonlyMap<number, readonly Overload[]>;
  /** Selections and names that stand for a variable or a type by its whole name. */
  references: ReadonlyMap<number, string>;
  /** Calls whose target was but the first part of the function's name: `optional.of`. */
  functions: ReadonlyMap<number, string>;
}

/** The types of an expression's parts, or the reasons why it has none. Mirrors github.com/google/cel-go/checker (checker.go). */
export function check(expr: Expr, declarations: Declarations): { checked: Checked; issues: Issue[] } {
  const checker = new Checker(declarations);
  checker.check(expr);
  return { checked: checker.result(expr), issues: checker.issues };
}

class Checker {
  readonly issues: Issue[] = [];
  readonly #types = new Map<number, CelType>();
  readonly #overloads = new Map<number, Overload[]>();
  readonly #references = new Map<number, string>();
  readonly #functions = new Map<number, string>();
  #substitutions = new Substitutions();
  readonly #locals: Array<[string, CelType]> = [];
  #params = 0;

  constructor(private readonly declarations: Declarations) {}

  result(expr: Expr): Checked {
    const types = new Map<number, CelType>();
    for (const [id, type] of this.#types) types.set(id, this.#substitutions.apply(type, true));
    return { expr, types, overloads: this.#overloads, references: this.#references, functions: this.#functions };
  }

  check(expr: Expr): CelType {
    const type = this.#infer(expr);
    this.#types.set(expr.id, type);
    return type;
  }

  #infer(expr: Expr): CelType {
    switch (expr.kind) {
      case 'literal':
        return literalType(expr.value);
      case 'ident':
        return this.#ident(expr, expr.name);
      case 'select':
        return this.#select(expr);
      case 'call':
        return this.#call(expr);
      case 'list':
        return this.#list(expr);
      case 'map':
        return this.#map(expr);
      case 'struct':
        return this.#struct(expr);
      case 'fold':
        return this.#fold(expr);
    }
  }

  #report(expr: { at: number }, message: string): CelType {
    this.issues.push({ at: expr.at, message });
    return errorType;
  }

  #undeclared(expr: { at: number }, name: string): CelType {
    return this.#report(expr, `undeclared reference to '${name}' (in container '')`);
  }

  #lookup(name: string): CelType | undefined {
    const plain = name.startsWith('.') ? name.slice(1) : name;
    if (plain === name) for (let i = this.#locals.length - 1; i >= 0; i--) if (this.#locals[i]![0] === name) return this.#locals[i]![1];
    const variable = this.declarations.variable(plain);
    if (variable) return variable;
    const type = this.declarations.type(plain);
    return type && typeType(type);
  }

  #ident(expr: Expr, name: string): CelType {
    const type = this.#lookup(name);
    if (!type) return this.#undeclared(expr, name);
    this.#references.set(expr.id, name.startsWith('.') ? name.slice(1) : name);
    return type;
  }

  #select(expr: Select): CelType {
    const qualified = expr.testOnly ? undefined : qualifiedName(expr);
    if (qualified !== undefined) {
      const type = this.#lookup(qualified);
      if (type) {
        this.#references.set(expr.id, qualified);
        return type;
      }
    }
    const type = this.#field(expr, this.#known(this.check(expr.operand)), expr.field);
    return expr.testOnly && type !== errorType ? boolType : type;
  }

  #known(type: CelType): CelType {
    return this.#substitutions.apply(type, false);
  }

  /** The type of a field; of an optional's field it is optional as well. */
  #field(expr: { at: number }, operand: CelType, field: string): CelType {
    if (isOptional(operand)) return optionalType(this.#field(expr, operand.parameters[0]!, field));
    if (operand.kind === 'map') return operand.parameters[1]!;
    if (operand.kind === 'object' && operand.field) return operand.field(field) ?? this.#report(expr, `undefined field '${field}'`);
    if (operand.kind === 'param') {
      this.#substitutions.isAssignable(dynType, operand);
      return dynType;
    }
    if (isDyn(operand)) return dynType;
    return this.#report(expr, `type '${formatType(operand)}' does not support field selection`);
  }

  #call(expr: Call): CelType {
    if (expr.fn === '_?._') return this.#optionalSelect(expr);
    if (!expr.target) {
      const args = expr.args.map((arg) => this.check(arg));
      const name = expr.fn.startsWith('.') ? expr.fn.slice(1) : expr.fn;
      const overloads = this.declarations.functions.get(name);
      if (!overloads) return this.#undeclared(expr, expr.fn);
      if (name !== expr.fn) this.#functions.set(expr.id, name);
      return this.#resolve(expr, name, overloads, args, false);
    }
    const namespace = qualifiedName(expr.target);
    if (namespace !== undefined) {
      const name = `${namespace}.${expr.fn}`;
      const overloads = this.declarations.functions.get(name);
      if (overloads) {
        this.#functions.set(expr.id, name);
        return this.#resolve(expr, name, overloads, expr.args.map((arg) => this.check(arg)), false);
      }
    }
    const target = this.check(expr.target);
    const args = expr.args.map((arg) => this.check(arg));
    const overloads = this.declarations.functions.get(expr.fn);
    if (!overloads) return this.#undeclared(expr, expr.fn);
    return this.#resolve(expr, expr.fn, overloads, [target, ...args], true);
  }

  #optionalSelect(expr: Call): CelType {
    const operand = this.#known(this.check(expr.args[0]!));
    const field = expr.args[1]!;
    this.check(field);
    const name = field.kind === 'literal' && typeof field.value === 'string' ? field.value : '';
    const inner = isOptional(operand) ? operand.parameters[0]! : operand;
    const type = this.#field(expr, inner, name);
    this.#overloads.set(expr.id, [{ id: 'select_optional_field', member: false, args: [dynType, stringType], result: optionalType(type) }]);
    return type === errorType ? type : optionalType(type);
  }

  #resolve(expr: Call, name: string, overloads: readonly Overload[], args: readonly CelType[], member: boolean): CelType {
    const matching: Overload[] = [];
    let result: CelType | undefined;
    for (const overload of overloads) {
      if (overload.member !== member || overload.args.length !== args.length) continue;
      const fresh = new Map<string, CelType>();
      const params = overload.args.map((type) => this.#fresh(type, fresh));
      const returned = this.#fresh(overload.result, fresh);
      const trial = this.#substitutions.copy();
      if (!trial.areAssignable(args, params)) continue;
      this.#substitutions = trial;
      matching.push(overload);
      const type = this.#known(returned);
      if (!result) result = type;
      else if (!isDyn(result) && !sameType(type, result)) result = dynType;
    }
    if (!result) {
      const types = args.map((type) => formatType(this.#substitutions.apply(type, true)));
      const shown = member ? `${types[0]}.(${types.slice(1).join(', ')})` : `(${types.join(', ')})`;
      return this.#report(expr, `found no matching overload for '${name}' applied to '${shown}'`);
    }
    this.#overloads.set(expr.id, matching);
    return result;
  }

  /** Type parameters are each call's own. */
  #fresh(type: CelType, names: Map<string, CelType>): CelType {
    if (type.kind === 'param') {
      const known = names.get(type.name) ?? this.#newParam();
      names.set(type.name, known);
      return known;
    }
    if (!type.parameters.length) return type;
    return { ...type, parameters: type.parameters.map((parameter) => this.#fresh(parameter, names)) };
  }

  #newParam(): CelType {
    return paramType(`_var${this.#params++}`);
  }

  #list(expr: ListExpr): CelType {
    let element: CelType | undefined;
    for (const [index, item] of expr.elements.entries()) {
      let type = this.check(item);
      if (expr.optional.has(index)) type = this.#unwrapOptional(item, type);
      element = this.#join(element, type);
    }
    return listType(element ?? this.#newParam());
  }

  #map(expr: MapExpr): CelType {
    let key: CelType | undefined;
    let value: CelType | undefined;
    for (const entry of expr.entries) {
      key = this.#join(key, this.check(entry.key));
      const type = this.check(entry.value);
      value = this.#join(value, entry.optional ? this.#unwrapOptional(entry.value, type) : type);
    }
    return mapType(key ?? this.#newParam(), value ?? this.#newParam());
  }

  #unwrapOptional(expr: Expr, type: CelType): CelType {
    const known = this.#known(type);
    if (isOptional(known)) return known.parameters[0]!;
    if (isDyn(known)) return dynType;
    return this.#report(expr, `expected type '${formatType(optionalType(known))}' but found '${formatType(known)}'`);
  }

  /** What elements have in common. Literals of one type are asked for later: the arguments of `format` may differ. */
  #join(previous: CelType | undefined, current: CelType): CelType {
    if (!previous) return current;
    if (this.#assignable(previous, current)) return mostGeneral(this.#known(previous), this.#known(current));
    return dynType;
  }

  #assignable(from: CelType, to: CelType): boolean {
    const trial = this.#substitutions.copy();
    if (!trial.isAssignable(from, to)) return false;
    this.#substitutions = trial;
    return true;
  }

  #struct(expr: StructExpr): CelType {
    const name = expr.typeName.startsWith('.') ? expr.typeName.slice(1) : expr.typeName;
    const type = this.declarations.type(name);
    for (const field of expr.fields) {
      const value = this.check(field.value);
      if (!type?.field) continue;
      const declared = type.field(field.name);
      if (!declared) this.#report(field, `undefined field '${field.name}'`);
      else {
        const given = field.optional ? this.#unwrapOptional(field.value, value) : value;
        if (!this.#assignable(given, declared))
          this.#report(field, `expected type of field '${field.name}' is '${formatType(declared)}' but provided type is '${formatType(this.#known(given))}'`);
      }
    }
    if (!type) return this.#undeclared(expr, expr.typeName);
    if (type.kind !== 'object') return this.#report(expr, `'${expr.typeName}' is not a message type`);
    this.#references.set(expr.id, name);
    return type;
  }

  #fold(expr: Comprehension): CelType {
    const range = this.#known(this.check(expr.range));
    const accu = this.check(expr.accuInit);
    const [first, second] = this.#iterated(expr, range);
    this.#locals.push([expr.accuVar, accu]);
    this.#locals.push([expr.iterVar, first]);
    if (expr.iterVar2 !== undefined) this.#locals.push([expr.iterVar2, second]);
    this.#assertType(expr.condition, this.check(expr.condition), boolType);
    this.#assertType(expr.step, this.check(expr.step), accu);
    this.#locals.length -= expr.iterVar2 === undefined ? 1 : 2;
    const result = this.check(expr.result);
    this.#locals.pop();
    return this.#known(result);
  }

  /** The types of the variables of a fold. */
  #iterated(expr: Comprehension, range: CelType): [CelType, CelType] {
    const two = expr.iterVar2 !== undefined;
    if (range.kind === 'list') return two ? [intType, range.parameters[0]!] : [range.parameters[0]!, dynType];
    if (range.kind === 'map') return [range.parameters[0]!, range.parameters[1]!];
    if (range.kind === 'param') {
      // It may yet be any of these; what it is shows when it is evaluated.
      this.#substitutions.isAssignable(dynType, range);
      return [dynType, dynType];
    }
    if (isDyn(range) && range !== anyType) return [dynType, dynType];
    this.#report(expr.range, `expression of type '${formatType(range)}' cannot be range of a comprehension (must be list, map, or dynamic)`);
    return [errorType, errorType];
  }

  #assertType(expr: Expr, type: CelType, expected: CelType): void {
    if (!this.#assignable(type, expected))
      this.#report(expr, `expected type '${formatType(this.#known(expected))}' but found '${formatType(this.#known(type))}'`);
  }
}

function literalType(value: (Expr & { kind: 'literal' })['value']): CelType {
  if (value === null) return nullType;
  if (value instanceof Uint) return uintType;
  if (value instanceof Bytes) return bytesType;
  switch (typeof value) {
    case 'bigint':
      return intType;
    case 'number':
      return doubleType;
    case 'string':
      return stringType;
    default:
      return boolType;
  }
}
