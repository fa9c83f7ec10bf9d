// One JSON line a measurement, on standard output; the same in words on standard error.
const round = (value, digits = 2) => Math.round(value * 10 ** digits) / 10 ** digits;

const results = [];

/** @param {Record<string, unknown>} line */
export function report(line) {
  const rounded = Object.fromEntries(Object.entries(line).map(([key, value]) => [key, typeof value === 'number' ? round(value) : value]));
  results.push(rounded);
  console.log(JSON.stringify(rounded));
}

export const all = () => results;

/** The value below which a share of the samples lies. */
export function quantile(samples, share) {
  if (samples.length === 0) return undefined;
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/** p50, p99 and the worst, of milliseconds. */
export const spread = (samples) => ({ p50: quantile(samples, 0.5), p99: quantile(samples, 0.99), max: quantile(samples, 1) });
