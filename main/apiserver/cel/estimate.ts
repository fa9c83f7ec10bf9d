import type { Call, Comprehension, Expr, Select } from './ast.ts';
import type { Checked } from './checker.ts';
import { authorizationCheckCost, isNominal, regexFactor, stringFactor } from './cost.ts';
import { dynType, isOptional, type CelType, type TypeKind } from './types.ts';
import { Bytes, stringSize } from './values.ts';

/** From the smallest to the largest a thing can be. */
export interface SizeEstimate {
  min: number;
  max: number;
}

type Cost = SizeEstimate;
interface CallEstimate {
  cost: Cost;
  size?: SizeEstimate | undefined;
}
/** Of a list's or a map's entries. */
interface EntrySize {
  kind: TypeKind;
  key: SizeEstimate;
  value: SizeEstimate;
}
/** A part of an expression: what it is, and where in the data it comes from. */
interface Node {
  path: readonly string[] | undefined;
  type: CelType;
  expr?: Expr;
  size?: SizeEstimate | undefined;
}
interface LocalVariable {
  path: readonly string[];
  size: SizeEstimate | undefined;
  entry: EntrySize | undefined;
}

const most = 2 ** 64;
const unknown: SizeEstimate = { min: 0, max: most };
const fixed = (value: number): Cost => ({ min: value, max: value });
const cap = (value: number) => Math.min(value, most);
const add = (a: Cost, b: Cost): Cost => ({ min: cap(a.min + b.min), max: cap(a.max + b.max) });
const times = (a: Cost, b: Cost): Cost => ({ min: cap(a.min * b.min), max: cap(a.max * b.max) });
/** Rounded up, as every cost is. */
const scale = (a: Cost, factor: number): Cost => ({ min: cap(Math.ceil(a.min * factor)), max: cap(Math.ceil(a.max * factor)) });
const union = (a: Cost, b: Cost): Cost => ({ min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) });
const unionEntries = (a: EntrySize | undefined, b: EntrySize | undefined): EntrySize | undefined =>
  a && b && { kind: a.kind, key: union(a.key, b.key), value: union(a.value, b.value) };

/**
 * What an expression can cost at most. `sizeOf` knows the sizes of data: a path is a variable and then field names,
 * `@items`, `@keys`, `@values`. Mirrors github.com/google/cel-go/checker (cost.go) and k8s.io/apiserver/pkg/cel/library (cost.go);
 * a CRD that passes there must pass here, so no number differs.
 */
export function estimateCost(checked: Checked, sizeOf: (path: readonly string[]) => SizeEstimate | undefined = () => undefined): Cost {
  return new Coster(checked, sizeOf).cost(checked.expr);
}

class Coster {
  readonly #paths = new Map<number, readonly string[]>();
  readonly #sizes = new Map<number, SizeEstimate>();
  readonly #entries = new Map<number, EntrySize>();
  readonly #locals = new Map<string, LocalVariable[]>();

  constructor(
    private readonly checked: Checked,
    private readonly sizeOf: (path: readonly string[]) => SizeEstimate | undefined,
  ) {}

  cost(expr: Expr): Cost {
    switch (expr.kind) {
      case 'literal':
        return fixed(0);
      case 'ident':
        return this.#ident(expr, expr.name);
      case 'select':
        return this.#select(expr);
      case 'call':
        return this.#call(expr);
      case 'list': {
        let sum = fixed(10);
        let item: SizeEstimate = { min: expr.elements.length ? most : 0, max: 0 };
        for (const element of expr.elements) {
          sum = add(sum, this.cost(element));
          item = union(item, this.#sizeOrUnknown(element));
        }
        this.#entries.set(expr.id, { kind: 'list', key: fixed(1), value: item });
        return sum;
      }
      case 'map': {
        let sum = fixed(30);
        let key: SizeEstimate = { min: expr.entries.length ? most : 0, max: 0 };
        let value = key;
        for (const entry of expr.entries) {
          sum = add(add(sum, this.cost(entry.key)), this.cost(entry.value));
          key = union(key, this.#sizeOrUnknown(entry.key));
          value = union(value, this.#sizeOrUnknown(entry.value));
        }
        this.#entries.set(expr.id, { kind: 'map', key, value });
        return sum;
      }
      case 'struct':
        return expr.fields.reduce((sum, field) => add(sum, this.cost(field.value)), fixed(40));
      case 'fold':
        return isBind(expr) ? this.#bind(expr) : this.#fold(expr);
    }
  }

  #type(expr: Expr): CelType {
    return this.checked.types.get(expr.id) ?? dynType;
  }

  #local(name: string): LocalVariable | undefined {
    return this.#locals.get(name)?.at(-1);
  }

  #ident(expr: Expr, name: string): Cost {
    this.#paths.set(expr.id, this.#local(name)?.path ?? [name]);
    return fixed(1);
  }

  #select(expr: Select): Cost {
    const reference = this.checked.references.get(expr.id);
    if (reference !== undefined) return this.#ident(expr, reference);
    const cost = this.cost(expr.operand);
    if (expr.testOnly) return cost;
    const { kind } = this.#type(expr.operand);
    this.#paths.set(expr.id, [...this.#path(expr.operand), expr.field]);
    return kind === 'map' || kind === 'object' || kind === 'param' ? add(cost, fixed(1)) : cost;
  }

  #call(expr: Call): Cost {
    const name = this.checked.functions.get(expr.id) ?? expr.fn;
    if (name === 'dyn') {
      const arg = expr.args[0]!;
      const cost = this.cost(arg);
      this.#copySizes(expr, arg);
      return add(fixed(1), cost);
    }
    const costs = expr.args.map((arg) => this.cost(arg));
    const args = expr.args.map((arg) => this.#node(arg));
    const overloads = this.checked.overloads.get(expr.id) ?? [];
    if (!overloads.length) return fixed(0);
    let sum = fixed(0);
    let target: Node | undefined;
    if (expr.target && !this.checked.functions.has(expr.id)) {
      sum = this.cost(expr.target);
      target = this.#node(expr.target);
    }
    let cost: Cost = { min: most, max: 0 };
    let size: SizeEstimate | undefined;
    for (const { id } of overloads) {
      const estimate = this.#function(expr, name, id, target, args, costs);
      cost = union(cost, estimate.cost);
      if (estimate.size) size = size ? union(size, estimate.size) : estimate.size;
      if (id === 'index_list' || id === 'index_map') {
        const [container] = expr.args;
        size = this.#entrySize(container!)?.value;
        this.#paths.set(expr.id, [...this.#path(container!), id === 'index_list' ? '@items' : '@values']);
      }
      size ??= this.#size(expr);
    }
    if (size) this.#sizes.set(expr.id, size);
    return add(sum, cost);
  }

  #function(expr: Call, name: string, overload: string, target: Node | undefined, args: readonly Node[], costs: readonly Cost[]): CallEstimate {
    if (overload === 'logical_and' || overload === 'logical_or') return { cost: { min: costs[0]!.min, max: add(costs[0]!, costs[1]!).max } };
    if (overload === 'conditional') {
      const [yes, no] = [args[1]!, args[2]!];
      const entries = unionEntries(this.#entrySize(yes.expr!), this.#entrySize(no.expr!));
      if (entries) this.#entries.set(expr.id, entries);
      return { cost: add(costs[0]!, union(costs[1]!, costs[2]!)), size: union(yes.size ?? unknown, no.size ?? unknown) };
    }
    const ofArgs = costs.reduce(add, fixed(0));
    const own = this.#kubernetes(name, overload, target, args) ?? this.#standard(expr, overload, target, args);
    return { cost: add(own.cost, ofArgs), size: own.size };
  }

  /** What Kubernetes says of its own functions, and of others that it reckons differently. */
  #kubernetes(name: string, overload: string, target: Node | undefined, args: readonly Node[]): CallEstimate | undefined {
    if (name === 'check') return { cost: fixed(authorizationCheckCost) };
    if (isNominal(name)) return { cost: fixed(1) };
    const [first, second] = args;
    const size = (node: Node) => node.size ?? (node.path?.length ? this.sizeOf(node.path) : undefined) ?? unknown;
    const onePass = (of: SizeEstimate): CallEstimate => ({ cost: scale(of, stringFactor), size: of });
    switch (name) {
      case 'fieldSelector':
      case 'labelSelector': {
        const length = size(first!);
        return { cost: add(add(fixed(10), scale(length, stringFactor)), scale(scale(length, 0.5), 50)) };
      }
      case 'isSorted':
      case 'sum':
      case 'max':
      case 'min':
      case 'indexOf':
      case 'lastIndexOf': {
        if (!target) return undefined;
        const element = elementOf(target);
        if (!element) return { cost: scale(size(target), stringFactor) };
        const text = element.type.kind === 'string' || element.type.kind === 'bytes';
        return { cost: times(size(target), text ? add(fixed(1), scale(size(element), stringFactor)) : fixed(1)) };
      }
      case 'url':
      case 'jsonpatch.escapeKey':
        return args.length === 1 ? onePass(size(first!)) : undefined;
      case 'lowerAscii':
      case 'upperAscii':
      case 'substring':
      case 'trim':
        return target && onePass(size(target));
      case 'replace':
        return target && { cost: scale(size(target), 2 * stringFactor), size: replacedSize(size(target), size(first!), size(second!)) };
      case 'split': {
        if (!target) return undefined;
        const limit = second?.expr?.kind === 'literal' && typeof second.expr.value === 'bigint' ? Number(second.expr.value) : size(target).max;
        return { cost: scale(size(target), 2 * stringFactor), size: { min: 0, max: limit < 0 ? most : limit } };
      }
      case 'join': {
        if (!target) return undefined;
        const count = size(target);
        const element = elementOf(target);
        let total = element ? times(count, size(element)) : fixed(0);
        if (first) total = add(total, times(size(first), { min: Math.max(0, count.min - 1), max: Math.max(0, count.max - 1) }));
        return onePass(total);
      }
      case 'find':
      case 'findAll':
        return target && first && { cost: times(scale(add(size(target), fixed(1)), stringFactor), scale(size(first), regexFactor)), size: { min: 0, max: size(target).max } };
      case 'cidr':
      case 'isIP':
      case 'isCIDR':
      case 'quantity':
      case 'isQuantity':
      case 'semver':
      case 'isSemver':
        return first && { cost: scale(size(first), stringFactor) };
      case 'ip':
        return overload === 'cidr_ip' ? { cost: fixed(1) } : first && { cost: scale(size(first), stringFactor) };
      case 'ip.isCanonical':
        return first && { cost: scale(size(first), 2 * stringFactor) };
      case 'containsIP':
      case 'containsCIDR': {
        const address = { min: 4, max: 16 };
        let cost = scale(add(address, address), stringFactor);
        if (name === 'containsCIDR') cost = add(add(cost, scale(address, stringFactor)), fixed(1));
        if (overload.endsWith('_string')) cost = add(cost, scale(size(first!), stringFactor));
        return { cost };
      }
      case 'validate':
        return first && { cost: scale(scale(size(first), stringFactor), 128 * regexFactor) };
      case '_==_':
        return first?.type.name === second?.type.name ? opaqueEquality(first!.type.name) : undefined;
    }
    return this.#lists(overload, target, args, size);
  }

  /** Mirrors github.com/google/cel-go/ext (lists.go, sets.go). */
  #lists(overload: string, target: Node | undefined, args: readonly Node[], size: (node: Node) => SizeEstimate): CallEstimate | undefined {
    const allocating = (of: SizeEstimate, factor = 1): CallEstimate => ({ cost: add(scale(of, factor), fixed(11)), size: of });
    const squared = (of: SizeEstimate) => times(of, of);
    const number = (node: Node | undefined, otherwise: number) =>
      node?.expr?.kind === 'literal' && typeof node.expr.value === 'bigint' ? Number(node.expr.value) : otherwise;
    switch (overload) {
      case 'list_sets_contains_list':
      case 'list_sets_intersects_list':
      case 'list_sets_equivalent_list':
        return { cost: add(scale(times(size(args[0]!), size(args[1]!)), overload.includes('equivalent') ? 2 : 1), fixed(1)) };
      case 'list_slice':
        return allocating(fixed(number(args[1], size(target!).max) - number(args[0], 0)));
      case 'lists_range':
        return allocating(fixed(number(args[0], most)));
      case 'list_reverse':
        return allocating(size(target!));
      case 'list_flatten':
        return allocating(size(target!));
      case 'list_flatten_int':
        return allocating(size(target!), number(args[0], most));
      case 'list_distinct':
        return allocating(squared(size(target!)), 2);
    }
    const sort = /^list_(\w+)_(sort|sortByAssociatedKeys)$/.exec(overload);
    if (!sort) return undefined;
    const text = sort[1] === 'string' || sort[1] === 'bytes';
    return allocating(squared(size(sort[2] === 'sort' ? target! : args[0]!)), text ? 2 + stringFactor : 2);
  }

  /** CEL's own functions. */
  #standard(expr: Call, overload: string, target: Node | undefined, args: readonly Node[]): CallEstimate {
    const sizes = args.map((arg) => arg.size ?? unknown);
    const [first = unknown, second = unknown] = sizes;
    const onto = target?.size ?? unknown;
    switch (overload) {
      case 'string_format':
        return { cost: scale(onto, stringFactor) };
      case 'string_to_bytes':
        return { cost: scale(first, stringFactor), size: { min: first.min, max: cap(first.max * 4) } };
      case 'bytes_to_string':
        return { cost: scale(first, stringFactor), size: { min: Math.floor(first.min / 4), max: first.max } };
      case 'strings_quote':
        return { cost: scale(first, stringFactor), size: { min: first.min + 2, max: cap(first.max * 2 + 2) } };
      case 'starts_with_string':
      case 'ends_with_string':
        return { cost: scale(first, stringFactor) };
      case 'in_list':
        return { cost: second };
      case 'matches_string':
        return { cost: times(scale(add(onto, fixed(1)), stringFactor), scale(first, regexFactor)) };
      case 'contains_string':
        return { cost: times(scale(onto, stringFactor), scale(first, stringFactor)) };
      case 'add_string':
      case 'add_bytes':
      case 'add_list': {
        const size = add(first, second);
        const entries = unionEntries(this.#entrySize(args[0]!.expr!), this.#entrySize(args[1]!.expr!));
        if (entries) this.#entries.set(expr.id, entries);
        return { cost: overload === 'add_list' ? fixed(1) : scale(size, stringFactor), size };
      }
      case 'less_string':
      case 'greater_string':
      case 'less_equals_string':
      case 'greater_equals_string':
      case 'less_bytes':
      case 'greater_bytes':
      case 'less_equals_bytes':
      case 'greater_equals_bytes':
      case 'equals':
      case 'not_equals': {
        const max = Math.min(first.max, second.max);
        return { cost: scale({ min: max > 0 ? 1 : 0, max }, stringFactor) };
      }
      default:
        return { cost: fixed(1) };
    }
  }

  #fold(expr: Comprehension): Cost {
    let sum = add(this.cost(expr.range), this.cost(expr.accuInit));
    this.#push(expr.accuVar, { path: this.#path(expr.accuInit), size: this.#size(expr.accuInit), entry: this.#entrySize(expr.accuInit) });
    const entry = this.#entrySize(expr.range);
    const isList = (entry?.kind ?? this.#type(expr.range).kind) === 'list';
    const path = this.#path(expr.range);
    const variable = (step: string, size: SizeEstimate | undefined): LocalVariable => ({ path: [...path, step], size, entry: undefined });
    if (expr.iterVar2 === undefined) this.#push(expr.iterVar, isList ? variable('@items', entry?.value) : variable('@keys', entry?.key));
    else {
      this.#push(expr.iterVar, variable(isList ? '@indices' : '@keys', entry?.key));
      this.#push(expr.iterVar2, variable(isList ? '@items' : '@values', entry?.value));
    }
    const loop = this.cost(expr.condition);
    const step = this.cost(expr.step);
    this.#pop(expr.iterVar);
    if (expr.iterVar2 !== undefined) this.#pop(expr.iterVar2);
    sum = add(sum, this.cost(expr.result));
    this.#pop(expr.accuVar);
    const count = this.#sizeOrUnknown(expr.range);
    sum = add(sum, times(count, add(step, loop)));
    if (expr.accuInit.kind === 'literal') {
      const size = this.#size(expr.accuInit);
      if (size) this.#sizes.set(expr.id, size);
    } else if (expr.accuInit.kind === 'list' || expr.accuInit.kind === 'map') {
      this.#sizes.set(expr.id, count);
      const entries = this.#entrySize(expr.step);
      if (entries) this.#entries.set(expr.id, entries);
    }
    return sum;
  }

  #bind(expr: Comprehension): Cost {
    let sum = add(this.cost(expr.range), this.cost(expr.accuInit));
    this.#push(expr.accuVar, { path: this.#path(expr.accuInit), size: this.#size(expr.accuInit), entry: this.#entrySize(expr.accuInit) });
    sum = add(sum, this.cost(expr.result));
    this.#pop(expr.accuVar);
    this.#copySizes(expr, expr.result);
    return sum;
  }

  #push(name: string, variable: LocalVariable): void {
    const stack = this.#locals.get(name);
    if (stack) stack.push(variable);
    else this.#locals.set(name, [variable]);
  }

  #pop(name: string): void {
    this.#locals.get(name)!.pop();
  }

  #path(expr: Expr): readonly string[] {
    if (expr.kind === 'ident') {
      const local = this.#local(expr.name);
      if (local) return local.path;
    }
    return this.#paths.get(expr.id) ?? [];
  }

  #node(expr: Expr): Node {
    const path = this.#path(expr);
    return { path: path[0]?.startsWith('@result') ? undefined : path, type: this.#type(expr), expr, size: this.#size(expr) };
  }

  #size(expr: Expr): SizeEstimate | undefined {
    const known = this.#sizes.get(expr.id) ?? literalSize(expr);
    if (known) return known;
    const path = this.#path(expr);
    const estimated = path.length && !path[0]!.startsWith('@result') ? this.sizeOf(path) : undefined;
    if (estimated) {
      this.#sizes.set(expr.id, estimated);
      return estimated;
    }
    if (isScalar(this.#type(expr))) return fixed(1);
    return expr.kind === 'ident' ? this.#local(expr.name)?.size : undefined;
  }

  #sizeOrUnknown(expr: Expr): SizeEstimate {
    return this.#size(expr) ?? unknown;
  }

  #entrySize(expr: Expr): EntrySize | undefined {
    return this.#entries.get(expr.id) ?? (expr.kind === 'ident' ? this.#local(expr.name)?.entry : undefined);
  }

  #copySizes(to: Expr, from: Expr): void {
    const size = this.#size(from);
    const entries = this.#entrySize(from);
    if (size) this.#sizes.set(to.id, size);
    if (entries) this.#entries.set(to.id, entries);
  }
}

/** A fold over nothing, which only names a value. */
function isBind(expr: Comprehension): boolean {
  return expr.range.kind === 'list' && !expr.range.elements.length && expr.condition.kind === 'literal' && expr.condition.value === false;
}

function literalSize(expr: Expr): SizeEstimate | undefined {
  if (expr.kind === 'list') return fixed(expr.elements.length);
  if (expr.kind === 'map') return fixed(expr.entries.length);
  if (expr.kind !== 'literal') return undefined;
  if (typeof expr.value === 'string') return fixed(stringSize(expr.value));
  return fixed(expr.value instanceof Bytes ? expr.value.data.length : 1);
}

function isScalar(type: CelType): boolean {
  if (isOptional(type)) return isScalar(type.parameters[0]!);
  return ['bool', 'double', 'duration', 'int', 'timestamp', 'uint'].includes(type.kind);
}

function elementOf(list: Node): Node | undefined {
  const type = list.type.parameters[0];
  return type && { path: list.path?.length ? [...list.path, '@items'] : undefined, type };
}

function opaqueEquality(name: string): CallEstimate | undefined {
  if (name === 'kubernetes.NamedFormat') return { cost: scale({ min: 1, max: 64 }, stringFactor) };
  if (name === 'kubernetes.URL') return { cost: scale({ min: 1, max: 1 }, stringFactor) };
  return name.startsWith('kubernetes.') || name.startsWith('net.') ? { cost: fixed(1) } : undefined;
}

function replacedSize(text: SizeEstimate, from: SizeEstimate, to: SizeEstimate): SizeEstimate {
  const count = { min: 0, max: 0 };
  const kept = { min: 0, max: 0 };
  if (from.min === 0) {
    // An empty text is found around every character.
    count.max = cap(text.max + 1);
    kept.max = text.max;
  } else if (to.max <= from.min) kept.max = text.max;
  else count.max = Math.ceil(text.max / from.min);
  if (from.max === 0) {
    count.min = cap(text.min + 1);
    kept.min = text.min;
  } else if (from.max <= to.min) kept.min = text.min;
  else count.min = Math.ceil(text.min / from.max);
  return add(times(count, to), kept);
}
