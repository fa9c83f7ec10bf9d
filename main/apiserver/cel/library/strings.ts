import { member, type Declare } from '../functions.ts';
import { dynType, intType, listType, stringType } from '../types.ts';
import { ArrayList, CelError, type CelList, type Value } from '../values.ts';
import { format, formatValue } from './stringFormat.ts';

/** What a string offers beyond CEL's own; mirrors github.com/google/cel-go/ext (strings.go), version 2. */
export function stringsLibrary(add: Declare): void {
  const list = listType(stringType);
  add('charAt', 'string_char_at_int', [stringType, intType], stringType, (text: string, index: bigint) => {
    const characters = [...text];
    if (index < 0n || index > characters.length) throw outOfRange(index);
    return characters[Number(index)] ?? '';
  }, member);
  add('indexOf', 'string_index_of_string', [stringType, stringType], intType, (text: string, part: string) => indexOf(text, part, 0n), member);
  add('indexOf', 'string_index_of_string_int', [stringType, stringType, intType], intType, indexOf, member);
  add('lastIndexOf', 'string_last_index_of_string', [stringType, stringType], intType, (text: string, part: string) => lastIndexOf(text, part), member);
  add('lastIndexOf', 'string_last_index_of_string_int', [stringType, stringType, intType], intType, lastIndexOf, member);
  add('lowerAscii', 'string_lower_ascii', [stringType], stringType, (text: string) => text.replace(/[A-Z]/g, (c) => c.toLowerCase()), member);
  add('upperAscii', 'string_upper_ascii', [stringType], stringType, (text: string) => text.replace(/[a-z]/g, (c) => c.toUpperCase()), member);
  add('replace', 'string_replace_string_string', [stringType, stringType, stringType], stringType, (text: string, from: string, to: string) => replace(text, from, to, -1n), member);
  add('replace', 'string_replace_string_string_int', [stringType, stringType, stringType, intType], stringType, replace, member);
  add('split', 'string_split_string', [stringType, stringType], list, (text: string, by: string) => split(text, by, -1n), member);
  add('split', 'string_split_string_int', [stringType, stringType, intType], list, split, member);
  add('substring', 'string_substring_int', [stringType, intType], stringType, (text: string, start: bigint) => {
    const characters = [...text];
    if (start < 0n || start > characters.length) throw outOfRange(start);
    return characters.slice(Number(start)).join('');
  }, member);
  add('substring', 'string_substring_int_int', [stringType, intType, intType], stringType, (text: string, start: bigint, end: bigint) => {
    const characters = [...text];
    if (start > end) throw new CelError(`invalid substring range. start: ${start}, end: ${end}`);
    if (start < 0n || start > characters.length) throw outOfRange(start);
    if (end < 0n || end > characters.length) throw outOfRange(end);
    return characters.slice(Number(start), Number(end)).join('');
  }, member);
  // White space is Unicode's White_Space: JavaScript's trim adds U+FEFF to it and leaves U+0085 out.
  add('trim', 'string_trim', [stringType], stringType, (text: string) => text.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, ''), member);
  add('join', 'list_join', [list], stringType, (items: CelList) => join(items, ''), member);
  add('join', 'list_join_string', [list, stringType], stringType, join, member);
  add('format', 'string_format', [stringType, listType(dynType)], stringType, format, member);
  add('strings.quote', 'strings_quote', [stringType], stringType, quote);
}

const outOfRange = (index: bigint) => new CelError(`index out of range: ${index}`);

function indexOf(text: string, part: string, from: bigint): bigint {
  if (from < 0n) throw outOfRange(from);
  const characters = [...text];
  const wanted = [...part];
  if (!wanted.length) return from;
  for (let i = Number(from); i <= characters.length - wanted.length; i++) if (wanted.every((character, j) => characters[i + j] === character)) return BigInt(i);
  return -1n;
}

function lastIndexOf(text: string, part: string, from?: bigint): bigint {
  const characters = [...text];
  const wanted = [...part];
  if (from !== undefined && from < 0n) throw outOfRange(from);
  if (!wanted.length) return from ?? BigInt(characters.length);
  const last = characters.length - wanted.length;
  for (let i = Math.min(last, from === undefined ? last : Number(from)); i >= 0; i--) if (wanted.every((character, j) => characters[i + j] === character)) return BigInt(i);
  return -1n;
}

function replace(text: string, from: string, to: string, count: bigint): string {
  if (count === 0n || from === to) return text;
  let left = count < 0n ? Infinity : Number(count);
  const pieces = from === '' ? [...text] : text.split(from);
  if (from !== '') {
    let result = pieces[0]!;
    for (const piece of pieces.slice(1)) result += (left-- > 0 ? to : from) + piece;
    return result;
  }
  // An empty text stands before every character and at the end.
  let result = '';
  for (const piece of [...pieces, '']) result += (left-- > 0 ? to : '') + piece;
  return result;
}

function split(text: string, by: string, limit: bigint): Value {
  if (limit === 0n) return new ArrayList([]);
  const parts = by === '' ? [...text] : text.split(by);
  if (limit < 0n || parts.length <= limit) return new ArrayList(parts);
  const kept = Number(limit) - 1;
  return new ArrayList([...parts.slice(0, kept), parts.slice(kept).join(by)]);
}

function join(items: CelList, by: string): string {
  const texts: string[] = [];
  for (const item of items) {
    if (typeof item !== 'string') throw new CelError(`join: invalid input: ${formatValue(item)}`);
    texts.push(item);
  }
  return texts.join(by);
}

const quoted: Record<string, string> = { '\x07': '\\a', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v', '\\': '\\\\', '"': '\\"' };

/** As a literal of CEL. */
const quote = (text: string) => `"${text.replace(/[\x07\b\f\n\r\t\v\\"]/g, (character) => quoted[character]!)}"`;
