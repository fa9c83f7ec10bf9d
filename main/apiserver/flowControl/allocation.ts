/** What a priority level may get of the seats that are there. */
export interface Claim {
  lowerBound: number;
  upperBound: number;
  /** What it would like; not below the lower bound. */
  target: number;
}

/** Keeps proportions defined for levels that want nothing. */
const minTarget = 0.001;

/**
 * Divides seats so that each level has the same fraction of its target, as far as bounds allow, and `fraction` is it.
 * Where the bounds leave no such division, all get their lower or upper bound.
 * Mirrors k8s.io/apiserver/pkg/util/flowcontrol/conc_alloc.go.
 */
export function allocate(seats: number, claims: readonly Claim[]): { fraction: number; allocations: number[] } {
  const targets = claims.map(({ target }) => Math.max(target, minTarget));
  const share = (fraction: number) => claims.map(({ lowerBound, upperBound }, i) => Math.min(upperBound, Math.max(lowerBound, fraction * targets[i]!)));
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  // Between two neighbouring bounds the sum grows in a straight line.
  const bends = claims.flatMap(({ lowerBound, upperBound }, i) => [lowerBound / targets[i]!, upperBound / targets[i]!]).sort((a, b) => a - b);
  let from = bends[0] ?? 0;
  for (const to of bends) {
    const [low, high] = [sum(share(from)), sum(share(to))];
    if (high >= seats) {
      const fraction = high > low ? from + ((seats - low) / (high - low)) * (to - from) : to;
      return { fraction: Math.max(from, fraction), allocations: share(Math.max(from, fraction)) };
    }
    from = to;
  }
  return { fraction: from, allocations: share(from) };
}
