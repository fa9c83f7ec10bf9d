import { expect, it } from 'vitest';
import { jsonError } from '../../../main/api/jsonError.ts';

it.each([
  ['', 'unexpected end of JSON input'],
  ['{"a":', 'unexpected end of JSON input'],
  ['{"a"', 'unexpected end of JSON input'],
  ['[1', 'unexpected end of JSON input'],
  ['tr', 'unexpected end of JSON input'],
  ['{} x', "invalid character 'x' after top-level value"],
  ['01', "invalid character '1' after top-level value"],
  ['x', "invalid character 'x' looking for beginning of value"],
  ['[1,]', "invalid character ']' looking for beginning of value"],
  ['{a:1}', "invalid character 'a' looking for beginning of object key string"],
  ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
  ['{"a" 1}', "invalid character '1' after object key"],
  ['{"a":1 "b"}', "invalid character '\"' after object key:value pair"],
  ['[1 2]', "invalid character '2' after array element"],
  ['"a\nb"', "invalid character '\\n' in string literal"],
  ['"\\x"', "invalid character 'x' in string escape code"],
  ['"\\u12g4"', "invalid character 'g' in \\u hexadecimal character escape"],
  ['-x', "invalid character 'x' in numeric literal"],
  ['1.x', "invalid character 'x' after decimal point in numeric literal"],
  ['1ex', "invalid character 'x' in exponent of numeric literal"],
  ['nul1', "invalid character '1' in literal null (expecting 'l')"],
  ["'", "invalid character '\\'' looking for beginning of value"],
])('%j', (text, expected) => {
  expect(() => void JSON.parse(text)).toThrow(SyntaxError);
  expect(jsonError(text)).toBe(expected);
});
