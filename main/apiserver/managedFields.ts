import { equalJson } from '../api/json.ts';
import type { KubeObject } from '../api/meta.ts';
import { schemaOf } from '../api/schema.ts';
import { patchSchemaOf, updateManagedFields, type FieldWrite } from './patch/index.ts';
import type { Registry } from './registry/generic.ts';
import type { RequestContext } from './registry/strategy.ts';

/** Who writes what, for the record of who owns which field. */
export function fieldWrite(registry: Registry, context: RequestContext, subresource: string): FieldWrite {
  return {
    manager: context.fieldManager,
    subresource,
    apiVersion: registry.apiVersion,
    now: context.now,
    schema: registry.strategy.patchSchema ?? patchSchemaOf(schemaOf(registry.definition)),
    resetFields: registry.strategy.resetFields?.(subresource) ?? usualResetFields(registry, subresource),
  };
}

/** A kind with a status has it written there, and there nothing else. */
function usualResetFields({ strategy }: Registry, subresource: string): readonly (readonly string[])[] {
  if (strategy.subresources?.status?.type !== 'object') return [];
  return subresource === '' ? [['status']] : subresource === 'status' ? [['spec']] : [];
}

/** Keeps that record. `object` is changed in place; `current` is undefined on create. */
export function manageFieldsOnUpdate(
  registry: Registry,
  context: RequestContext,
  current: KubeObject | undefined,
  object: KubeObject,
  subresource: string,
): void {
  updateManagedFields(current, object, fieldWrite(registry, context, subresource));
}

/**
 * Whether an update changes nothing but the times in that record, which makes it none
 * (upstream: fieldmanager/equality.go, IgnoreManagedFieldsTimestampsTransformer).
 */
export function changesNothing(object: KubeObject, old: KubeObject): boolean {
  if (!equalJson({ ...object, metadata: undefined }, { ...old, metadata: undefined })) return false;
  const timeless = ({ metadata }: KubeObject) => ({ ...metadata, managedFields: metadata!.managedFields?.map((entry) => ({ ...entry, time: undefined })) });
  return equalJson(timeless(object), timeless(old));
}
