const units: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 1e-3, µs: 1e-3, ns: 1e-6 };
const part = /(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g;

/** Milliseconds of a duration as Go writes it, such as `1m30s`; undefined for what is none. */
export function parseGoDuration(text: string): number | undefined {
  const [, sign, rest] = /^([+-]?)(.+)$/.exec(text) ?? [];
  if (rest === undefined) return undefined;
  if (rest === '0') return 0;
  if (rest.replace(part, '') !== '') return undefined;
  const sum = [...rest.matchAll(part)].reduce((total, [, value, unit]) => total + Number(value) * units[unit!]!, 0);
  return sign === '-' ? -sum : sum;
}
