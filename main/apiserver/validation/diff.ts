/**
 * What differs between two values, for messages that show it: the indented JSON of both, lines of the old one marked
 * `-`, of the new one `+`, with some lines around each change.
 */
export function diff(before: unknown, after: unknown, context = 3): string {
  const left = lines(before);
  const right = lines(after);
  const marked = merge(left, right);
  const keep = new Set<number>();
  marked.forEach((line, i) => {
    if (line[0] !== ' ') for (let j = i - context; j <= i + context; j++) keep.add(j);
  });
  const out: string[] = [];
  let skipped = false;
  marked.forEach((line, i) => {
    if (keep.has(i)) {
      if (skipped) out.push('  ... // unchanged');
      out.push(line);
    }
    skipped = !keep.has(i);
  });
  return out.join('\n');
}

const lines = (value: unknown) => JSON.stringify(value, sortedKeys, 2).split('\n');

function sortedKeys(_key: string, value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Longest common subsequence of lines; specs are some hundred lines at most. */
function merge(left: string[], right: string[]): string[] {
  const lengths = Array.from({ length: left.length + 1 }, () => new Uint32Array(right.length + 1));
  for (let i = left.length - 1; i >= 0; i--)
    for (let j = right.length - 1; j >= 0; j--)
      lengths[i]![j] = left[i] === right[j] ? lengths[i + 1]![j + 1]! + 1 : Math.max(lengths[i + 1]![j]!, lengths[i]![j + 1]!);
  const out: string[] = [];
  let [i, j] = [0, 0];
  while (i < left.length || j < right.length) {
    if (i < left.length && j < right.length && left[i] === right[j]) {
      out.push(`  ${left[i++]}`);
      j++;
    } else if (i < left.length && (j >= right.length || lengths[i + 1]![j]! >= lengths[i]![j + 1]!)) out.push(`- ${left[i++]}`);
    else out.push(`+ ${right[j++]}`);
  }
  return out;
}
