import { parseApiVersion, type KubeObject } from '../../../api/meta.ts';
import type { DeleteOptions, Encode, Entry, ListOptions, ListResult, Store, StoreEvent, Watch, WatchOptions, WriteOptions } from '../../../store/index.ts';
import { writable } from '../../registry/stored.ts';
import type { ResourceSchema } from '../resource/strategy.ts';
import type { Converter } from './converter.ts';

/** A version of a custom resource, and how its objects come from and go into what is stored. */
export interface VersionForm {
  kind: string;
  /** As this version's clients see it: `example.com/v1`. */
  apiVersion: string;
  /** As objects are stored from now on. */
  storageVersion: string;
  /** By version; what is stored may be of any of them. */
  schemas: ReadonlyMap<string, ResourceSchema>;
  convert: Converter;
}

/**
 * The store as one version of a custom resource sees it: entries come out in that version, pruned and defaulted by their
 * schema as of now, and go in as the version that is stored. Watches end when the definition changes, so that clients
 * look anew.
 */
export class VersionStore implements Store {
  /** An entry of the store as this version sees it; itself where nothing differs. */
  readonly #seen = new WeakMap<Entry, Entry>();
  readonly #watches = new Set<FormingWatch>();

  constructor(
    private readonly inner: Store,
    private readonly form: VersionForm,
  ) {}

  get revision(): number {
    return this.inner.revision;
  }

  get compactedRevision(): number {
    return this.inner.compactedRevision;
  }

  isOutdated(revision: number, age: number): boolean {
    return this.inner.isOutdated(revision, age);
  }

  get problem(): Error | undefined {
    return this.inner.problem;
  }

  fresh(revision?: number): Promise<void> {
    return this.inner.fresh(revision);
  }

  async get(key: string): Promise<Entry | undefined> {
    const entry = await this.inner.get(key);
    return entry && (await this.seen([entry]))[0];
  }

  async list(prefix: string, options?: ListOptions): Promise<ListResult> {
    const result = await this.inner.list(prefix, options);
    return { ...result, entries: await this.seen(result.entries) };
  }

  count(prefix: string): number {
    return this.inner.count(prefix);
  }

  size(): Promise<number | undefined> {
    return this.inner.size();
  }

  async put(key: string, encode: Encode, options: WriteOptions): Promise<Entry> {
    const { apiVersion, storageVersion, kind } = this.form;
    // Seen as any entry is: a status that was taken away from what was sent may have defaults.
    if (apiVersion === storageVersion) return (await this.seen([await this.inner.put(key, encode, options)]))[0]!;
    const [object] = await this.form.convert([JSON.parse(encode(0)) as KubeObject], storageVersion);
    const stored = object!;
    this.#settle(stored);
    const text = writable(stored, kind, storageVersion);
    const entry = await this.inner.put(key, text.encode, { ...options, memo: text.memo });
    return (await this.seen([entry]))[0]!;
  }

  delete(key: string, options: DeleteOptions): Promise<Entry | undefined> {
    return this.inner.delete(key, options);
  }

  watch(prefix: string, options: WatchOptions): Watch {
    const watch = new FormingWatch(this, options, () => this.#watches.delete(watch));
    watch.start(this.inner, prefix);
    this.#watches.add(watch);
    return watch;
  }

  history(options: { after: number; to?: number; prefix?: string; limit?: number }): Promise<StoreEvent[]> {
    return this.inner.history(options);
  }

  compact(revision: number): Promise<void> {
    return this.inner.compact(revision);
  }

  /** Ends all watches; the store behind it stays open. */
  close(): Promise<void> {
    for (const watch of this.#watches) watch.end(new Error('the definition of the resource has changed'));
    return Promise.resolve();
  }

  /** Entries as this version sees them; at once where no webhook is asked. */
  seen(entries: readonly Entry[]): Entry[] | Promise<Entry[]> {
    const found = entries.map((entry) => this.#seen.get(entry));
    const foreign: Array<{ place: number; object: KubeObject }> = [];
    for (const [place, entry] of entries.entries()) {
      if (found[place]) continue;
      const object = JSON.parse(entry.value) as KubeObject;
      this.#settle(object);
      if (object.apiVersion === this.form.apiVersion) found[place] = this.#keep(entry, object);
      else foreign.push({ place, object });
    }
    if (!foreign.length) return found as Entry[];
    const finish = (converted: readonly KubeObject[]) => {
      for (const [i, { place }] of foreign.entries()) {
        this.#settle(converted[i]!);
        found[place] = this.#keep(entries[place]!, converted[i]!);
      }
      return found as Entry[];
    };
    const converted = this.form.convert(foreign.map(({ object }) => object), this.form.apiVersion);
    return converted instanceof Promise ? converted.then(finish) : finish(converted);
  }

  #settle(object: KubeObject): void {
    this.form.schemas.get(parseApiVersion(object.apiVersion ?? '').version)?.settle(object, true);
  }

  #keep(entry: Entry, object: KubeObject): Entry {
    const revision = object.metadata?.resourceVersion ?? '';
    const text = writable(object, this.form.kind, this.form.apiVersion);
    const value = text.encode(Number(revision));
    const seen: Entry = value === entry.value ? entry : { ...entry, value, memo: text.memo(Number(revision)) };
    this.#seen.set(entry, seen);
    return seen;
  }
}

/** A watch whose events are brought into form one after another; while a webhook is asked, what comes after waits. */
class FormingWatch implements Watch {
  #watch: Watch | undefined;
  #waiting: Promise<void> | undefined;
  #done = false;

  constructor(
    private readonly store: VersionStore,
    private readonly options: WatchOptions,
    private readonly forget: () => void,
  ) {}

  start(inner: Store, prefix: string): void {
    this.#watch = inner.watch(prefix, {
      after: this.options.after,
      onEvents: (events) => this.#inTurn(() => this.#deliver(events)),
      onProgress: (revision) => this.#inTurn(() => this.options.onProgress?.(revision)),
      onEnd: (error) => this.#inTurn(() => this.end(error)),
    });
  }

  #inTurn(step: () => void | Promise<void>): void {
    if (this.#done) return;
    if (!this.#waiting) {
      const pending = step();
      if (pending) this.#await(pending);
      return;
    }
    this.#await(this.#waiting.then(() => (this.#done ? undefined : step())));
  }

  #await(pending: Promise<void>): void {
    const turn = pending.catch((error: unknown) => this.end(error instanceof Error ? error : new Error(String(error)))).then(() => {
      if (this.#waiting === turn) this.#waiting = undefined;
    });
    this.#waiting = turn;
  }

  #deliver(events: readonly StoreEvent[]): void | Promise<void> {
    const entries = events.flatMap(({ entry, previous }) => (previous ? [entry, previous] : [entry]));
    const hand = (seen: readonly Entry[]) => {
      let next = 0;
      const formed = events.map((event): StoreEvent => ({ ...event, entry: seen[next++]!, previous: event.previous && seen[next++]! }));
      if (!this.#done) this.options.onEvents(formed);
    };
    const seen = this.store.seen(entries);
    return seen instanceof Promise ? seen.then(hand) : hand(seen);
  }

  requestProgress(): void {
    this.#watch?.requestProgress();
  }

  cancel(): void {
    this.#done = true;
    this.#watch?.cancel();
    this.forget();
  }

  end(error: Error): void {
    if (this.#done) return;
    this.cancel();
    this.options.onEnd(error);
  }
}
