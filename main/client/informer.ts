import { apiVersionOf, keyOf, type KubeObject } from '../api/meta.ts';
import { isNotFound, isStatus } from '../api/status.ts';
import { Backoff } from '../util/backoff.ts';
import type { Clock } from '../util/clock.ts';
import type { Logger } from '../util/log.ts';
import type { Client } from './client.ts';
import { Indexer } from './indexer.ts';
import type { ResourceDef } from './resources.ts';
import { SharedParts } from './sharing.ts';

export interface InformerOptions {
  fieldSelector?: string;
  labelSelector?: string;
  namespace?: string;
}

export interface InformerHandlers<T> {
  add?(object: T): void;
  update?(old: T, object: T): void;
  /** With the last state that was seen. */
  delete?(object: T): void;
  /** Instead of `delete`, for what is out of sight because the server does not serve the kind (in this version, now). */
  unserved?(object: T): void;
}

/**
 * A local copy of a collection, kept up to date by list and watch. Its objects are shared with everybody: never
 * change one. They have no managedFields. Handlers run in order, one event after the other, and must not take long: they put keys into queues.
 */
export interface Informer<T> {
  get(key: string): T | undefined;
  list(namespace?: string): T[];
  /** Every object is found under each value that `fn` names. `namespace` is there from the start. */
  addIndex(name: string, fn: (object: T) => string[]): void;
  byIndex(name: string, value: string): T[];
  /** Begins with an `add` for each object that is here already. Returns what ends it. */
  on(handlers: InformerHandlers<T>): () => void;
  /** Whether the first list is in and its handlers have run. */
  readonly hasSynced: boolean;
  /** Resolves when the first list is in; also when the informer is stopped before. */
  synced(): Promise<void>;
  /** The revision up to which this copy is known to be complete. */
  readonly resourceVersion: string;
}

const relistBackoff = { initial: 800, max: 30_000, factor: 2, resetAfter: 120_000 };

/** Mirrors k8s.io/client-go/tools/cache (reflector.go, shared_informer.go). */
export class SharedInformer<T extends KubeObject> implements Informer<T> {
  readonly #indexer = new Indexer<T>();
  readonly #parts = new SharedParts<T>();
  readonly #handlers = new Set<InformerHandlers<T>>();
  readonly #backoff: Backoff;
  readonly #abort = new AbortController();
  readonly #synced: Promise<void>;
  #resolveSynced: () => void = () => {};
  #watch: { cancel(): void } | undefined;
  #running = false;
  #hasSynced = false;
  #resourceVersion = '';

  constructor(
    private readonly client: Client,
    private readonly def: ResourceDef<T>,
    private readonly options: InformerOptions,
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {
    this.#backoff = new Backoff(relistBackoff, clock);
    this.#synced = new Promise((resolve) => (this.#resolveSynced = resolve));
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  get resourceVersion(): string {
    return this.#resourceVersion;
  }

  /** Whether anybody is told of what happens. */
  get followed(): boolean {
    return this.#handlers.size > 0;
  }

  synced(): Promise<void> {
    return this.#synced;
  }

  get(key: string): T | undefined {
    return this.#indexer.get(key);
  }

  list(namespace?: string): T[] {
    return this.#indexer.list(namespace);
  }

  addIndex(name: string, fn: (object: T) => string[]): void {
    this.#indexer.addIndex(name, fn);
  }

  byIndex(name: string, value: string): T[] {
    return this.#indexer.byIndex(name, value);
  }

  on(handlers: InformerHandlers<T>): () => void {
    this.#handlers.add(handlers);
    if (handlers.add) for (const object of this.#indexer.list()) this.#call(handlers, 'add', object);
    return () => this.#handlers.delete(handlers);
  }

  start(): void {
    if (this.#running || this.#abort.signal.aborted) return;
    this.#running = true;
    void this.#run();
  }

  stop(): void {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort();
    this.#watch?.cancel();
    this.#resolveSynced();
  }

  get #stopped(): boolean {
    return this.#abort.signal.aborted;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#listAll();
        await this.#watchOn();
      } catch (error) {
        if (this.#stopped) return;
        if (isStatus(error, 'Expired') || isStatus(error, 'Gone')) {
          this.log.debug('the watch is too old, listing again', this.#about());
        } else if (isNotFound(error)) this.log.debug('the server does not serve this kind', this.#about());
        else this.log.warn('list failed, will try again', { ...this.#about(), error: String(error) });
        await this.#wait();
      }
    }
  }

  async #listAll(): Promise<void> {
    const { labelSelector, fieldSelector, namespace } = this.options;
    try {
      const { items, metadata } = await this.client.of(this.def).list(namespace, { labelSelector, fieldSelector });
      if (!this.#stopped) this.#replace(items, metadata.resourceVersion ?? '');
    } catch (error) {
      // A server that does not know the kind (yet, or any more) has no objects of it.
      if (isNotFound(error) && !this.#stopped) this.#replace([], '', true);
      throw error;
    }
  }

  #replace(items: T[], resourceVersion: string, unserved = false): void {
    const gone = new Set(this.#indexer.keys());
    for (const item of items) {
      gone.delete(keyOf(item));
      this.#put(trimmed(item));
    }
    for (const key of gone) this.#remove(key, undefined, unserved);
    this.#resourceVersion = resourceVersion;
    if (this.#hasSynced) return;
    this.#hasSynced = true;
    this.#resolveSynced();
  }

  /** Watches, again and again from where the last watch ended; throws when a new list is needed. */
  async #watchOn(): Promise<void> {
    while (!this.#stopped) {
      const started = this.clock.monotonic();
      const { error, events } = await this.#watchOnce();
      if (this.#stopped) return;
      // A kind that is served no more has no objects, which the next list finds out.
      if (error && (isStatus(error, 'Expired') || isStatus(error, 'Gone') || isNotFound(error))) throw error;
      if (error) this.log.warn('watch failed, will try again', { ...this.#about(), error: String(error) });
      // A server that closes watches as soon as they are opened must not be asked in a tight loop.
      if (error || (events === 0 && this.clock.monotonic() - started < 1000)) await this.#wait();
    }
  }

  #watchOnce(): Promise<{ error: Error | undefined; events: number }> {
    const { labelSelector, fieldSelector, namespace } = this.options;
    return new Promise((resolve) => {
      let events = 0;
      this.#watch = this.client.of(this.def).watch(
        namespace,
        { labelSelector, fieldSelector, resourceVersion: this.#resourceVersion, allowWatchBookmarks: true },
        {
          onEvent: (event) => {
            if (this.#stopped) return;
            events++;
            const object = trimmed(event.object as T);
            if (event.type === 'DELETED') this.#remove(keyOf(object), this.#typed(object));
            else if (event.type !== 'BOOKMARK') this.#put(this.#typed(object));
            this.#resourceVersion = object.metadata?.resourceVersion ?? this.#resourceVersion;
          },
          onEnd: (error) => resolve({ error, events }),
        },
      );
    });
  }

  #put(fresh: T): void {
    const object = this.#parts.share(fresh, this.#indexer.get(keyOf(fresh)));
    const old = this.#indexer.set(object);
    for (const handlers of this.#handlers) {
      if (!old) {
        if (handlers.add) this.#call(handlers, 'add', object);
      } else if (handlers.update && old.metadata?.resourceVersion !== object.metadata?.resourceVersion) {
        this.#call(handlers, 'update', object, old);
      }
    }
  }

  #remove(key: string, final?: T, unserved = false): void {
    const old = this.#indexer.delete(key);
    if (!old) return;
    for (const handlers of this.#handlers) {
      if (unserved && handlers.unserved) this.#call(handlers, 'unserved', old);
      else if (handlers.delete) this.#call(handlers, 'delete', final ?? old);
    }
  }

  #typed(object: T): T {
    return object.kind ? object : { apiVersion: apiVersionOf(this.def), kind: this.def.kind, ...object };
  }

  /** One handler's mistake must not take the events from the others. */
  #call(handlers: InformerHandlers<T>, what: 'add' | 'update' | 'delete' | 'unserved', object: T, old?: T): void {
    try {
      if (what === 'add') handlers.add!(object);
      else if (what === 'update') handlers.update!(old!, object);
      else handlers[what]!(object);
    } catch (error) {
      this.log.error('an event handler failed', {
        ...this.#about(),
        error: error instanceof Error ? error.stack : String(error),
      });
    }
  }

  async #wait(): Promise<void> {
    await this.clock.sleep(this.#backoff.next('list'), this.#abort.signal).catch(() => {});
  }

  #about() {
    return { resource: this.def.resource, ...this.options };
  }
}

/**
 * Without the record of who owns which field: nobody who watches needs it, and it takes more memory than all the rest of
 * an object. Upstream's controller manager trims what its informers keep in the same way (app/controllermanager.go).
 */
function trimmed<T extends KubeObject>(object: T): T {
  if (!object.metadata?.managedFields) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function keyOfCollection(def: ResourceDef<KubeObject>, options: InformerOptions): string {
  return [def.group, def.version, def.resource, options.namespace, options.labelSelector, options.fieldSelector].join('|');
}

/** The informers of one component or process: whoever asks for the same collection shares one. */
export class InformerFactory {
  readonly #informers = new Map<string, SharedInformer<KubeObject>>();
  /** Keys of those that are only followed. */
  readonly #extra = new Set<string>();
  #started = false;
  #stopped = false;

  constructor(
    private readonly client: Client,
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {}

  /** Shared by equal arguments. One asked for after `start` starts at once. */
  informer<T extends KubeObject>(def: ResourceDef<T>, options: InformerOptions = {}): Informer<T> {
    this.#extra.delete(keyOfCollection(def, options));
    return this.#informer(def, options);
  }

  /** The same, for one who follows whatever is served: nobody else waits for a kind that perhaps cannot be listed. */
  follow<T extends KubeObject>(def: ResourceDef<T>): Informer<T> {
    const key = keyOfCollection(def, {});
    if (!this.#informers.has(key)) this.#extra.add(key);
    return this.#informer(def, {});
  }

  #informer<T extends KubeObject>(def: ResourceDef<T>, options: InformerOptions): Informer<T> {
    const key = keyOfCollection(def, options);
    let informer = this.#informers.get(key) as unknown as SharedInformer<T> | undefined;
    if (!informer) {
      informer = new SharedInformer(this.client, def, options, this.clock, this.log);
      this.#informers.set(key, informer as unknown as SharedInformer<KubeObject>);
      if (this.#stopped) informer.stop();
      else if (this.#started) informer.start();
    }
    return informer;
  }

  /** Ends the copy of a kind that is served no more, unless somebody has handlers on it still. Idempotent. */
  release(def: ResourceDef): void {
    const key = keyOfCollection(def, {});
    const informer = this.#informers.get(key);
    if (!informer || informer.followed) return;
    informer.stop();
    this.#informers.delete(key);
    this.#extra.delete(key);
  }

  start(): void {
    this.#started = true;
    for (const informer of this.#informers.values()) informer.start();
  }

  /** Resolves when every informer asked for so far has its first list, those aside that are only followed. */
  async synced(): Promise<void> {
    const needed = [...this.#informers].filter(([key]) => !this.#extra.has(key));
    await Promise.all(needed.map(([, informer]) => informer.synced()));
  }

  stop(): void {
    this.#stopped = true;
    for (const informer of this.#informers.values()) informer.stop();
  }
}
