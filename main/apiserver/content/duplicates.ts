/**
 * Complaints about members that stand twice in a JSON text, which JSON.parse settles silently for the last one.
 * `value` is what the text was parsed to. Almost no text has any, so members are only counted first.
 */
export function duplicateFields(text: string, value: unknown): string[] {
  return countKeys(text) === countMembers(value) ? [] : findDuplicates(text);
}

const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;

/** Where the string that starts at `at` ends: the index behind its closing quote. */
function skipString(text: string, at: number): number {
  for (let i = text.indexOf('"', at + 1); i >= 0; i = text.indexOf('"', i + 1)) {
    let slashes = 0;
    for (let k = i - 1; text.charCodeAt(k) === backslash; k--) slashes++;
    if (slashes % 2 === 0) return i + 1;
  }
  return text.length;
}

function skipSpace(text: string, at: number): number {
  while (text.charCodeAt(at) <= 0x20) at++;
  return at;
}

function countKeys(text: string): number {
  let count = 0;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at)) {
    at = skipString(text, at);
    if (text.charCodeAt(skipSpace(text, at)) === colon) count++;
  }
  return count;
}

function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) for (const item of value) count += countMembers(item);
  else for (const name in value) count += 1 + countMembers((value as Record<string, unknown>)[name]);
  return count;
}

/** Walks a text that is known to be JSON. */
function findDuplicates(text: string): string[] {
  const complaints: string[] = [];
  let at = 0;
  const walk = (path: string): void => {
    at = skipSpace(text, at);
    const start = text[at];
    if (start === '{') members(path);
    else if (start === '[') items(path);
    else if (text.charCodeAt(at) === quote) at = skipString(text, at);
    else while (at < text.length && !',]}'.includes(text[at]!)) at++;
  };
  const members = (path: string): void => {
    const seen = new Set<string>();
    for (at = skipSpace(text, at + 1); text[at] === '"' || text[at] === ','; at = skipSpace(text, at)) {
      if (text[at] === ',') at = skipSpace(text, at + 1);
      const end = skipString(text, at);
      const name = JSON.parse(text.slice(at, end)) as string;
      const full = path ? `${path}.${name}` : name;
      if (seen.has(name)) complaints.push(`duplicate field ${JSON.stringify(full)}`);
      seen.add(name);
      at = skipSpace(text, end) + 1;
      walk(full);
    }
    at++;
  };
  const items = (path: string): void => {
    at = skipSpace(text, at + 1);
    for (let i = 0; text[at] !== ']' && at < text.length; i++) {
      if (text[at] === ',') at++;
      walk(`${path}[${i}]`);
      at = skipSpace(text, at);
    }
    at++;
  };
  walk('');
  return complaints;
}
