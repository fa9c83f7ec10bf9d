import type { Issue } from './source.ts';
import { Bytes, Uint } from './values.ts';

export type Token =
  | { kind: 'name'; text: string; at: number; quoted?: boolean }
  | { kind: 'literal'; text: string; at: number; value: null | boolean | bigint | number | string | Uint | Bytes }
  | { kind: 'punctuation' | 'end'; text: string; at: number };

/** A text that is no CEL expression. */
export class SyntaxFault extends Error {
  readonly issues: readonly Issue[];

  constructor(...issues: [Issue, ...Issue[]]) {
    super(issues[0].message);
    this.issues = issues;
  }
}

/** A string that does not go on as a string may. */
class BrokenString extends Error {
  constructor(
    /** Of the character that does not fit. */
    readonly at: number,
  ) {
    super('a string that is broken');
  }
}

const punctuation = ['==', '!=', '<=', '>=', '&&', '||', '.', ',', ':', '?', '(', ')', '[', ']', '{', '}', '<', '>', '!', '+', '-', '*', '/', '%'];
const maxUint64 = (1n << 64n) - 1n;
/** The magnitude of the smallest int: whether a literal is one shows only once its sign is known. */
export const minInt64Magnitude = 1n << 63n;

/**
 * Cuts an expression into tokens; what begins none is left out, up to the character that shows it, and told among the
 * faults. Throws a SyntaxFault for numbers and characters that cannot be. The grammar is cel-go's (parser/gen/CEL.g4).
 */
export function tokens(text: string): { found: Token[]; faults: Issue[] } {
  const found: Token[] = [];
  const faults: Issue[] = [];
  let at = 0;
  const leaveOut = (start: number, wrong: number) => {
    at = wrong + String.fromCodePoint(text.codePointAt(wrong) ?? 0x20).length;
    faults.push({ at: start, message: `Syntax error: token recognition error at: '${text.slice(start, at)}'` });
  };
  while (at < text.length) {
    const start = at;
    const rest = (pattern: RegExp) => {
      pattern.lastIndex = at;
      return pattern.exec(text)?.[0];
    };
    const space = rest(/[\t \r\n\f]+|\/\/[^\n]*/y);
    if (space) {
      at += space.length;
      continue;
    }
    const string = rest(/(?:[bB][rR]?|[rR][bB]?)?(?:"""|'''|"|')/y);
    if (string) {
      let read: ReturnType<typeof readString>;
      try {
        read = readString(text, at, string);
      } catch (error) {
        if (!(error instanceof BrokenString)) throw error;
        // What stands before the last quote is a token by itself: a name, or a string of nothing.
        const before = string.slice(0, -1);
        if (!before) leaveOut(start, error.at);
        else {
          at += before.length;
          if (/\w$/.test(before)) found.push({ kind: 'name', text: before, at: start });
          else found.push({ kind: 'literal', text: before, at: start, value: /b/i.test(before) ? new Bytes(new Uint8Array()) : '' });
        }
        continue;
      }
      const [value, end] = read;
      at = end;
      found.push({ kind: 'literal', text: text.slice(start, end), at: start, value });
      continue;
    }
    const number = rest(/(?:\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)|0x[0-9a-fA-F]+[uU]?|\d+[uU]?/y);
    if (number) {
      at += number.length;
      found.push({ kind: 'literal', text: number, at: start, value: readNumber(number, start) });
      continue;
    }
    const name = rest(/[a-zA-Z_][a-zA-Z0-9_]*/y);
    if (name) {
      at += name.length;
      if (name === 'true' || name === 'false') found.push({ kind: 'literal', text: name, at: start, value: name === 'true' });
      else if (name === 'null') found.push({ kind: 'literal', text: name, at: start, value: null });
      else if (name === 'in') found.push({ kind: 'punctuation', text: name, at: start });
      else found.push({ kind: 'name', text: name, at: start });
      continue;
    }
    const mark = punctuation.find((candidate) => text.startsWith(candidate, at));
    if (!mark) {
      // Half of an operator is one only when the other half is missing.
      leaveOut(start, '=&|'.includes(text[start]!) ? start + 1 : start);
      continue;
    }
    at += mark.length;
    found.push({ kind: 'punctuation', text: mark, at: start });
  }
  found.push({ kind: 'end', text: '<EOF>', at: text.length });
  return { found, faults };
}

function readNumber(text: string, at: number): bigint | number | Uint {
  if (!text.startsWith('0x') && /[.eE]/.test(text)) {
    const value = Number(text);
    if (!Number.isFinite(value)) throw new SyntaxFault({ at, message: 'invalid double literal' });
    return value;
  }
  if (/[uU]$/.test(text)) {
    const value = BigInt(text.slice(0, -1));
    if (value > maxUint64) throw new SyntaxFault({ at, message: 'invalid uint literal' });
    return new Uint(value);
  }
  const value = BigInt(text);
  if (value > minInt64Magnitude) throw new SyntaxFault({ at, message: 'invalid int literal' });
  return value;
}

const simpleEscapes: Record<string, string> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\', '?': '?', '"': '"', "'": "'", '`': '`' };

/** As much of an escape as may begin one. */
const beginOfEscape = /^(?:[xX][0-9a-fA-F]{0,1}|u[0-9a-fA-F]{0,3}|U[0-9a-fA-F]{0,7}|[0-3][0-7]?)?/;

function readString(text: string, start: number, opening: string): [string | Bytes, number] {
  const prefix = opening.replace(/["']+$/, '').toLowerCase();
  const quote = opening.slice(prefix.length);
  const raw = prefix.includes('r');
  const isBytes = prefix.includes('b');
  const bytes: number[] = [];
  let value = '';
  const add = (character: string) => {
    if (isBytes) bytes.push(...new TextEncoder().encode(character));
    else value += character;
  };
  let at = start + opening.length;
  for (;;) {
    if (at >= text.length) throw new BrokenString(at);
    if (text.startsWith(quote, at)) return [isBytes ? new Bytes(Uint8Array.from(bytes)) : value, at + quote.length];
    const character = String.fromCodePoint(text.codePointAt(at)!);
    if (quote.length === 1 && (character === '\n' || character === '\r')) throw new BrokenString(at);
    if (character !== '\\' || raw) {
      // A raw string's backslash keeps the quote after it from ending the string.
      if (raw && character === '\\' && at + 1 < text.length && quote.length === 1 && text[at + 1] === quote) throw new BrokenString(text.length);
      add(character);
      at += character.length;
      continue;
    }
    const rest = text.slice(at + 1, at + 10);
    const simple = simpleEscapes[rest[0] ?? ''];
    const escape = /^(?:x|X)([0-9a-fA-F]{2})|^u([0-9a-fA-F]{4})|^U([0-9a-fA-F]{8})|^([0-3][0-7]{2})/.exec(rest);
    if (simple !== undefined) {
      add(simple);
      at += 2;
    } else if (escape) {
      const code = escape[4] ? parseInt(escape[4], 8) : parseInt(escape[1] ?? escape[2] ?? escape[3]!, 16);
      if (isBytes && (escape[1] || escape[4])) bytes.push(code);
      else if (isBytes || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        throw new SyntaxFault({ at: start, message: isBytes ? 'invalid bytes literal' : 'invalid unicode code point' });
      else add(String.fromCodePoint(code));
      at += 1 + escape[0].length;
    } else throw new BrokenString(at + 1 + beginOfEscape.exec(rest)![0].length);
  }
}
