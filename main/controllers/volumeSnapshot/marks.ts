import type { KubeObject } from '../../api/meta.ts';
import { isNotFound } from '../../api/status.ts';
import type { Client, ResourceDef } from '../../client/index.ts';

/* The finalizers and annotations by which snapshots, their contents and their claims hold each other (external-snapshotter: pkg/utils/util.go). */

const prefix = 'snapshot.storage.kubernetes.io';

/** A snapshot from which a claim may be in the making. */
export const asSourceFinalizer = `${prefix}/volumesnapshot-as-source-protection`;
/** A snapshot whose content goes with it. */
export const boundFinalizer = `${prefix}/volumesnapshot-bound-protection`;
export const contentFinalizer = `${prefix}/volumesnapshotcontent-bound-protection`;
/** A claim of which a snapshot is being taken. */
export const claimFinalizer = `${prefix}/pvc-as-source-protection`;

/** On a content: its snapshot goes, so that the data may be removed. */
export const beingDeletedAnnotation = `${prefix}/volumesnapshot-being-deleted`;

export const snapshotApiVersion = 'snapshot.storage.k8s.io/v1';

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
