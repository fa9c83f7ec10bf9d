import type { Expr, MapEntry, StructField } from './ast.ts';
import { minInt64Magnitude, SyntaxFault, tokens, type Token } from './lexer.ts';
import { expandBinding, expandMacro } from './macros.ts';
import type { Issue } from './source.ts';

/** Names that CEL keeps for languages around it; they may still be fields. */
const reserved = new Set(['as', 'break', 'const', 'continue', 'else', 'for', 'function', 'if', 'import', 'let', 'loop', 'package', 'namespace', 'return', 'var', 'void', 'while']);
const maxDepth = 250;
const maxCodePoints = 100_000;
const relational = new Set(['==', '!=', '<', '<=', '>', '>=', 'in']);
const brackets = new Map([['(', ')'], ['[', ']'], ['{', '}']]);
const expectedPrimary = "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";

/** Makes nodes, each with a number of its own. */
export class Nodes {
  #count = 0;

  next(): number {
    return ++this.#count;
  }

  ident(at: number, name: string): Expr {
    return { kind: 'ident', id: this.next(), at, name };
  }

  literal(at: number, value: (Expr & { kind: 'literal' })['value']): Expr {
    return { kind: 'literal', id: this.next(), at, value };
  }

  call(at: number, fn: string, args: Expr[], target?: Expr): Expr {
    return { kind: 'call', id: this.next(), at, fn, args, ...(target && { target }) };
  }

  list(at: number, elements: Expr[], optional: ReadonlySet<number> = new Set()): Expr {
    return { kind: 'list', id: this.next(), at, elements, optional };
  }
}

/**
 * Reads an expression and expands its macros, `cel.bind` if asked; throws a SyntaxFault.
 * Mirrors github.com/google/cel-go/parser (parser.go).
 */
export function parse(text: string, bindings = false): Expr {
  if (text.length > maxCodePoints && [...text].length > maxCodePoints)
    throw new SyntaxFault({ at: 0, message: `expression code point size exceeds limit: size: ${[...text].length}, limit ${maxCodePoints}` });
  const { found, faults } = tokens(text);
  const parser = new Parser(found, faults, bindings);
  let expr: Expr | undefined;
  try {
    expr = parser.whole();
  } catch (error) {
    if (!(error instanceof SyntaxFault)) throw error;
    faults.push(...error.issues);
  }
  const [first, ...others] = faults;
  if (first || !expr) throw new SyntaxFault(first!, ...others);
  return expr;
}

class Parser {
  #next = 0;
  #depth = 0;
  readonly #nodes = new Nodes();

  constructor(
    private readonly list: readonly Token[],
    /** Takes what does not keep the rest from being read. */
    private readonly faults: Issue[],
    private readonly bindings: boolean,
  ) {}

  whole(): Expr {
    const expr = this.#expr();
    const token = this.#peek();
    if (token.kind !== 'end') this.#fail(token, this.#unexpected(token, '<EOF>', this.#after().kind === 'end'));
    return expr;
  }

  #peek(): Token {
    return this.list[this.#next]!;
  }

  #is(text: string): boolean {
    const token = this.#peek();
    return token.kind === 'punctuation' && token.text === text;
  }

  #take(text: string): Token | undefined {
    return this.#is(text) ? this.list[this.#next++] : undefined;
  }

  #expect(text: string): Token {
    const token = this.#take(text);
    if (token) return token;
    const found = this.#peek();
    if (this.#isMark(this.#after(), text)) return this.#fail(found, this.#unexpected(found, `'${text}'`, true));
    // ANTLR goes on as if the mark were there where what was found may come after it.
    const fits = text === ':' ? this.#startsPrimary(found) : found.kind === 'end' || (found.kind === 'punctuation' && !'(!{'.includes(found.text) && this.#isAwaited(found));
    return this.#fail(found, fits ? `Syntax error: missing '${text}' at '${found.text}'` : this.#unexpected(found, `'${text}'`));
  }

  /** Whether what is open around the innermost bracket may end with a token, if it is one that ends something. */
  #isAwaited({ text }: Token): boolean {
    if (!')]}:'.includes(text)) return true;
    const before = this.list.slice(0, this.#next).filter(({ kind }) => kind === 'punctuation');
    const open: string[] = [];
    for (const mark of before) {
      const end = brackets.get(mark.text);
      if (end) open.push(end);
      else if (mark.text === open.at(-1)) open.pop();
    }
    const around = open.slice(0, -1);
    return text === ':' ? around.includes('}') || before.some((mark) => mark.text === '?') : around.includes(text);
  }

  /** Whether another element of a list, a map or a message comes behind `count` of them. The last may have a comma, as may none at all. */
  #another(end: string, count: number, starts = (token: Token) => this.#startsPrimary(token)): boolean {
    if (this.#take(end)) return false;
    const comma = this.#take(',');
    if (count === 0 && !comma) return true;
    if (!comma) this.#expectEnd(end);
    if (count > 0 && (this.#is('?') || starts(this.#peek()))) return true;
    this.#expect(end);
    return false;
  }

  /** The end of a list, a map or a message, behind an element that may be the last. */
  #expectEnd(text: string): void {
    const found = this.#peek();
    const after = this.#after();
    this.#fail(found, this.#unexpected(found, `{'${text}', ','}`, found.kind !== 'end' && (this.#isMark(after, text) || this.#isMark(after, ','))));
  }

  /** What comes behind the next token. */
  #after(): Token {
    return this.list[this.#next + 1] ?? this.#peek();
  }

  #isMark(token: Token, text: string): boolean {
    return token.kind === 'punctuation' && token.text === text;
  }

  #startsPrimary(token: Token): boolean {
    return token.kind === 'literal' || token.kind === 'name' || (token.kind === 'punctuation' && '[{(.-!'.includes(token.text));
  }

  #name(): Token {
    const token = this.#peek();
    if (token.kind !== 'name') return this.#fail(token, this.#unexpected(token, 'IDENTIFIER'));
    this.#next++;
    return token;
  }

  /** Upstream's parser calls a token extraneous when the text would be right without it. */
  #unexpected(token: Token, expected: string, extraneous = false): string {
    return `Syntax error: ${extraneous ? 'extraneous' : 'mismatched'} input '${token.text}' expecting ${expected}`;
  }

  #fail(token: Token, message: string): never {
    throw new SyntaxFault({ at: token.at, message });
  }

  #expr(): Expr {
    if (++this.#depth > maxDepth) this.#fail(this.#peek(), `expression recursion limit exceeded: ${maxDepth}`);
    const condition = this.#binary(0);
    const question = this.#take('?');
    let result = condition;
    if (question) {
      const yes = this.#binary(0);
      this.#expect(':');
      result = this.#nodes.call(question.at, '_?_:_', [condition, yes, this.#expr()]);
    }
    this.#depth--;
    return result;
  }

  /** Operators from the loosest to the tightest binding. */
  #binary(level: number): Expr {
    if (level === 5) return this.#unary();
    let left = this.#binary(level + 1);
    for (;;) {
      const token = this.#peek();
      if (token.kind !== 'punctuation' || !this.#binds(token.text, level)) return left;
      this.#next++;
      left = this.#nodes.call(token.at, token.text === 'in' ? '@in' : `_${token.text}_`, [left, this.#binary(level + 1)]);
    }
  }

  #binds(text: string, level: number): boolean {
    if (level === 0) return text === '||';
    if (level === 1) return text === '&&';
    if (level === 2) return relational.has(text);
    if (level === 3) return text === '+' || text === '-';
    return text === '*' || text === '/' || text === '%';
  }

  #unary(): Expr {
    const first = this.#peek();
    let count = 0;
    for (const text of ['!', '-']) {
      while (this.#take(text)) count++;
      if (!count) continue;
      const token = this.#peek();
      if (text === '-' && count === 1 && token.kind === 'literal' && (typeof token.value === 'bigint' || typeof token.value === 'number')) {
        this.#next++;
        return this.#members(this.#nodes.literal(first.at, -token.value));
      }
      const operand = this.#members(this.#primary());
      return count % 2 ? this.#nodes.call(first.at, `${text}_`, [operand]) : operand;
    }
    return this.#members(this.#primary());
  }

  #members(start: Expr): Expr {
    let expr = start;
    for (let count = 0; ; count++) {
      if (count > maxDepth) this.#fail(this.#peek(), `expression recursion limit exceeded: ${maxDepth}`);
      const dot = this.#take('.');
      if (dot) {
        const optional = this.#take('?');
        const next = this.#peek();
        if (!optional && (next.kind === 'end' || this.#isMark(next, '.'))) this.#fail(next, `Syntax error: no viable alternative at input '.${next.kind === 'end' ? '' : next.text}'`);
        const name = this.#name();
        const open = optional ? undefined : this.#take('(');
        if (open) expr = this.#call(open.at, name.text, this.#args(), expr);
        else if (optional) expr = this.#nodes.call(dot.at, '_?._', [expr, this.#nodes.literal(name.at, name.text)]);
        else expr = { kind: 'select', id: this.#nodes.next(), at: dot.at, operand: expr, field: name.text, testOnly: false };
        continue;
      }
      const bracket = this.#take('[');
      if (bracket) {
        const optional = this.#take('?');
        const index = this.#expr();
        this.#expect(']');
        expr = this.#nodes.call(bracket.at, optional ? '_[?_]' : '_[_]', [expr, index]);
        continue;
      }
      const typeName = this.#is('{') ? qualifiedName(expr) : undefined;
      if (typeName === undefined) return expr;
      const brace = this.#expect('{');
      expr = { kind: 'struct', id: this.#nodes.next(), at: brace.at, typeName, fields: this.#fields() };
    }
  }

  #call(at: number, name: string, args: Expr[], target?: Expr): Expr {
    const binding = this.bindings ? expandBinding(this.#nodes, at, name, args, target) : undefined;
    return binding ?? expandMacro(this.#nodes, at, name, args, target) ?? this.#nodes.call(at, name, args, target);
  }

  #args(): Expr[] {
    const args: Expr[] = [];
    if (this.#take(')')) return args;
    do args.push(this.#expr());
    while (this.#take(','));
    this.#expect(')');
    return args;
  }

  #fields(): StructField[] {
    const fields: StructField[] = [];
    while (this.#another('}', fields.length, (token) => token.kind === 'name')) {
      const optional = this.#take('?') !== undefined;
      const name = this.#name();
      const colon = this.#expect(':');
      fields.push({ id: this.#nodes.next(), at: colon.at, name: name.text, value: this.#expr(), optional });
    }
    return fields;
  }

  #primary(): Expr {
    const token = this.#peek();
    if (token.kind === 'literal') {
      this.#next++;
      if (token.value === minInt64Magnitude) this.#fail(token, 'invalid int literal');
      return this.#nodes.literal(token.at, token.value);
    }
    if (this.#take('(')) {
      const expr = this.#expr();
      this.#expect(')');
      return expr;
    }
    if (this.#take('[')) return this.#listLiteral(token.at);
    if (this.#take('{')) return this.#mapLiteral(token.at);
    const leading = this.#take('.');
    if (leading || token.kind === 'name') {
      const name = this.#name();
      if (reserved.has(name.text)) this.faults.push({ at: name.at, message: `reserved identifier: ${name.text}` });
      const full = leading ? `.${name.text}` : name.text;
      const open = this.#take('(');
      if (open) return this.#call(open.at, full, this.#args());
      return this.#nodes.ident(name.at, full);
    }
    return this.#fail(token, this.#unexpected(token, expectedPrimary, token.kind !== 'end' && this.#startsPrimary(this.#after())));
  }

  #listLiteral(at: number): Expr {
    const elements: Expr[] = [];
    const optional = new Set<number>();
    while (this.#another(']', elements.length)) {
      if (this.#take('?')) optional.add(elements.length);
      elements.push(this.#expr());
    }
    return this.#nodes.list(at, elements, optional);
  }

  #mapLiteral(at: number): Expr {
    const entries: MapEntry[] = [];
    while (this.#another('}', entries.length)) {
      const optional = this.#take('?') !== undefined;
      const key = this.#expr();
      this.#expect(':');
      entries.push({ key, value: this.#expr(), optional });
    }
    return { kind: 'map', id: this.#nodes.next(), at, entries };
  }
}

/** `a.b.c` of a chain of plain names; undefined for anything else. */
export function qualifiedName(expr: Expr): string | undefined {
  if (expr.kind === 'ident') return expr.name;
  if (expr.kind !== 'select' || expr.testOnly) return undefined;
  const prefix = qualifiedName(expr.operand);
  return prefix === undefined ? undefined : `${prefix}.${expr.field}`;
}
