/** Whole seconds as Go writes a duration: `10s`, `1m20s`, `5m0s`, `1h0m0s`. */
export function formatSeconds(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60] as const;
  if (parts[0] > 0) return `${parts[0]}h${parts[1]}m${parts[2]}s`;
  return parts[1] > 0 ? `${parts[1]}m${parts[2]}s` : `${parts[2]}s`;
}
