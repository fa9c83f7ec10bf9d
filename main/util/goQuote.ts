const named: Record<string, string> = { '\x07': '\\a', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v', '\\': '\\\\', '"': '\\"' };
const hex = (code: number, digits: number) => code.toString(16).padStart(digits, '0');
const encoder = new TextEncoder();

/** A text in quotes as Go's `%q` writes it. */
export function goQuote(text: string): string {
  return `"${text.replace(/["\\]|[^ \p{L}\p{M}\p{N}\p{P}\p{S}]/gu, (char) => {
    const code = char.codePointAt(0)!;
    return named[char] ?? (code < 0x80 ? `\\x${hex(code, 2)}` : code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`);
  })}"`;
}

/** A text in quotes as Go's package time writes it: byte by byte, in UTF-8. */
export function goByteQuote(text: string): string {
  return `"${text.replace(/["\\]|[^ -\u007f]/gu, (char) => (char === '"' || char === '\\' ? `\\${char}` : [...encoder.encode(char)].map((byte) => `\\x${hex(byte, 2)}`).join('')))}"`;
}
