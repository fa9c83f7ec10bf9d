import { equalJson } from '../api/json.ts';
import { apiVersionOf, type GroupVersionKind, type KubeObject } from '../api/meta.ts';
import { withNulls } from '../api/nulls.ts';
import { schemaOf, type ObjectSchema } from '../api/schema.ts';
import { StatusError } from '../api/status.ts';
import { patchSchemaOf, updateManagedFields, type FieldWrite } from './patch/index.ts';
import type { Registry } from './registry/generic.ts';
import type { RequestContext, Strategy } from './registry/strategy.ts';

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

/** The same for the body of an action, which is of a kind of its own. */
export function actionWrite(kind: GroupVersionKind, context: RequestContext, subresource: string): FieldWrite {
  return { manager: context.fieldManager, subresource, apiVersion: apiVersionOf(kind), now: context.now, schema: patchSchemaOf(schemaOf(kind)), resetFields: [] };
}

/** A kind with a status has it written there, and there nothing else. */
function usualResetFields({ strategy }: Registry, subresource: string): readonly (readonly string[])[] {
  if (strategy.subresources?.status?.type !== 'object') return [];
  return subresource === '' ? [['status']] : subresource === 'status' ? [['spec']] : [];
}

/**
 * Keeps that record. `object` is changed in place; `current` is undefined on create. A write does not fail for owners of
 * versions that cannot be compared: the record is dropped then, so that it says nothing wrong (upstream: UpdateNoErrors).
 * There is something to wait for only where versions are converted.
 */
export function manageFieldsOnUpdate(
  registry: Registry,
  context: RequestContext,
  current: KubeObject | undefined,
  object: KubeObject,
  subresource: string,
): Promise<void> | undefined {
  const drop = (error: unknown) => {
    if (!(error instanceof StatusError)) throw error;
    delete object.metadata?.managedFields;
  };
  try {
    const converted = acrossVersions(registry, fieldWrite(registry, context, subresource), (write) => updateManagedFields(current, object, write));
    return converted instanceof Promise ? converted.catch(drop) : undefined;
  } catch (error) {
    drop(error);
    return undefined;
  }
}

/** A conversion that has to be waited for before ownership can be told. */
class Unconverted extends Error {
  constructor(
    readonly object: KubeObject,
    readonly apiVersion: string,
    readonly key: string,
  ) {
    super(`not yet converted to ${apiVersion}`);
  }
}

/**
 * Runs what tells who owns which fields where owners may have written other versions. That itself cannot wait for a webhook:
 * it stops where a conversion is missing, and begins again when it is there. It must change nothing before its end.
 */
export function acrossVersions<W extends FieldWrite, T>({ strategy }: Registry, write: W, run: (write: W) => T): Promise<T> | T {
  return strategy.convert && strategy.patchSchemaAt ? converting(strategy as Converting, write, run) : run(write);
}

type Converting = Strategy & Required<Pick<Strategy, 'convert' | 'patchSchemaAt'>>;

async function converting<W extends FieldWrite, T>(strategy: Converting, write: W, run: (write: W) => T): Promise<T> {
  const converted = new Map<string, KubeObject>();
  const convert = (object: KubeObject, apiVersion: string) => {
    const schema = strategy.patchSchemaAt(apiVersion);
    if (!schema) return undefined;
    // An object that is not there yet looks the same in all versions.
    if (!object.kind || object.apiVersion === apiVersion) return { object, schema };
    const key = `${apiVersion} ${JSON.stringify(object)}`;
    const known = converted.get(key);
    if (!known) throw new Unconverted(object, apiVersion, key);
    return { object: known, schema };
  };
  for (;;)
    try {
      return run({ ...write, convert });
    } catch (error) {
      if (!(error instanceof Unconverted)) throw error;
      converted.set(error.key, await strategy.convert(error.object, error.apiVersion));
    }
}

/**
 * Whether an update changes nothing but the times in that record, which makes it none
 * (upstream: fieldmanager/equality.go, IgnoreManagedFieldsTimestampsTransformer).
 */
export function changesNothing(object: KubeObject, old: KubeObject, schema: ObjectSchema | undefined): boolean {
  [object, old] = [withNulls(schema, object, true), withNulls(schema, old, true)];
  if (!equalJson({ ...object, metadata: undefined }, { ...old, metadata: undefined })) return false;
  const timeless = ({ metadata }: KubeObject) => ({ ...metadata, managedFields: metadata!.managedFields?.map((entry) => ({ ...entry, time: undefined })) });
  return equalJson(timeless(object), timeless(old));
}
