import type { KubeObject } from '../api/meta.ts';
import type { Registry } from './registry/generic.ts';
import type { RequestContext } from './registry/strategy.ts';

/** Keeps the record of who owns which field. `object` is changed in place; `current` is undefined on create. */
export function manageFieldsOnUpdate(
  _registry: Registry,
  _context: RequestContext,
  current: KubeObject | undefined,
  object: KubeObject,
  _subresource: string,
): void {
  object.metadata!.managedFields = current?.metadata?.managedFields;
}
