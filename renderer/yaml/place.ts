/** Where in a manifest an offset is. */
export interface Place {
  apiVersion: string;
  kind: string;
  /** The keys that lead there; `[]` stands for an entry of a list. */
  path: readonly string[];
  /** The key of the line, where it has one; with `value` the offset is behind its colon. */
  key: string;
  value: boolean;
  /** What stands beside: keys of the same map. */
  siblings: readonly string[];
  /** Column at which keys of this map begin. */
  column: number;
  /** Offsets of the word that the offset is in or behind. */
  from: number;
  to: number;
}

interface Line {
  from: number;
  /** Columns of the dashes before the key. */
  dashes: readonly number[];
  column: number;
  key: string;
  /** What stands behind the colon; undefined without a colon. */
  rest: string | undefined;
  isEmpty: boolean;
}

const pattern = /^(\s*(?:- +)*)(?:(-)\s*$|("[^"]*"|'[^']*'|[^\s:#'"][^:#]*?)?\s*(:(?=\s|$)(.*))?)$/;

function read(text: string, from: number): Line {
  const isEmpty = /^\s*(#.*)?$/.test(text);
  const found = pattern.exec(text);
  const lead = found?.[1] ?? /^\s*/.exec(text)![0];
  const dashes = [...lead].flatMap((character, at) => (character === '-' ? [at] : []));
  if (found?.[2]) return { from, dashes: [...dashes, lead.length], column: lead.length + 2, key: '', rest: undefined, isEmpty: false };
  const key = found?.[3]?.replace(/^(["'])(.*)\1$/, '$2') ?? '';
  return { from, dashes, column: lead.length, key, rest: found?.[4] === undefined ? undefined : (found[5] ?? ''), isEmpty };
}

/**
 * Finds where an offset is by indentation alone: a text that is being typed is seldom one that can be read. Maps and
 * lists in braces are one value to it.
 */
export function placeAt(text: string, offset: number): Place {
  const start = Math.max(0, ...[...text.slice(0, offset).matchAll(/^---.*\n?/gm)].map((match) => match.index + match[0].length));
  const end = /^---/m.exec(text.slice(offset))?.index;
  const lines: Line[] = [];
  let at = start;
  for (const line of text.slice(start, end === undefined ? undefined : offset + end).split('\n')) {
    lines.push(read(line.replace(/\r$/, ''), at));
    at += line.length + 1;
  }
  const index = Math.max(0, lines.findLastIndex(({ from }) => from <= offset));
  const line = lines[index]!;
  const before = text.slice(line.from, offset);
  // On a line without anything the cursor says how deep it is meant to be.
  const column = line.isEmpty ? before.length : line.column;
  const path: string[] = [];
  const siblings: string[] = [];
  let depth = column;
  let inList = false;
  const climb = (dashes: readonly number[]) => {
    for (const dash of [...dashes].reverse()) {
      if (dash >= depth) continue;
      path.unshift('[]');
      depth = dash;
      inList = true;
    }
  };
  climb(line.isEmpty ? [] : line.dashes);
  for (const above of lines.slice(0, index).reverse()) {
    if (above.isEmpty) continue;
    const isParent = above.rest?.replace(/#.*/, '').trim() === '' && (above.column < depth || (inList && above.column === depth));
    if (isParent) {
      path.unshift(above.key);
      depth = above.column;
      inList = false;
      climb(above.dashes);
    } else {
      if (path.length === 0 && above.column === column && above.key) siblings.push(above.key);
      const own = path.length;
      if (!inList || above.dashes.some((dash) => dash < depth)) climb(above.dashes);
      if (path.length > own && own === 0 && above.column === column && above.key && !siblings.includes(above.key)) siblings.push(above.key);
    }
  }
  for (const below of lines.slice(index + 1)) {
    if (below.isEmpty) continue;
    if (below.column < column || below.dashes.length > 0) break;
    if (below.column === column && below.key) siblings.push(below.key);
  }
  const top = (key: string) => lines.find((each) => each.column === 0 && each.key === key)?.rest?.replace(/#.*/, '').trim().replace(/^["']|["']$/g, '') ?? '';
  const colon = line.rest === undefined ? -1 : text.indexOf(':', line.from + line.column + line.key.length);
  const value = colon >= 0 && offset > colon;
  const word = /[^\s:]*$/.exec(before)![0];
  const after = /^[^\s:]*/.exec(text.slice(offset))![0];
  return { apiVersion: top('apiVersion'), kind: top('kind'), path, key: line.isEmpty ? '' : line.key, value, siblings, column, from: offset - word.length, to: offset + after.length };
}

/** The column at which the line after this one begins: deeper after a key that has no value yet, or one of a text of several lines. */
export function indentAfter(line: string): number {
  const { column, isEmpty, rest, dashes, key } = read(line, 0);
  if (isEmpty) return line.length;
  if (!key && dashes.length > 0 && rest === undefined && /-\s*$/.test(line)) return column;
  return /^\s*([|>][-+\d]*)?\s*(#.*)?$/.test(rest ?? 'x') ? column + 2 : column;
}
