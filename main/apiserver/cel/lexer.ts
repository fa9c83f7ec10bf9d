import type { Issue } from './source.ts';
import { Bytes, Uint } from './values.ts';

export type Token =
  | { kind: 'name'; text: string; at: number; quoted?: boolean }
  | { kind: 'literal'; text: string; at: number; value: null | boolean | bigint | number | string | Uint | Bytes }
  | { kind: 'punctuation' | 'end'; text: string; at: number };

/** A text that is no CEL expression. */
export class SyntaxFault extends Error {
  constructor(readonly issue: Issue) {
    super(issue.message);
  }
}

const punctuation = ['==', '!=', '<=', '>=', '&&', '||', '.', ',', ':', '?', '(', ')', '[', ']', '{', '}', '<', '>', '!', '+', '-', '*', '/', '%'];
const maxUint64 = (1n << 64n) - 1n;
/** The magnitude of the smallest int: whether a literal is one shows only once its sign is known. */
export const minInt64Magnitude = 1n << 63n;

/** Cuts an expression into tokens; throws a SyntaxFault. The grammar is cel-go's (parser/gen/CEL.g4). */
export function tokens(text: string): Token[] {
  const found: Token[] = [];
  let at = 0;
  const fail = (position: number, message: string): never => {
    throw new SyntaxFault({ at: position, message });
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
      const [value, end] = readString(text, at, string);
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
    if (!mark) fail(start, `Syntax error: token recognition error at: '${text.slice(start, start + 2)}'`);
    at += mark!.length;
    found.push({ kind: 'punctuation', text: mark!, at: start });
  }
  found.push({ kind: 'end', text: '<EOF>', at: text.length });
  return found;
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
  const unterminated = () => new SyntaxFault({ at: start, message: `Syntax error: token recognition error at: '${text.slice(start)}'` });
  for (;;) {
    if (at >= text.length) throw unterminated();
    if (text.startsWith(quote, at)) return [isBytes ? new Bytes(Uint8Array.from(bytes)) : value, at + quote.length];
    const character = String.fromCodePoint(text.codePointAt(at)!);
    if (quote.length === 1 && (character === '\n' || character === '\r')) throw unterminated();
    if (character !== '\\' || raw) {
      // A raw string's backslash keeps the quote after it from ending the string.
      if (raw && character === '\\' && at + 1 < text.length && quote.length === 1 && text[at + 1] === quote) throw unterminated();
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
    } else throw unterminated();
  }
}
