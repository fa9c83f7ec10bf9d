/** `1` or `1@5s`: ends with that code, after that time (ms, s, m; default: at once). On a pod or in its template. */
export const exitAnnotation = 'skiff.dev/simulate-exit';
/** Says that a container is one that ends by itself: an init container, a Job's. */
export const completesAnnotation = 'skiff.dev/simulate-completes';

const completesAfterMs = 1000;
const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000 };

export interface ExitPlan {
  exitCode: number;
  afterMs: number;
}

/** When and how a container ends; undefined: it runs until it is stopped. */
export function planOf(annotations: Record<string, string>): ExitPlan | undefined {
  const match = /^(\d{1,3})(?:@(\d+)(ms|s|m))?$/.exec(annotations[exitAnnotation] ?? '');
  if (match) return { exitCode: Number(match[1]), afterMs: match[2] ? Number(match[2]) * units[match[3]!]! : 0 };
  return annotations[completesAnnotation] === 'true' ? { exitCode: 0, afterMs: completesAfterMs } : undefined;
}
