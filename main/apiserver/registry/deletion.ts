import { cloneJson } from '../../api/json.ts';
import { timestamp, type KubeObject } from '../../api/meta.ts';
import { conflict, isNotFound, notFound, type StatusError } from '../../api/status.ts';
import type { DeleteOptions, ObjectMeta } from '../../api/index.ts';
import { ConflictError, type Entry } from '../../store/index.ts';
import { together } from '../../util/together.ts';
import type { Registry } from './generic.ts';
import { finalizerForeground, finalizerOrphan } from './objectMeta.ts';
import { objectOf } from './stored.ts';
import type { RequestContext } from './strategy.ts';

/** How a deletion ended: the object as it is now or last was, and whether it is gone. */
export interface Deletion {
  entry: Entry;
  gone: boolean;
}

type Step =
  | { type: 'remove' }
  /** Already on its way; nothing to change. */
  | { type: 'pending' }
  | { type: 'mark'; object: KubeObject; thenRemove: boolean };

/**
 * Deletes, or starts to: with a grace period or finalizers the object is only marked.
 * Mirrors k8s.io/apiserver/pkg/registry/generic/registry/store.go (Delete) and rest/delete.go (BeforeDelete).
 * `allow` is admission and sees the object (shared) as it is.
 */
export async function deleteObject(
  registry: Registry,
  context: RequestContext,
  name: string,
  options: DeleteOptions,
  allow?: (object: KubeObject) => Promise<void>,
): Promise<Deletion> {
  const key = registry.key(context.namespace, name);
  let allowed = false;
  for (;;) {
    let entry = await registry.store.get(key);
    if (!entry) {
      if (await registry.changed(key, entry)) continue;
      throw notFound(registry.subject, name);
    }
    try {
      checkPreconditions(registry, objectOf(entry).metadata!, options);
    } catch (error) {
      if (await registry.changed(key, entry)) continue;
      throw error;
    }
    if (allow && !allowed) {
      await allow(objectOf(entry));
      allowed = true;
    }
    const step = nextStep(registry, context, objectOf(entry), options);
    try {
      if (step.type === 'pending') return { entry, gone: false };
      if (step.type === 'mark') {
        entry = await registry.replace(context, entry, step.object);
        if (!step.thenRemove) return { entry, gone: false };
        if (context.dryRun) return { entry, gone: true };
      }
      if (context.dryRun) return { entry, gone: true };
      return { entry: (await registry.remove(context, entry)) ?? entry, gone: true };
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
    }
  }
}

function nextStep(registry: Registry, context: RequestContext, current: KubeObject, options: DeleteOptions): Step {
  // Only a kind that holds back its objects changes more of them than their metadata.
  const object = registry.strategy.holdsBack ? cloneJson(current) : { ...current, metadata: { ...current.metadata } };
  const metadata = object.metadata!;
  const requested = options.gracePeriodSeconds !== undefined && options.gracePeriodSeconds < 0 ? 1 : options.gracePeriodSeconds;
  let grace: number | undefined;

  if (registry.strategy.gracefulDeletion) {
    if (!metadata.deletionTimestamp) {
      grace = registry.strategy.gracefulDeletion(context, object, requested);
      if (grace !== undefined) {
        metadata.deletionTimestamp = timestamp(context.now + grace * 1000);
        metadata.deletionGracePeriodSeconds = grace;
        if (metadata.generation) metadata.generation++;
      }
    } else if (metadata.deletionGracePeriodSeconds) {
      if (requested === undefined || requested >= metadata.deletionGracePeriodSeconds) return { type: 'pending' };
      grace = shorten(metadata, requested, context.now);
    }
  }

  const changed = setPropagation(registry, metadata, options);
  const heldBack = registry.strategy.holdsBack?.(object) ?? false;
  const finalizers = heldBack || !!metadata.finalizers?.length;
  if (grace !== undefined) return { type: 'mark', object, thenRemove: grace === 0 && !finalizers };
  if (!finalizers) return { type: 'remove' };
  if (!changed && metadata.deletionTimestamp && !metadata.deletionGracePeriodSeconds) return { type: 'pending' };
  markAsDeleting(metadata, context.now);
  return { type: 'mark', object, thenRemove: false };
}

/** Moves an earlier deletion's time forward; it never lies in the past. Returns the grace period that is left. */
function shorten(metadata: ObjectMeta, requested: number, now: number): number {
  let at = Date.parse(metadata.deletionTimestamp!) - metadata.deletionGracePeriodSeconds! * 1000 + requested * 1000;
  let grace = requested;
  if (at < now) {
    at = now;
    if (grace !== 0) grace = 1;
  }
  metadata.deletionTimestamp = timestamp(at);
  metadata.deletionGracePeriodSeconds = grace;
  return grace;
}

function markAsDeleting(metadata: ObjectMeta, now: number): void {
  if (!metadata.deletionTimestamp && metadata.generation) metadata.generation++;
  if (!metadata.deletionTimestamp || Date.parse(metadata.deletionTimestamp) > now) metadata.deletionTimestamp = timestamp(now);
  metadata.deletionGracePeriodSeconds = 0;
}

/** The garbage collector's two finalizers, as the options, the object and the kind want them; returns whether they changed. */
function setPropagation(registry: Registry, metadata: ObjectMeta, options: DeleteOptions): boolean {
  const before = metadata.finalizers ?? [];
  const orphan = wantsOrphans(registry, before, options);
  const foreground = wantsForeground(before, options);
  const after = before.filter((f) => f !== finalizerOrphan && f !== finalizerForeground);
  if (orphan) after.push(finalizerOrphan);
  if (foreground) after.push(finalizerForeground);
  const known = new Set(before);
  if (after.length === before.length && after.every((f) => known.has(f))) return false;
  if (after.length) metadata.finalizers = after;
  else delete metadata.finalizers;
  return true;
}

function wantsOrphans(registry: Registry, finalizers: string[], options: DeleteOptions): boolean {
  if (options.orphanDependents !== undefined) return options.orphanDependents;
  if (options.propagationPolicy !== undefined) return options.propagationPolicy === 'Orphan';
  if (finalizers.includes(finalizerOrphan)) return true;
  if (finalizers.includes(finalizerForeground)) return false;
  return registry.strategy.defaultPropagation === 'Orphan';
}

function wantsForeground(finalizers: string[], options: DeleteOptions): boolean {
  if (options.orphanDependents !== undefined) return false;
  if (options.propagationPolicy !== undefined) return options.propagationPolicy === 'Foreground';
  return finalizers.includes(finalizerForeground) && !finalizers.includes(finalizerOrphan);
}

function checkPreconditions(registry: Registry, metadata: ObjectMeta, { preconditions }: DeleteOptions): void {
  const mismatch = (why: string): StatusError =>
    conflict({ group: registry.definition.group, kind: registry.definition.kind }, metadata.name!, why);
  if (preconditions?.uid !== undefined && preconditions.uid !== metadata.uid)
    throw mismatch(
      `the UID in the precondition (${preconditions.uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
    );
  if (preconditions?.resourceVersion !== undefined && preconditions.resourceVersion !== metadata.resourceVersion)
    throw mismatch(
      `the ResourceVersion in the precondition (${preconditions.resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`,
    );
}

/**
 * So many deletions are under way together: one flush of the store makes them durable at once, and others have the event
 * loop in between.
 */
const deletedTogether = 16;

/** Deletes what is listed, in its order; what has gone meanwhile is no error. */
export async function deleteAll(
  registry: Registry,
  context: RequestContext,
  entries: readonly Entry[],
  options: DeleteOptions,
  allow?: (object: KubeObject) => Promise<void>,
): Promise<void> {
  const deleteOne = async ({ key }: Entry): Promise<void> => {
    const { name, namespace } = registry.placeOf(key);
    try {
      await deleteObject(registry, { ...context, namespace }, name, options, allow);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  };
  for (let i = 0; i < entries.length; i += deletedTogether) {
    if (i > 0) await new Promise((resolve) => setImmediate(resolve));
    await together(entries.slice(i, i + deletedTogether).map(deleteOne));
  }
}
