/** One fault of an expression, at an offset of its text. */
export interface Issue {
  at: number;
  message: string;
}

/**
 * The faults of an expression as Kubernetes shows them: each with its line, its column and the line of text itself.
 * Mirrors github.com/google/cel-go/common (error.go, errors.go).
 */
export function formatIssues(text: string, issues: readonly Issue[]): string {
  const lines = text.split('\n');
  return issues
    .map((issue) => ({ issue, ...position(lines, issue.at) }))
    .sort((a, b) => a.line - b.line || a.column - b.column)
    .slice(0, 100)
    .map(({ issue, line, column }) => {
      // What is missing from no text at all has no place in it.
      if (!text) return `ERROR: <input>:1:0: ${issue.message}`;
      const snippet = (lines[line] ?? '').replaceAll('\t', ' ');
      const characters = [...snippet];
      let marker = '';
      for (let i = 0; i < column && i < characters.length; i++) marker += isWide(characters[i]) ? '\uff0e' : '.';
      marker += isWide(characters[column]) ? '\uff3e' : '^';
      return `ERROR: <input>:${line + 1}:${column + 1}: ${issue.message}\n | ${snippet}\n | ${marker}`;
    })
    .join('\n');
}

const isWide = (character: string | undefined) => character !== undefined && character.codePointAt(0)! > 0x7f;

/** Line and column, in characters, from zero. */
function position(lines: readonly string[], at: number): { line: number; column: number } {
  let rest = at;
  for (let line = 0; line < lines.length; line++) {
    const length = lines[line]!.length;
    if (rest <= length) return { line, column: [...lines[line]!.slice(0, rest)].length };
    rest -= length + 1;
  }
  return { line: lines.length - 1, column: [...(lines[lines.length - 1] ?? '')].length };
}
