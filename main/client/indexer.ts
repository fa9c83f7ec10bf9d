import { keyOf, type KubeObject } from '../api/meta.ts';

type IndexFn<T> = (object: T) => string[];

interface Index<T> {
  of: IndexFn<T>;
  buckets: Map<string, Map<string, T>>;
}

/** Objects by key and by any number of indexes, each kept up to date as objects come and go. */
export class Indexer<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, Index<T>>();

  constructor() {
    this.addIndex('namespace', (object) => [object.metadata?.namespace ?? '']);
  }

  get size(): number {
    return this.#objects.size;
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys();
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(namespace?: string): T[] {
    return namespace ? this.byIndex('namespace', namespace) : [...this.#objects.values()];
  }

  /** Indexes what is here already as well. Adding the same name again changes nothing. */
  addIndex(name: string, of: IndexFn<T>): void {
    if (this.#indexes.has(name)) return;
    const index: Index<T> = { of, buckets: new Map() };
    this.#indexes.set(name, index);
    for (const [key, object] of this.#objects) insert(index, key, object);
  }

  byIndex(name: string, value: string): T[] {
    const index = this.#indexes.get(name);
    if (!index) throw new Error(`there is no index named ${name}`);
    const bucket = index.buckets.get(value);
    return bucket ? [...bucket.values()] : [];
  }

  /** Puts the object in its place and returns what was there. */
  set(object: T): T | undefined {
    const key = keyOf(object);
    const old = this.#objects.get(key);
    this.#objects.set(key, object);
    for (const index of this.#indexes.values()) {
      if (old) remove(index, key, old, index.of(object));
      insert(index, key, object);
    }
    return old;
  }

  delete(key: string): T | undefined {
    const old = this.#objects.get(key);
    if (!old) return undefined;
    this.#objects.delete(key);
    for (const index of this.#indexes.values()) remove(index, key, old, []);
    return old;
  }
}

function insert<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.of(object)) {
    const bucket = index.buckets.get(value);
    if (bucket) bucket.set(key, object);
    else index.buckets.set(value, new Map([[key, object]]));
  }
}

function remove<T>(index: Index<T>, key: string, old: T, keep: string[]): void {
  for (const value of index.of(old)) {
    if (keep.includes(value)) continue;
    const bucket = index.buckets.get(value);
    bucket?.delete(key);
    if (bucket?.size === 0) index.buckets.delete(value);
  }
}
