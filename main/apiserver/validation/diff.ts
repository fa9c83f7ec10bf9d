/**
 * What differs between two values, for messages that show it: the lines of their indented JSON as a unified diff, with
 * some lines around each change. Mirrors k8s.io/apimachinery/pkg/util/diff, which pairs lines as Python's difflib does.
 */
export function diff(before: unknown, after: unknown, context = 3): string {
  const [left, right] = [lines(before), lines(after)];
  return hunks(blocksOf(left, right), left.length, right.length, context)
    .map((hunk) => written(hunk, left, right))
    .join('');
}

const lines = (value: unknown) => JSON.stringify(value, null, 1).split('\n');

/** `size` lines that both have, from `left` on in the one and from `right` on in the other. */
interface Block {
  left: number;
  right: number;
  size: number;
}

/** From where to where, in both. */
interface Part {
  same: boolean;
  left: [number, number];
  right: [number, number];
}

/** Lines that a long text has more often than this share of it do not make a block, only lengthen one. */
const popularShare = 100;
const longText = 200;
/** So many lines are looked at for blocks; what is left then counts as changed. Long texts with thousands of changes would take minutes. */
const mostLooks = 1_000_000;

/** The longest block of lines that both have, then what is before and behind it in the same way. */
function blocksOf(left: readonly string[], right: readonly string[]): Block[] {
  const places = new Map<string, number[]>();
  right.forEach((line, place) => {
    const known = places.get(line);
    if (known) known.push(place);
    else places.set(line, [place]);
  });
  if (right.length >= longText) for (const [line, at] of places) if (at.length > Math.floor(right.length / popularShare) + 1) places.delete(line);

  const longest = (leftStart: number, leftEnd: number, rightStart: number, rightEnd: number): Block => {
    const best = { left: leftStart, right: rightStart, size: 0 };
    let lengths = new Map<number, number>();
    for (let i = leftStart; i < leftEnd; i++) {
      const next = new Map<number, number>();
      for (const j of places.get(left[i]!) ?? []) {
        if (j < rightStart || j >= rightEnd) continue;
        const size = (lengths.get(j - 1) ?? 0) + 1;
        next.set(j, size);
        if (size > best.size) Object.assign(best, { left: i - size + 1, right: j - size + 1, size });
      }
      lengths = next;
    }
    for (; best.left > leftStart && best.right > rightStart && left[best.left - 1] === right[best.right - 1]; best.size++) {
      best.left--;
      best.right--;
    }
    while (best.left + best.size < leftEnd && best.right + best.size < rightEnd && left[best.left + best.size] === right[best.right + best.size]) best.size++;
    return best;
  };

  const found: Block[] = [];
  let looks = 0;
  const search = (leftStart: number, leftEnd: number, rightStart: number, rightEnd: number): void => {
    looks += leftEnd - leftStart;
    if (looks > mostLooks) return;
    const best = longest(leftStart, leftEnd, rightStart, rightEnd);
    if (!best.size) return;
    search(leftStart, best.left, rightStart, best.right);
    const last = found.at(-1);
    if (last && last.left + last.size === best.left && last.right + last.size === best.right) last.size += best.size;
    else found.push(best);
    search(best.left + best.size, leftEnd, best.right + best.size, rightEnd);
  };
  search(0, left.length, 0, right.length);
  return found;
}

/** Changes with what is around them; those whose surroundings touch come together. */
function hunks(blocks: readonly Block[], leftEnd: number, rightEnd: number, context: number): Part[][] {
  const all: Part[][] = [];
  let parts: Part[] = [];
  let [left, right] = [0, 0];
  for (const block of [...blocks, { left: leftEnd, right: rightEnd, size: 0 }]) {
    const changed = left < block.left || right < block.right;
    if (changed) parts.push({ same: false, left: [left, block.left], right: [right, block.right] });
    [left, right] = [block.left + block.size, block.right + block.size];
    const same = (from: number, to: number): Part => ({ same: true, left: [block.left + from, block.left + to], right: [block.right + from, block.right + to] });
    const first = block.left === 0 && block.right === 0;
    const last = left === leftEnd && right === rightEnd;
    if (!first && !last && block.size <= 2 * context) {
      parts.push(same(0, block.size));
      continue;
    }
    if (!first && block.size) parts.push(same(0, Math.min(context, block.size)));
    if (parts.some((part) => !part.same)) all.push(parts);
    parts = last ? [] : [same(Math.max(0, block.size - context), block.size)];
  }
  return all;
}

function written(parts: readonly Part[], left: readonly string[], right: readonly string[]): string {
  const [first, last] = [parts[0]!, parts.at(-1)!];
  const marked = (mark: string, of: readonly string[], [from, to]: [number, number]) => of.slice(from, to).map((line) => `${mark}${line}\n`).join('');
  const body = parts.map((part) => (part.same ? marked(' ', left, part.left) : marked('-', left, part.left) + marked('+', right, part.right)));
  return `@@ -${range(first.left[0], last.left[1])} +${range(first.right[0], last.right[1])} @@\n${body.join('')}`;
}

/** Lines are counted from one; an empty range is named by the line before it. */
function range(from: number, to: number): string {
  const length = to - from;
  return length === 1 ? `${from + 1}` : `${length ? from + 1 : from},${length}`;
}
