const hexDigits = /^[0-9a-fA-F]$/;
const named: Record<string, string> = { "'": "\\'", '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' };

function shown(char: string): string {
  const code = char.charCodeAt(0);
  return `'${named[char] ?? (code < 0x20 ? `\\x${code.toString(16).padStart(2, '0')}` : char)}'`;
}

const ended = 'unexpected end of JSON input';

/** What must come next in the text. */
type Next = 'value' | 'valueOrEnd' | 'key' | 'keyOrEnd' | 'colon' | 'commaOrEnd' | 'nothing';

/**
 * How deep an object may be nested: far more than anybody needs. Go's reader follows ten times as far, but on the stack that
 * there is here nobody could look at such an object, and what ends up at its end does not always come back (V8 ends the
 * process when it has to compile an expression there).
 */
const maxDepth = 1000;

/** Whether a JSON text is nested deeper than is read, which makes it none. */
export function nestedTooDeep(text: string): boolean {
  if (text.length < 2 * maxDepth) return false;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) {
      do at = text.indexOf('"', at + 1);
      while (at > 0 && isEscaped(text, at));
      if (at < 0) return false;
    } else if (code === 0x7b || code === 0x5b) {
      if (++depth > maxDepth) return true;
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
  return false;
}

function isEscaped(text: string, at: number): boolean {
  let slashes = 0;
  while (text.charCodeAt(at - 1 - slashes) === 0x5c) slashes++;
  return slashes % 2 === 1;
}

/** Why a text is no JSON, in the words of Go's encoding/json (scanner.go), which clients of Kubernetes know. */
export function jsonError(text: string): string {
  let at = 0;
  let next: Next = 'value';
  const open: ('{' | '[')[] = [];
  const after = (): Next => (open.length ? 'commaOrEnd' : 'nothing');
  for (;;) {
    while (at < text.length && ' \t\r\n'.includes(text[at]!)) at++;
    const char = text[at];
    if (char === undefined) return ended;
    const bad = (where: string) => `invalid character ${shown(char)} ${where}`;
    if (next === 'nothing') return bad('after top-level value');
    if (next === 'colon') {
      if (char !== ':') return bad('after object key');
      next = 'value';
      at++;
    } else if (next === 'commaOrEnd') {
      const inObject = open.at(-1) === '{';
      if (char === ',') next = inObject ? 'key' : 'value';
      else if (char === (inObject ? '}' : ']')) {
        open.pop();
        next = after();
      } else return bad(inObject ? 'after object key:value pair' : 'after array element');
      at++;
    } else if ((next === 'keyOrEnd' && char === '}') || (next === 'valueOrEnd' && char === ']')) {
      open.pop();
      next = after();
      at++;
    } else if (next === 'key' || next === 'keyOrEnd') {
      if (char !== '"') return bad('looking for beginning of object key string');
      const read = scalar(text, at);
      if (typeof read === 'string') return read;
      at = read;
      next = 'colon';
    } else if (char === '{' || char === '[') {
      if (open.length === maxDepth) return bad('exceeded max depth');
      open.push(char);
      next = char === '{' ? 'keyOrEnd' : 'valueOrEnd';
      at++;
    } else {
      const read = scalar(text, at);
      if (typeof read === 'string') return read;
      at = read;
      next = after();
    }
  }
}

/** Where a text, number or word ends; or what is wrong with it. */
function scalar(text: string, start: number): number | string {
  const first = text[start]!;
  if (first === '"') return quoted(text, start + 1);
  if (first === '-' || (first >= '0' && first <= '9')) return number(text, start);
  const word = { t: 'true', f: 'false', n: 'null' }[first];
  if (!word) return `invalid character ${shown(first)} looking for beginning of value`;
  for (let i = 1; i < word.length; i++) {
    const char = text[start + i];
    if (char === undefined) return ended;
    if (char !== word[i]) return `invalid character ${shown(char)} in literal ${word} (expecting ${shown(word[i]!)})`;
  }
  return start + word.length;
}

function quoted(text: string, start: number): number | string {
  for (let at = start; at < text.length; at++) {
    const char = text[at]!;
    if (char === '"') return at + 1;
    if (char < ' ') return `invalid character ${shown(char)} in string literal`;
    if (char !== '\\') continue;
    const escape = text[++at];
    if (escape === undefined) return ended;
    if (!'"\\/bfnrtu'.includes(escape)) return `invalid character ${shown(escape)} in string escape code`;
    for (let i = 0; escape === 'u' && i < 4; i++) {
      const digit = text[++at];
      if (digit === undefined) return ended;
      if (!hexDigits.test(digit)) return `invalid character ${shown(digit)} in \\u hexadecimal character escape`;
    }
  }
  return ended;
}

function number(text: string, start: number): number | string {
  let at = start;
  const digits = (where: string): string | undefined => {
    const char = text[at];
    if (char === undefined) return ended;
    if (char < '0' || char > '9') return `invalid character ${shown(char)} ${where}`;
    while (text[at]! >= '0' && text[at]! <= '9') at++;
    return undefined;
  };
  if (text[at] === '-') at++;
  // Nothing but the rest of the number may come after a zero.
  const whole = text[at] === '0' ? void at++ : digits('in numeric literal');
  if (whole) return whole;
  if (text[at] === '.') {
    at++;
    const fraction = digits('after decimal point in numeric literal');
    if (fraction) return fraction;
  }
  if (text[at] === 'e' || text[at] === 'E') {
    at++;
    if (text[at] === '+' || text[at] === '-') at++;
    const exponent = digits('in exponent of numeric literal');
    if (exponent) return exponent;
  }
  return at;
}

/** What Go's decoder calls a JSON value. */
export function jsonKind(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}
