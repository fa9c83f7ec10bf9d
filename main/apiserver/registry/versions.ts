import type { KubeObject } from '../../api/meta.ts';
import { ConflictError, type DeleteOptions, type Encode, type Entry, type Store, type StoreEvent, type WriteOptions } from '../../store/index.ts';
import { objectOf, writable } from './stored.ts';
import type { ResourceDefinition, StoredAs } from './strategy.ts';
import { apiVersionOf } from '../../api/meta.ts';

/**
 * A store as one version of a kind sees it whose objects are stored in another: every object that is read is converted
 * to the version that is served, every object that is written to the one that is stored. Revisions, keys and order stay
 * what they are. Only the collection of that kind may be read through it.
 */
export function convertedStore(store: Store, served: ResourceDefinition, stored: StoredAs): Store {
  // Each entry is converted once for however many readers there are.
  const converted = new WeakMap<Entry, Entry>();
  const read = (entry: Entry): Entry => {
    let known = converted.get(entry);
    if (!known) {
      known = new ConvertedEntry(entry, () => textOf(stored.fromStored(objectOf(entry)), served, entry.modRevision));
      converted.set(entry, known);
    }
    return known;
  };
  const maybe = (entry: Entry | undefined) => entry && read(entry);
  const readEvent = (event: StoreEvent): StoreEvent => ({ ...event, entry: read(event.entry), previous: maybe(event.previous) });
  const encoded = (encode: Encode): Encode => (revision) =>
    textOf(stored.toStored(JSON.parse(encode(revision)) as KubeObject), stored.definition, revision);
  const written = <T extends WriteOptions>({ memo: _, ...options }: T) => options;
  const asRead = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (error instanceof ConflictError && error.current) throw new ConflictError(error.key, read(error.current));
      throw error;
    }
  };
  return {
    get revision() {
      return store.revision;
    },
    get compactedRevision() {
      return store.compactedRevision;
    },
    isOutdated: (revision, age) => store.isOutdated(revision, age),
    get problem() {
      return store.problem;
    },
    fresh: (revision) => store.fresh(revision),
    get: async (key) => maybe(await store.get(key)),
    async list(prefix, options) {
      const result = await store.list(prefix, options);
      return { ...result, entries: result.entries.map(read) };
    },
    count: (prefix) => store.count(prefix),
    size: () => store.size(),
    put: async (key, encode, options) => read(await asRead(store.put(key, encoded(encode), written(options)))),
    delete: async (key, options: DeleteOptions) =>
      maybe(await asRead(store.delete(key, { ...written(options), tombstone: encoded(options.tombstone) }))),
    watch: (prefix, options) => store.watch(prefix, { ...options, onEvents: (events) => options.onEvents(events.map(readEvent)) }),
    history: async (options) => (await store.history(options)).map(readEvent),
    compact: (revision) => store.compact(revision),
    close: () => store.close(),
  };
}

/** Its text is made for the first who reads it: of thousands that are listed to be deleted nobody does. */
class ConvertedEntry implements Entry {
  readonly key: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly cause: Entry['cause'];
  memo: unknown;
  #value: string | undefined;

  constructor(
    stored: Entry,
    private readonly convert: () => string,
  ) {
    this.key = stored.key;
    this.createRevision = stored.createRevision;
    this.modRevision = stored.modRevision;
    this.cause = stored.cause;
  }

  get value(): string {
    return (this.#value ??= this.convert());
  }
}

function textOf(object: KubeObject, definition: ResourceDefinition, revision: number): string {
  return writable(object, definition.kind, apiVersionOf(definition)).encode(revision);
}
