/** A whole number that a JSON text writes with a fraction or an exponent (`1e0`, `2.0`): for Go it is none where an integer is wanted. */
export class NumberText {
  constructor(readonly text: string) {}

  toJSON(): number {
    return Number(this.text);
  }
}

/** Most texts have no such number, which this finds out cheaply; within a string it may err. */
const suspicious = /[:,[]\s*-?\d+(?:\.\d+(?:[eE][+-]?\d+)?|[eE][+-]?\d+)\s*[,}\]]/;
const token = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
/** No member of an object that anybody means. */
const mark = '\u0000number';

/** What the JSON text says, with each such number as a NumberText; undefined where it has none. The text must be valid. */
export function withNumberTexts(text: string): unknown {
  if (!suspicious.test(text)) return undefined;
  let found = false;
  const marked = text.replace(token, (part) => {
    if (part.startsWith('"') || !/[.eE]/.test(part) || !Number.isInteger(Number(part))) return part;
    found = true;
    return JSON.stringify({ [mark]: part });
  });
  if (!found) return undefined;
  return JSON.parse(marked, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && mark in value ? new NumberText(String(value[mark])) : value,
  );
}
