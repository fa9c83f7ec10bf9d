import { visible } from '../visible.ts';

/** A stretch of text in one look. Colours are the terminal's sixteen, by number. */
export interface Span {
  text: string;
  color?: number;
  bold?: boolean;
}

interface Look {
  color?: number;
  bold?: boolean;
}

/**
 * What a log line may do is to colour itself. Every other escape sequence (titles, links, clipboard, cursor) and
 * every control character is taken out, and what is left is shown as text, with what would not be seen written out.
 */
const sequences = /\x1b\[([0-9;:?<=>]*)[ -/]*([@-~])|\x1b[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)|\x1b[ -/]*[0-~]?|\x9b[0-?]*[ -/]*[@-~]?|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]/g;

export function ansiSpans(line: string): Span[] {
  const spans: Span[] = [];
  let look: Look = {};
  let at = 0;
  const push = (text: string) => {
    if (text !== '') spans.push({ text: visible(text), ...look });
  };
  for (const match of line.matchAll(sequences)) {
    push(line.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[2] === 'm') look = applySgr(look, match[1] ?? '');
  }
  push(line.slice(at));
  return spans;
}

export const plainText = (line: string): string => visible(line.replace(sequences, ''));

function applySgr(look: Look, parameters: string): Look {
  let next: Look = { ...look };
  const codes = parameters.split(/[;:]/).map(Number);
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i]!;
    if (code === 0) next = {};
    else if (code === 1) next.bold = true;
    else if (code === 22) delete next.bold;
    else if (code >= 30 && code <= 37) next.color = code - 30;
    else if (code >= 90 && code <= 97) next.color = code - 90 + 8;
    else if (code === 39) delete next.color;
    else if (code === 38 || code === 48) {
      // 38;5;n and 38;2;r;g;b: the first sixteen of the palette are ours, the rest stays plain.
      const palette = codes[i + 2];
      if (codes[i + 1] === 5 && code === 38 && palette !== undefined && palette < 16) next.color = palette;
      i += codes[i + 1] === 5 ? 2 : 4;
    }
  }
  return next;
}
