import type { LabelSelector } from './index.ts';
import { isLabelValue, isQualifiedName } from './names.ts';
import { badRequest } from './status.ts';

/** Which labels an object must have. Mirrors k8s.io/apimachinery/pkg/labels/selector.go. */
export interface Selector {
  matches(labels: Readonly<Record<string, string>> | undefined): boolean;
  /** Restricts nothing. A selector that matches nothing is not empty. */
  readonly empty: boolean;
  /** As `kubectl -l` takes it; what parseSelector reads back. */
  toString(): string;
  /** What it asks for, in the order of keys; undefined: it matches nothing at all. */
  readonly requirements: readonly LabelRequirement[] | undefined;
}

export type LabelOperator = '=' | '==' | '!=' | 'in' | 'notin' | 'exists' | '!' | 'gt' | 'lt';

export interface LabelRequirement {
  key: string;
  operator: LabelOperator;
  values: readonly string[];
}

const isInteger = (text: string) => /^[+-]?\d+$/.test(text) && BigInt.asIntN(64, toBigInt(text)) === toBigInt(text);
const toBigInt = (text: string) => BigInt(text.startsWith('+') ? text.slice(1) : text);

function holds({ key, operator, values }: LabelRequirement, labels: Readonly<Record<string, string>>): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case '=':
    case '==':
    case 'in':
      return value !== undefined && values.includes(value);
    case '!=':
    case 'notin':
      return value === undefined || !values.includes(value);
    case 'exists':
      return value !== undefined;
    case '!':
      return value === undefined;
    case 'gt':
      return value !== undefined && isInteger(value) && toBigInt(value) > toBigInt(values[0]!);
    case 'lt':
      return value !== undefined && isInteger(value) && toBigInt(value) < toBigInt(values[0]!);
  }
}

function show({ key, operator, values }: LabelRequirement): string {
  switch (operator) {
    case 'exists':
      return key;
    case '!':
      return `!${key}`;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${[...values].sort().join(',')})`;
    default:
      return `${key}${{ '=': '=', '==': '==', '!=': '!=', gt: '>', lt: '<' }[operator]}${values[0]}`;
  }
}

class Requirements implements Selector {
  constructor(readonly requirements: readonly LabelRequirement[]) {}

  get empty(): boolean {
    return this.requirements.length === 0;
  }

  matches(labels: Readonly<Record<string, string>> = {}): boolean {
    for (const requirement of this.requirements) if (!holds(requirement, labels)) return false;
    return true;
  }

  toString(): string {
    return this.requirements.map(show).join(',');
  }
}

export const everything: Selector = new Requirements([]);

export const nothing: Selector = { matches: () => false, empty: false, toString: () => '', requirements: undefined };

const byKey = (requirements: LabelRequirement[]) =>
  new Requirements(requirements.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)));

/** All of these labels, as a Service or ReplicationController selects; none: everything. The labels are not checked. */
export function selectorFromSet(labels: Readonly<Record<string, string>> | undefined): Selector {
  return byKey(Object.entries(labels ?? {}).map(([key, value]) => ({ key, operator: '=', values: [value] })));
}

const operators: Record<string, LabelOperator> = { In: 'in', NotIn: 'notin', Exists: 'exists', DoesNotExist: '!' };

/** Undefined selects nothing, an empty one everything. Throws a 400 StatusError for a selector that says nothing valid. */
export function selectorFromLabelSelector(selector: LabelSelector | undefined): Selector {
  if (!selector) return nothing;
  const requirements = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => checked({ key, operator: '=', values: [value] }));
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    if (!Object.hasOwn(operators, operator)) throw badRequest(`${JSON.stringify(operator)} is not a valid label selector operator`);
    requirements.push(checked({ key, operator: operators[operator]!, values: values ?? [] }));
  }
  return byKey(requirements);
}

/** Upstream's NewRequirement: the requirement, or a 400 with all that is wrong with it. */
function checked(requirement: LabelRequirement): LabelRequirement {
  const { key, operator, values } = requirement;
  const found: string[] = [];
  const keyProblems = isQualifiedName(key);
  if (keyProblems.length) found.push(`key: Invalid value: ${JSON.stringify(key)}: ${keyProblems.join('; ')}`);
  switch (operator) {
    case 'in':
    case 'notin':
      if (!values.length) found.push(`values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty`);
      break;
    case 'exists':
    case '!':
      if (values.length) found.push(`values: Invalid value: ${JSON.stringify(values)}: values set must be empty for exists and does not exist`);
      break;
    case 'gt':
    case 'lt':
      values.forEach((value, i) => {
        if (!isInteger(value))
          found.push(`values[${i}]: Invalid value: ${JSON.stringify(value)}: for 'Gt', 'Lt' operators, the value must be an integer`);
      });
  }
  values.forEach((value, i) => {
    const problems = isLabelValue(value);
    if (problems.length) found.push(`values[${i}][${key}]: Invalid value: ${JSON.stringify(value)}: ${problems.join('; ')}`);
  });
  if (!found.length) return requirement;
  const distinct = [...new Set(found)];
  throw badRequest(distinct.length === 1 ? distinct[0]! : `[${distinct.join(', ')}]`);
}

interface Token {
  type: ')' | ',' | '!' | '==' | '=' | '>' | 'in' | '<' | '!=' | 'notin' | '(' | 'identifier' | 'end';
  text: string;
}

const words: ReadonlySet<string> = new Set([')', ',', '!', '==', '=', '>', 'in', '<', '!=', 'notin', '(']);

function* scan(text: string): Generator<Token> {
  const pattern = /[ \t\r\n]*(?:([=!(),><]+)|([^=!(),>< \t\r\n]+))/y;
  let match: RegExpExecArray | null;
  while ((match = pattern.exec(text))) {
    const [, symbols, word] = match;
    if (word !== undefined) yield { type: words.has(word) ? (word as Token['type']) : 'identifier', text: word };
    else if (symbols !== undefined) {
      // The longest run of symbols that is a token (each symbol alone is one); what follows it is read again.
      const length = words.has(symbols.slice(0, 2)) ? 2 : 1;
      const token = symbols.slice(0, Math.min(length, symbols.length));
      yield { type: token as Token['type'], text: token };
      pattern.lastIndex -= symbols.length - token.length;
    }
  }
  yield { type: 'end', text: '' };
}

/** `app=web,tier in (a,b),!old`; throws a 400 StatusError with upstream's message. */
export function parseSelector(text: string): Selector {
  if (text === '') return everything;
  return byKey(new Parser([...scan(text)]).parse());
}

class Parser {
  #position = 0;

  constructor(private readonly tokens: Token[]) {}

  parse(): LabelRequirement[] {
    const requirements: LabelRequirement[] = [];
    for (;;) {
      const next = this.#peekValue();
      if (next.type === 'end') return requirements;
      if (next.type !== 'identifier' && next.type !== '!')
        throw badRequest(`found '${next.text}', expected: !, identifier, or 'end of string'`);
      requirements.push(this.#requirement());
      const after = this.#takeValue();
      if (after.type === 'end') return requirements;
      if (after.type !== ',') throw badRequest(`found '${after.text}', expected: ',' or 'end of string'`);
      const following = this.#peekValue();
      if (following.type !== 'identifier' && following.type !== '!')
        throw badRequest(`found '${following.text}', expected: identifier after ','`);
    }
  }

  #requirement(): LabelRequirement {
    try {
      return this.#readRequirement();
    } catch (error) {
      throw badRequest(`unable to parse requirement: ${(error as Error).message}`);
    }
  }

  #readRequirement(): LabelRequirement {
    let token = this.#takeValue();
    const negated = token.type === '!';
    if (negated) token = this.#takeValue();
    if (token.type !== 'identifier') throw badRequest(`found '${token.text}', expected: identifier`);
    const key = token.text;
    const problems = isQualifiedName(key);
    if (problems.length) throw badRequest(`<nil>: Invalid value: ${JSON.stringify(key)}: ${problems.join('; ')}`);
    const next = this.#peekValue().type;
    if (negated || next === 'end' || next === ',') return checked({ key, operator: negated ? '!' : 'exists', values: [] });
    const operator = this.#operator();
    const values = operator === 'in' || operator === 'notin' ? this.#values() : [this.#exactValue()];
    return checked({ key, operator, values: [...new Set(values)].sort() });
  }

  #operator(): LabelOperator {
    const { type, text } = this.tokens[this.#position++]!;
    switch (type) {
      case 'in':
      case 'notin':
      case '=':
      case '==':
      case '!=':
        return type;
      case '>':
        return 'gt';
      case '<':
        return 'lt';
      default:
        throw badRequest(`found '${text}', expected: in, notin, =, ==, !=, gt, lt`);
    }
  }

  #values(): string[] {
    const opening = this.#takeValue();
    if (opening.type !== '(') throw badRequest(`found '${opening.text}' expected: '('`);
    const first = this.#peekValue();
    if (first.type === ')') {
      this.#position++;
      return [''];
    }
    if (first.type !== 'identifier' && first.type !== ',') throw badRequest(`found '${first.text}', expected: ',', ')' or identifier`);
    const values: string[] = [];
    for (;;) {
      const token = this.#takeValue();
      if (token.type === 'identifier') {
        values.push(token.text);
        const next = this.#peekValue();
        if (next.type === ')') break;
        if (next.type !== ',') throw badRequest(`found '${next.text}', expected: ',' or ')'`);
      } else if (token.type === ',') {
        // `(,a)`, `(a,)` and `(a,,b)` all name the empty value.
        if (!values.length) values.push('');
        const next = this.#peekValue();
        if (next.type === ')' || next.type === ',') values.push('');
        if (next.type === ')') break;
      } else throw badRequest(`found '${token.text}', expected: ',', or identifier`);
    }
    this.#position++;
    return values;
  }

  #exactValue(): string {
    const next = this.#peekValue();
    if (next.type === 'end' || next.type === ',') return '';
    this.#position++;
    if (next.type !== 'identifier') throw badRequest(`found '${next.text}', expected: identifier`);
    return next.text;
  }

  /** `in` and `notin` may also be keys and values. */
  #peekValue(): Token {
    const token = this.tokens[this.#position]!;
    return token.type === 'in' || token.type === 'notin' ? { type: 'identifier', text: token.text } : token;
  }

  #takeValue(): Token {
    const token = this.#peekValue();
    this.#position++;
    return token;
  }
}
