import type { KubeObject } from '../../api/meta.ts';
import type { Store, StoreEvent, Watch } from '../../store/index.ts';
import { objectOf } from '../registry/stored.ts';
import { rootOf } from '../registry/keys.ts';

/**
 * All objects of one collection, kept up to date by a watch of the store: for what is asked on every request.
 * Objects are shared, do not change them.
 */
export class LiveObjects<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  #loading: Promise<void> | undefined;
  #watch: Watch | undefined;
  #version = 0;
  readonly #root: string;

  constructor(
    private readonly store: Store,
    resource: { group: string; resource: string },
    /** Called after every change. */
    private readonly changed: () => void = () => {},
  ) {
    this.#root = rootOf(resource);
  }

  /** Grows with every change. */
  get version(): number {
    return this.#version;
  }

  get ready(): boolean {
    return this.#watch !== undefined;
  }

  /** Whether it is known that there are none. */
  get isEmpty(): boolean {
    return this.ready && this.#objects.size === 0;
  }

  /** Resolves when all objects are known; at once after the first time. */
  load(): Promise<void> {
    return (this.#loading ??= this.#list().catch((error: unknown) => {
      this.#loading = undefined;
      throw error;
    }));
  }

  get(namespace: string, name: string): T | undefined {
    return this.#objects.get(namespace ? `${namespace}/${name}` : name);
  }

  all(): IterableIterator<T> {
    return this.#objects.values();
  }

  close(): void {
    this.#watch?.cancel();
    this.#watch = undefined;
    this.#loading = undefined;
  }

  async #list(): Promise<void> {
    const { entries, revision } = await this.store.list(this.#root);
    this.#objects.clear();
    for (const entry of entries) this.#objects.set(entry.key.slice(this.#root.length), objectOf<T>(entry));
    this.#version++;
    this.#watch = this.store.watch(this.#root, {
      after: revision,
      onEvents: (events) => this.#apply(events),
      onEnd: () => {
        // Behind the history, or the store is closing: the next question starts over.
        this.#watch = undefined;
        this.#loading = undefined;
      },
    });
  }

  #apply(events: readonly StoreEvent[]): void {
    for (const { type, entry } of events) {
      const key = entry.key.slice(this.#root.length);
      if (type === 'delete') this.#objects.delete(key);
      else this.#objects.set(key, objectOf<T>(entry));
    }
    this.#version++;
    this.changed();
  }
}
