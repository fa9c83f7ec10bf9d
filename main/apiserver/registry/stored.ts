import type { KubeObject } from '../../api/meta.ts';
import { withNulls, withoutNulls } from '../../api/nulls.ts';
import { inGoOrder } from '../../api/order.ts';
import { schemaById, schemaOfObject, type ObjectSchema } from '../../api/schema.ts';
import type { Encode, Entry } from '../../store/index.ts';

/** How many objects are kept whose entries keep none: requests that are under way at once look at theirs several times each. */
const keptLately = 64;
const lately = new Map<Entry, KubeObject>();

/** The object that an entry holds: parsed once for all who look at it at about the same time, shared by them, never to be changed. */
export function objectOf<T extends KubeObject = KubeObject>(entry: Entry): T {
  return (entry.memo ?? lately.get(entry) ?? parsedOf(entry)) as T;
}

function parsedOf(entry: Entry): KubeObject {
  const object = parsed(entry.value);
  entry.memo = object;
  // The store has no room for the objects of all that a large cluster holds.
  if (entry.memo === undefined) {
    lately.set(entry, object);
    if (lately.size > keptLately) lately.delete(lately.keys().next().value!);
  }
  return object;
}

function parsed(text: string): KubeObject {
  const object = JSON.parse(text) as KubeObject;
  return text.includes(':null') ? withoutNulls(schemaOfObject(object), object) : object;
}

/** An object ready to be written: its text for any revision, and itself as the entry's memo. */
export interface Writable {
  encode: Encode;
  memo(revision: number): KubeObject;
}

// Order of metadata as Go writes it. What stands before resourceVersion must not be able to hold its marker.
const metadataOrder = [
  'name', 'generateName', 'namespace', 'selfLink', 'uid', 'resourceVersion', 'generation', 'creationTimestamp',
  'deletionTimestamp', 'deletionGracePeriodSeconds', 'labels', 'annotations', 'ownerReferences', 'finalizers', 'managedFields',
] as const;
const marker = '"resourceVersion":"';

/**
 * Serialized once, when its revision is known. `object` must be the writer's own from here on; what it shares with `stored`, an object
 * of the store, is not put in order again.
 */
export function writable(object: KubeObject, kind: string, apiVersion: string, stored?: KubeObject): Writable {
  const schema = schemaOfObject({ kind, apiVersion });
  const own = inOrder(object, kind, apiVersion, schema, stored);
  const asOf = (revision: number) => {
    own.metadata!.resourceVersion = String(revision);
    return own;
  };
  return { encode: (revision) => JSON.stringify(withNulls(schema, asOf(revision), true)), memo: asOf };
}

/** The text of what an entry held, as of another revision: a tombstone. */
export function withRevision(entry: Entry): Writable {
  const start = entry.value.indexOf(marker) + marker.length;
  const end = entry.value.indexOf('"', start);
  return {
    encode: (revision) => entry.value.slice(0, start) + revision + entry.value.slice(end),
    memo(revision) {
      const object = objectOf(entry);
      return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
    },
  };
}

let objectMeta: ObjectSchema | undefined;
const metaSchema = () => (objectMeta ??= schemaById('meta/v1.ObjectMeta')!);

function inOrder(object: KubeObject, kind: string, apiVersion: string, schema: ObjectSchema | undefined, stored: KubeObject | undefined): KubeObject {
  const from = object.metadata as Record<string, unknown>;
  const metadata: Record<string, unknown> = {};
  for (const name of metadataOrder) {
    if (name === 'resourceVersion') metadata[name] = '';
    else if (from[name] !== undefined) metadata[name] = from[name];
  }
  const { kind: _kind, apiVersion: _apiVersion, metadata: _metadata, ...rest } = object;
  return {
    kind,
    apiVersion,
    metadata: inGoOrder(metaSchema(), metadata, stored?.metadata as Record<string, unknown> | undefined),
    ...inGoOrder(schema, rest, stored as Record<string, unknown> | undefined),
  } as KubeObject;
}

/** An entry that is not in the store: the answer to a dry run. `revision` 0 leaves resourceVersion out. */
export function unstored(key: string, object: KubeObject, kind: string, apiVersion: string, revision: number): Entry {
  const text = writable(object, kind, apiVersion);
  const value = revision ? text.encode(revision) : text.encode(0).replace(`${marker}0",`, '');
  return { key, value, createRevision: revision, modRevision: revision, cause: { who: '' } };
}
