import { equalJson } from '../api/json.ts';
import type { PodTemplateSpec } from '../api/index.ts';

export const podTemplateHashLabel = 'pod-template-hash';

const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

/**
 * A short name for a pod template, the same for the same template wherever and whenever it is computed. `collisions`
 * gives another name when the first is taken by another template. Mirrors ComputeHash of
 * pkg/controller/controller_utils.go, over the template's canonical JSON.
 */
export function podTemplateHash(template: PodTemplateSpec, collisions?: number): string {
  let hash = fnv32a(JSON.stringify(canonical(template)), 0x811c9dc5);
  if (collisions !== undefined) hash = fnv32a(String(collisions), hash);
  return [...String(hash)].map((digit) => alphabet[digit.charCodeAt(0) % alphabet.length]).join('');
}

/** Whether two templates make the same pods, whatever their pod-template-hash labels. */
export function equalTemplates(a: PodTemplateSpec, b: PodTemplateSpec): boolean {
  return equalJson(withoutHash(a), withoutHash(b));
}

function withoutHash(template: PodTemplateSpec): unknown {
  const { [podTemplateHashLabel]: _, ...labels } = template.metadata?.labels ?? {};
  return canonical({ ...template, metadata: { ...template.metadata, labels } });
}

/** Members in order, and without those that say nothing: null, undefined and empty lists. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined && member !== null && !(Array.isArray(member) && member.length === 0))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([name, member]) => [name, canonical(member)]));
}

function fnv32a(text: string, start: number): number {
  let hash = start;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
