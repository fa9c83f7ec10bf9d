import type { FieldErrors } from '../../validation/field.ts';

/** What the status of flow schemas and of priority levels must keep to: conditions, each type once. */
export function validateConditions(errors: FieldErrors, { status }: { status?: { conditions?: { type?: string }[] } }): void {
  const seen = new Set<string>();
  status?.conditions?.forEach(({ type = '' }, i) => {
    const path = `status.conditions[${i}].type`;
    if (seen.has(type)) errors.duplicate(path, type);
    seen.add(type);
    if (!type) errors.required(path);
  });
}
