import type { KubeObject } from '../../api/meta.ts';
import { expired, internalError, type StatusError } from '../../api/status.ts';
import type { Clock, Timer } from '../../util/clock.ts';
import { CompactedError, FutureRevisionError, type Entry, type StoreEvent, type Watch } from '../../store/index.ts';
import type { Registry } from './generic.ts';
import { list, reach, tooLarge, type ListRequest, parseResourceVersion } from './listing.ts';
import { objectOf, withRevision } from './stored.ts';

export interface WatchRequest extends Omit<ListRequest, 'limit' | 'continue'> {
  allowBookmarks: boolean;
  sendInitialEvents?: boolean;
  timeoutMilliseconds: number;
}

/** One change as a watcher sees it. `entry` is shared by all watchers, so what is made of it can be kept for all. */
export interface WatchChange {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  entry: Entry;
}

export interface WatchSink {
  /** What there is when the watch begins. Resolves when the client is ready for more. */
  initial(changes: WatchChange[]): Promise<void> | void;
  /** All that became known at once, in order. */
  changes(changes: WatchChange[]): void;
  bookmark(object: KubeObject): void;
  /** Called once. undefined: the time is up, or the server closes; an error goes out as an ERROR event first. */
  end(error: StatusError | undefined): void;
}

// The interval of upstream's bookmarks (storage/cacher/cacher.go, defaultBookmarkFrequency).
const bookmarkInterval = 60_000;
const initialEventsEnd = 'k8s.io/initial-events-end';
/** Whether a bookmark says that all has been sent that there was when the watch began. */
export const endsInitialEvents = ({ metadata }: KubeObject): boolean => metadata?.annotations?.[initialEventsEnd] !== undefined;
/** A client that takes so long over the initial list that this many events come meanwhile has to begin anew. */
const mostWaiting = 10_000;
const tooOld = 'The resourceVersion for the provided watch is too old.';

/**
 * Starts a watch; nothing is delivered before it returns. Throws what the request can be refused for at once.
 * Mirrors k8s.io/apiserver/pkg/storage/cacher.
 */
export async function watch(registry: Registry, clock: Clock, request: WatchRequest, sink: WatchSink): Promise<{ cancel(): void }> {
  const revision = parseResourceVersion(request.resourceVersion);
  const initial = request.sendInitialEvents ?? revision === 0;
  await reach(registry, request.resourceVersion);
  if (revision > registry.store.revision) throw tooLarge(revision, registry.store.revision);
  const watcher = new Watcher(registry, clock, request, sink);
  if (initial) {
    const page = await list(registry, { namespace: request.namespace, selection: request.selection });
    watcher.start(page.revision, page.entries);
  } else {
    watcher.start(revision || registry.store.revision, undefined);
  }
  return watcher;
}

class Watcher {
  readonly #timers: Timer[] = [];
  #watch: Watch | undefined;
  #done = false;
  /** The newest revision that the client knows of. */
  #sent = 0;
  /** What happened since the initial list, until that has been sent. */
  #waiting: StoreEvent[] | undefined;

  constructor(
    private readonly registry: Registry,
    private readonly clock: Clock,
    private readonly request: WatchRequest,
    private readonly sink: WatchSink,
  ) {}

  start(after: number, initial: Entry[] | undefined): void {
    this.#sent = after;
    this.#watch = this.#open(after);
    if (initial) {
      this.#waiting = [];
      // Sent in a turn of its own, as the store's events are: the caller first gets its handle.
      setImmediate(() => void this.#sendInitial(after, initial));
    }
    this.#timers.push(this.clock.setTimer(this.request.timeoutMilliseconds, () => this.#end(undefined)));
    if (this.request.allowBookmarks) this.#bookmarkLater();
  }

  #open(after: number): Watch {
    const { namespace, selection } = this.request;
    const narrowed = namespace || (this.registry.definition.namespaced ? (selection.exact('metadata.namespace') ?? '') : '');
    try {
      return this.registry.store.watch(this.registry.prefix(narrowed), {
        after,
        onEvents: (events) => this.#onEvents(events),
        onProgress: (revision) => this.#onProgress(revision),
        onEnd: (error) => this.#end(error instanceof CompactedError ? expired(tooOld) : undefined),
      });
    } catch (error) {
      if (error instanceof CompactedError) throw expired(tooOld);
      if (error instanceof FutureRevisionError) throw tooLarge(error.asked, error.current);
      throw error;
    }
  }

  async #sendInitial(revision: number, entries: Entry[]): Promise<void> {
    if (this.#done) return;
    try {
      if (entries.length) await this.sink.initial(entries.map((entry) => ({ type: 'ADDED', entry })));
    } catch (error) {
      return this.#end(internalError(error instanceof Error ? error.message : String(error)));
    }
    if (this.#done) return;
    if (this.request.allowBookmarks) this.sink.bookmark(this.#bookmarkOf(revision, true));
    const waiting = this.#waiting!;
    this.#waiting = undefined;
    if (waiting.length) this.#onEvents(waiting);
  }

  #onEvents(events: readonly StoreEvent[]): void {
    if (this.#done) return;
    if (this.#waiting) {
      this.#waiting.push(...events);
      if (this.#waiting.length > mostWaiting) this.#end(undefined);
      return;
    }
    const changes: WatchChange[] = [];
    for (const event of events) {
      const change = this.#changeOf(event);
      if (change) changes.push(change);
    }
    this.#sent = events.at(-1)!.entry.modRevision;
    if (!changes.length) return;
    try {
      this.sink.changes(changes);
    } catch (error) {
      this.#end(internalError(error instanceof Error ? error.message : String(error)));
    }
  }

  /** An object that stops matching the selection has gone for this watcher, one that starts to has come. */
  #changeOf({ type, entry, previous }: StoreEvent): WatchChange | undefined {
    const { selection } = this.request;
    if (selection.empty) return { type: type === 'delete' ? 'DELETED' : previous ? 'MODIFIED' : 'ADDED', entry };
    const before = previous !== undefined && selection.matches(objectOf(previous));
    const after = type === 'put' && selection.matches(objectOf(entry));
    if (after) return { type: before ? 'MODIFIED' : 'ADDED', entry };
    if (!before) return undefined;
    return { type: 'DELETED', entry: type === 'delete' ? entry : lastMatching(previous, entry) };
  }

  #onProgress(revision: number): void {
    if (this.#done || this.#waiting || !this.request.allowBookmarks || revision < this.#sent) return;
    this.#sent = revision;
    this.sink.bookmark(this.#bookmarkOf(revision, false));
  }

  #bookmarkLater(): void {
    this.#timers[1] = this.clock.setTimer(bookmarkInterval, () => {
      if (this.#done) return;
      this.#watch!.requestProgress();
      this.#bookmarkLater();
    });
  }

  #bookmarkOf(revision: number, end: boolean): KubeObject {
    return {
      kind: this.registry.definition.kind,
      apiVersion: this.registry.apiVersion,
      metadata: { resourceVersion: String(revision), ...(end ? { annotations: { [initialEventsEnd]: 'true' } } : {}) },
    };
  }

  cancel(): void {
    if (this.#done) return;
    this.#done = true;
    for (const timer of this.#timers) timer.cancel();
    this.#watch?.cancel();
  }

  #end(error: StatusError | undefined): void {
    if (this.#done) return;
    this.cancel();
    this.sink.end(error);
  }
}

/** The state that matched last, under the revision of the change that made it match no more. */
function lastMatching(previous: Entry, now: Entry): Entry {
  return { ...now, value: withRevision(previous).encode(now.modRevision), memo: undefined };
}
