import type { KubeObject } from '../api/meta.ts';
import { isNotFound } from '../api/status.ts';
import type { Client, ResourceDef } from '../client/index.ts';

/** Resolves with the object as it is then; what is gone stays as it was. */
export async function setFinalizers<T extends KubeObject>(client: Client, def: ResourceDef<T>, object: T, { add = [], remove = [] }: { add?: string[]; remove?: string[] }): Promise<T> {
  const { namespace = '', name, uid, resourceVersion, finalizers = [] } = object.metadata!;
  const missing = add.filter((finalizer) => !finalizers.includes(finalizer));
  const rest = finalizers.filter((finalizer) => !remove.includes(finalizer));
  if (missing.length === 0 && rest.length === finalizers.length) return object;
  try {
    return await client.of(def).patch(namespace, name!, 'merge', { metadata: { uid, resourceVersion, finalizers: [...rest, ...missing] } });
  } catch (error) {
    if (isNotFound(error)) return object;
    throw error;
  }
}
