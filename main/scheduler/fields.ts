import { parseGoDuration } from '../util/goDuration.ts';

/* What a field of a parsed file or answer holds; each throws an Error that names the field. */

export function objectOf(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${path}: must be an object`);
  return value as Record<string, unknown>;
}

/** What is not there, or null, is an empty list. */
export function listOf(value: unknown, path: string): unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new Error(`${path}: must be a list`);
  return value;
}

/** What is not there, or null, is ''. */
export function textOf(value: unknown, path: string): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') throw new Error(`${path}: must be a string`);
  return value;
}

export function refuseUnknown(fields: Record<string, unknown>, names: readonly string[], prefix: string): void {
  for (const name in fields) if (!names.includes(name)) throw new Error(`unknown field "${prefix}${name}"`);
}

export function milliseconds(value: unknown, path: string): number {
  const read = typeof value === 'string' ? parseGoDuration(value) : undefined;
  if (read === undefined) throw new Error(`${path}: Invalid value: ${JSON.stringify(value)}: must be a duration such as 1m30s`);
  return read;
}

export function numberOf(value: unknown, path: string, least: number, most = Infinity): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most)
    throw new Error(`${path}: Invalid value: ${JSON.stringify(value)}: must be a whole number, at least ${least}${most < Infinity ? ` and at most ${most}` : ''}`);
  return value;
}

export const percentage = (value: unknown, path: string) => numberOf(value, path, 0, 100);
