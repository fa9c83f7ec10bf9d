import { stringify } from 'yaml';
import type { KubeObject } from '../../main/api/meta.ts';

const first = ['apiVersion', 'kind', 'metadata', 'spec', 'type', 'data', 'stringData', 'binaryData', 'rules', 'roleRef', 'subjects'];

/** An object in the order in which people write one; quoted so that kubectl reads the same values back. */
export function printManifest(object: KubeObject): string {
  const keys = Object.keys(object);
  const ordered = [...first.filter((key) => keys.includes(key)), ...keys.filter((key) => !first.includes(key) && key !== 'status'), ...keys.filter((key) => key === 'status')];
  const members = object as Record<string, unknown>;
  const sorted = Object.fromEntries(ordered.map((key) => [key, members[key]]));
  return stringify(sorted, { version: '1.2', compat: 'yaml-1.1', lineWidth: 0, aliasDuplicateObjects: false });
}

/** A copy with its members in the order in which `model` has them; what `model` lacks comes last. */
export function inOrderOf<T>(value: T, model: unknown): T {
  if (Array.isArray(value)) return value.map((item, index) => inOrderOf(item, Array.isArray(model) ? (model as unknown[])[index] : undefined)) as T;
  if (typeof value !== 'object' || value === null) return value;
  const members = value as Record<string, unknown>;
  const models = (typeof model === 'object' && model !== null ? model : {}) as Record<string, unknown>;
  const keys = [...Object.keys(models).filter((key) => key in members), ...Object.keys(members).filter((key) => !(key in models))];
  return Object.fromEntries(keys.map((key) => [key, inOrderOf(members[key], models[key])])) as T;
}

export const printManifests = (objects: readonly KubeObject[]): string => objects.map(printManifest).join('---\n');
