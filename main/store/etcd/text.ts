/*
 * Texts as bytes: UTF-8, and where a text is no Unicode (half of a surrogate pair) its generalization WTF-8, so that any
 * string comes back as it was.
 */

const wellFormed = (text: string) => (text as string & { isWellFormed(): boolean }).isWellFormed();

/** Writes `text` at `at` and says how many bytes that took: at most three a unit. */
export function writeText(buffer: Buffer, text: string, at: number): number {
  if (wellFormed(text)) return buffer.write(text, at, 'utf8');
  const start = at;
  for (const character of text) {
    const unit = character.charCodeAt(0);
    if (character.length === 1 && unit >= 0xd800 && unit <= 0xdfff) {
      buffer[at++] = 0xe0 | (unit >> 12);
      buffer[at++] = 0x80 | ((unit >> 6) & 63);
      buffer[at++] = 0x80 | (unit & 63);
    } else at += buffer.write(character, at, 'utf8');
  }
  return at - start;
}

export function bytesOf(text: string): Buffer {
  if (wellFormed(text)) return Buffer.from(text, 'utf8');
  const buffer = Buffer.allocUnsafe(text.length * 3);
  return buffer.subarray(0, writeText(buffer, text, 0));
}

export function textOf(bytes: Buffer, from = 0, to = bytes.length): string {
  const text = bytes.toString('utf8', from, to);
  return text.includes('\ufffd') ? generalText(bytes, from, to) : text;
}

/** Reads halves of surrogate pairs, of which plain UTF-8 knows nothing. */
function generalText(bytes: Buffer, from: number, to: number): string {
  let text = '';
  let plain = from;
  for (let i = from; i + 2 < to; i++) {
    if (bytes[i] !== 0xed || bytes[i + 1]! < 0xa0) continue;
    text += bytes.toString('utf8', plain, i) + String.fromCharCode(0xd000 | ((bytes[i + 1]! & 63) << 6) | (bytes[i + 2]! & 63));
    plain = i + 3;
    i += 2;
  }
  return text + bytes.toString('utf8', plain, to);
}
