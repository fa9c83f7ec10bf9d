import { isMap } from './schema.ts';

/* How Go prints what JSON was read into, as messages of upstream show it. */

/** What should be a text, as Go prints it with %s. */
export const goText = (value: unknown): string => (typeof value === 'string' ? value : `%!s(${goType(value)}=${goValue(value)})`);

/** Values as Go prints them with %v. */
export function goValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goValue).join(' ')}]`;
  if (isMap(value)) return goMap(value);
  return value === null ? '<nil>' : String(value);
}

/** `map[a:1 b:x]` */
export function goMap(map: Record<string, unknown>): string {
  return `map[${Object.keys(map).sort().map((name) => `${name}:${goValue(map[name])}`).join(' ')}]`;
}

/** The name of the type that JSON is read into. */
export function goType(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}';
  if (isMap(value)) return 'map[string]interface {}';
  return value === null ? '%!s(<nil>)' : typeof value === 'boolean' ? 'bool' : typeof value === 'number' ? (Number.isInteger(value) ? 'int64' : 'float64') : 'string';
}
