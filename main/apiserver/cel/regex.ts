import { RE2JS } from 're2js';

const cache = new Map<string, RE2JS | Error>();
const cacheSize = 1000;

/** RE2, as Go compiles it: no expression can take more than linear time. Throws an Error that says what is wrong, in Go's words. */
export function re2(pattern: string): RE2JS {
  let known = cache.get(pattern);
  if (!known) {
    if (cache.size >= cacheSize) cache.clear();
    known = compile(pattern);
    cache.set(pattern, known);
  }
  if (known instanceof Error) throw known;
  return known;
}

function compile(pattern: string): RE2JS | Error {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Whether the pattern occurs anywhere in the text. */
export const matches = (pattern: string, text: string): boolean => re2(pattern).matcher(text).find();
