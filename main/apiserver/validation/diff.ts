/**
 * What differs between two values, for messages that show it: the lines of their indented JSON as a unified diff, with
 * some lines around each change. Mirrors k8s.io/apimachinery/pkg/util/diff.
 */
export function diff(before: unknown, after: unknown, context = 3): string {
  const marked = merge(lines(before), lines(after));
  let out = '';
  let [left, right] = [1, 1];
  for (let i = 0; i < marked.length; ) {
    const end = hunkEnd(marked, i, context);
    if (end === i) {
      if (marked[i]![0] !== '+') left++;
      if (marked[i]![0] !== '-') right++;
      i++;
      continue;
    }
    const hunk = marked.slice(i, end);
    const [removed, added] = ['+', '-'].map((other) => hunk.filter((line) => line[0] !== other).length) as [number, number];
    out += `@@ -${range(left, removed)} +${range(right, added)} @@\n${hunk.map((line) => `${line}\n`).join('')}`;
    left += removed;
    right += added;
    i = end;
  }
  return out;
}

/** Where the hunk that starts at this line ends; at once when there is no change near. */
function hunkEnd(marked: string[], start: number, context: number): number {
  let end = start;
  for (let i = start; i < marked.length && i <= end + context; i++)
    if (marked[i]![0] !== ' ') end = Math.min(marked.length, i + context + 1);
  return end;
}

const range = (first: number, length: number) => (length === 1 ? `${first}` : `${length ? first : first - 1},${length}`);

const lines = (value: unknown) => JSON.stringify(value, null, 1).split('\n');

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
      out.push(` ${left[i++]}`);
      j++;
    } else if (i < left.length && (j >= right.length || lengths[i + 1]![j]! >= lengths[i]![j + 1]!)) out.push(`-${left[i++]}`);
    else out.push(`+${right[j++]}`);
  }
  return out;
}
