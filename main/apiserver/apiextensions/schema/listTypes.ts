import type { FieldErrors } from '../../validation/field.ts';
import { hasProperty } from './prune.ts';
import { isJsonObject, type JsonSchema } from './types.ts';

/** Items of sets, and of maps by their keys, occur once. Mirrors apiextensions' pkg/apiserver/schema/listtype. */
export function validateListTypes(value: unknown, schema: JsonSchema | undefined, errors: FieldErrors, path = ''): void {
  if (!schema) return;
  if (Array.isArray(value)) {
    if (schema['x-kubernetes-list-type'] === 'set') for (const i of repeated(value)) errors.duplicate(`${path}[${i}]`, value[i]);
    if (schema['x-kubernetes-list-type'] === 'map') validateKeys(value, schema['x-kubernetes-list-map-keys'] ?? [], errors, path);
    value.forEach((item, i) => validateListTypes(item, schema.items, errors, `${path}[${i}]`));
  } else if (isJsonObject(value)) {
    for (const [name, member] of Object.entries(value)) {
      if (hasProperty(schema, name)) validateListTypes(member, schema.properties![name], errors, path ? `${path}.${name}` : name);
      else if (typeof schema.additionalProperties === 'object') validateListTypes(member, schema.additionalProperties, errors, `${path}[${name}]`);
    }
  }
}

function validateKeys(value: readonly unknown[], keys: readonly string[], errors: FieldErrors, path: string): void {
  const stray = value.findIndex((item) => item !== null && !isJsonObject(item));
  if (stray >= 0) return errors.invalid(`${path}[${stray}]`, value[stray], 'must be an object for an array of list-type map');
  const named = value.map((item) => Object.fromEntries(keys.filter((key) => isJsonObject(item) && item[key] !== undefined).map((key) => [key, (item as Record<string, unknown>)[key]])));
  for (const i of repeated(named)) errors.duplicate(`${path}[${i}]`, named[i]);
}

/** The places of the first repetitions. */
function repeated(values: readonly unknown[]): number[] {
  const times = new Map<string, number>();
  return values.flatMap((value, i) => {
    const text = JSON.stringify(value, inOrder);
    const before = times.get(text) ?? 0;
    times.set(text, before + 1);
    return before === 1 ? [i] : [];
  });
}

function inOrder(_key: string, value: unknown): unknown {
  return isJsonObject(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value;
}
