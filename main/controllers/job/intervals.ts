/** Numbers in a row, both ends included. */
export interface Interval {
  first: number;
  last: number;
}

// Sorted intervals that do not touch: how a Job's status names indexes. Mirrors orderedIntervals of
// pkg/controller/job/indexed_job_utils.go.

export function mergeIntervals(a: Interval[], b: Interval[]): Interval[] {
  const result: Interval[] = [];
  for (const { first, last } of [...a, ...b].sort((x, y) => x.first - y.first)) {
    const previous = result.at(-1);
    if (!previous || first > previous.last + 1) result.push({ first, last });
    else previous.last = Math.max(previous.last, last);
  }
  return result;
}

export const withIndexes = (intervals: Interval[], indexes: Iterable<number>): Interval[] =>
  mergeIntervals(
    intervals,
    [...indexes].map((index) => ({ first: index, last: index })),
  );

export const totalOf = (intervals: Interval[]): number =>
  intervals.reduce((sum, { first, last }) => sum + last - first + 1, 0);

export const hasIndex = (intervals: Interval[], index: number): boolean =>
  intervals.some(({ first, last }) => first <= index && index <= last);

/** `1,3-5,7`; two in a row are named one by one. */
export function formatIntervals(intervals: Interval[]): string {
  return intervals
    .map(({ first, last }) => (first === last ? `${first}` : `${first}${last === first + 1 ? ',' : '-'}${last}`))
    .join(',');
}

/** The indexes below `completions` that the text names; what is not a number is passed over. */
export function parseIntervals(text: string | undefined, completions: number): Interval[] {
  const result: Interval[] = [];
  for (const part of text ? text.split(',') : []) {
    const [first, last = first] = part.split('-').map((number) => (/^\d+$/.test(number) ? Number(number) : NaN));
    if (Number.isNaN(first) || Number.isNaN(last)) continue;
    if (first! >= completions) break;
    result.push({ first: first!, last: Math.min(last!, completions - 1) });
  }
  return mergeIntervals(result, []);
}

/** How many numbers both have. */
export function overlapOf(a: Interval[], b: Interval[]): number {
  let count = 0;
  for (const x of a) for (const y of b) count += Math.max(0, Math.min(x.last, y.last) - Math.max(x.first, y.first) + 1);
  return count;
}

/** The smallest `count` numbers below `end` that are in none of the intervals. */
export function firstMissing(intervals: Interval[], count: number, end: number): number[] {
  const result: number[] = [];
  let candidate = 0;
  for (const { first, last } of [...intervals, { first: end, last: end }]) {
    for (; candidate < Math.min(first, end) && result.length < count; candidate++) result.push(candidate);
    candidate = Math.max(candidate, last + 1);
  }
  return result;
}
