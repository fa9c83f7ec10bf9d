import type { Container } from '../../api/index.ts';
import type { KubeObject } from '../../api/meta.ts';

/* Cells of `kubectl get`'s tables. Mirrors pkg/printers/internalversion/printers.go. */

/** Mirrors k8s.io/apimachinery/pkg/util/duration/duration.go (HumanDuration). */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return seconds % 60 ? `${minutes}m${seconds % 60}s` : `${minutes}m`;
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return minutes % 60 ? `${hours}h${minutes % 60}m` : `${hours}h`;
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (hours < 192) return hours % 24 ? `${days}d${hours % 24}h` : `${days}d`;
  if (hours < 24 * 365 * 2) return `${days}d`;
  const years = Math.floor(hours / 24 / 365);
  if (hours < 24 * 365 * 8) return days % 365 ? `${years}y${days % 365}d` : `${years}y`;
  return `${years}y`;
}

/** How long ago a timestamp was. */
export function since(time: string | undefined, now: number): string {
  return time ? humanDuration(now - Date.parse(time)) : '<unknown>';
}

export const nameOf = (object: KubeObject) => object.metadata?.name ?? '';
export const age = (object: KubeObject, now: number) => since(object.metadata?.creationTimestamp, now);

/** `a=1,b=2`, sorted; `<none>` for none. */
export function formatLabels(labels: Record<string, string> | undefined): string {
  const parts = Object.keys(labels ?? {}).sort().map((key) => `${key}=${labels![key]}`);
  return parts.length ? parts.join(',') : '<none>';
}

export const containerNames = (containers: Container[] | undefined) => (containers ?? []).map((c) => c.name).join(',');
export const containerImages = (containers: Container[] | undefined) => (containers ?? []).map((c) => c.image).join(',');

/** At most three of a list, and how many more there are. */
export function firstThree(items: string[]): string {
  const shown = items.slice(0, 3).join(',');
  return items.length > 3 ? `${shown} + ${items.length - 3} more...` : shown;
}

const modes: Record<string, string> = { ReadWriteOnce: 'RWO', ReadOnlyMany: 'ROX', ReadWriteMany: 'RWX', ReadWriteOncePod: 'RWOP' };

/** `RWO,ROX`: each mode once, in a fixed order. */
export const accessModes = (given: string[] | undefined) =>
  Object.keys(modes).filter((mode) => given?.includes(mode)).map((mode) => modes[mode]).join(',');
