import type { Expr } from './ast.ts';
import type { Checked } from './checker.ts';
import { re2 } from './regex.ts';
import type { Issue } from './source.ts';
import { maxSeconds, minSeconds, parseDuration, parseTimestamp } from './time.ts';
import { dynType, formatType, sameType, type CelType } from './types.ts';

/**
 * Faults of literals: arguments that would fail whenever they are reached, lists and maps of mixed types. Mirrors
 * github.com/google/cel-go/cel (validator.go).
 */
export function literalIssues({ expr: root, types }: Checked): Issue[] {
  const issues: Issue[] = [];
  const typeOf = (expr: Expr, optional: boolean) => {
    const type = types.get(expr.id) ?? dynType;
    return optional ? (type.parameters[0] ?? dynType) : type;
  };
  const mismatch = (expr: Expr, expected: CelType, found: CelType) =>
    issues.push({ at: expr.at, message: `expected type '${formatType(expected)}' but found '${formatType(found)}'` });
  visit(root, false, (node, mixed) => {
    if (node.kind === 'call') {
      if (node.fn === 'timestamp' && node.args[0]?.kind === 'literal' && typeof node.args[0].value === 'bigint' && (node.args[0].value < minSeconds || node.args[0].value > maxSeconds))
        issues.push({ at: node.args[0].at, message: 'invalid timestamp argument' });
      const arg = node.fn === 'matches' ? node.args.at(-1) : node.args[0];
      if (arg?.kind === 'literal' && typeof arg.value === 'string' && !isValid(node.fn, arg.value)) issues.push({ at: arg.at, message: `invalid ${node.fn} argument` });
    } else if (node.kind === 'list' && !mixed) {
      const elements = node.elements.map((element, i) => ({ element, type: typeOf(element, node.optional.has(i)) }));
      const other = elements.find(({ type }) => !sameType(type, elements[0]!.type));
      if (other) mismatch(other.element, elements[0]!.type, other.type);
    } else if (node.kind === 'map' && !mixed) {
      const entries = node.entries.map(({ key, value, optional }) => ({ key, value, keyType: typeOf(key, false), type: typeOf(value, optional) }));
      for (const { key, value, keyType, type } of entries) {
        if (!sameType(keyType, entries[0]!.keyType)) mismatch(key, entries[0]!.keyType, keyType);
        if (!sameType(type, entries[0]!.type)) mismatch(value, entries[0]!.type, type);
      }
    }
  });
  return issues;
}

function isValid(fn: string, text: string): boolean {
  if (fn === 'duration') return parseDuration(text) !== undefined;
  if (fn === 'timestamp') return parseTimestamp(text) !== undefined;
  if (fn !== 'matches') return true;
  try {
    re2(text);
    return true;
  } catch {
    return false;
  }
}

/** `mixed`: within the arguments of a call that takes elements of any types. */
function visit(expr: Expr, mixed: boolean, see: (expr: Expr, mixed: boolean) => void): void {
  see(expr, mixed);
  const into = (part: Expr) => visit(part, mixed, see);
  switch (expr.kind) {
    case 'select':
      return into(expr.operand);
    case 'call':
      if (expr.target) visit(expr.target, mixed || expr.fn === 'format', see);
      return expr.args.forEach((arg) => visit(arg, mixed || expr.fn === 'format', see));
    case 'list':
      return expr.elements.forEach(into);
    case 'map':
      return expr.entries.forEach(({ key, value }) => {
        into(key);
        into(value);
      });
    case 'struct':
      return expr.fields.forEach((field) => into(field.value));
    case 'fold':
      return [expr.range, expr.accuInit, expr.condition, expr.step, expr.result].forEach(into);
  }
}
