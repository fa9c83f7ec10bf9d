import type { StoredEvent } from './entry.ts';
import type { StoreEvent, Watch, WatchOptions } from './index.ts';
import type { Clock } from '../util/clock.ts';

/** Handlers of one round may take this long together before others get their turn, milliseconds. */
const turn = 8;
/** So many events a handler is given at once: what informers make of thousands would take a turn of a second. */
const heardTogether = 32;

/** What a watch reads from. */
export interface WatchSource {
  /** The newest durable revision. */
  readonly revision: number;
  /** Events with a greater revision are in memory. */
  readonly recentBase: number;
  /** Events of (after, to] that are in memory. */
  recent(after: number, to: number): readonly StoredEvent[];
  /** Older events, from wherever they are kept, up to those in memory. */
  older(after: number): AsyncIterable<readonly StoredEvent[]>;
}

interface Watcher {
  readonly prefix: string;
  /** The group of keys that all of its own are in; undefined: its prefix is shorter. */
  readonly group: string | undefined;
  readonly options: WatchOptions;
  /** Everything up to this revision was delivered. */
  cursor: number;
  reading: boolean;
  progress: boolean;
  ended: boolean;
}

/**
 * All watches of a store. Each is a cursor into the history: whoever lags reads old events first, and when it has
 * caught up hears of each flush. So there is one way from history to live, and no boundary to lose an event at.
 */
export class Watches {
  readonly #watchers = new Set<Watcher>();
  #round: Promise<void> | undefined;
  #again = false;

  constructor(
    private readonly source: WatchSource,
    private readonly clock: Clock,
    /** Called when all watches that can have heard of everything so far. */
    private readonly onIdle: () => void,
  ) {}

  get size(): number {
    return this.#watchers.size;
  }

  add(prefix: string, after: number, options: WatchOptions): Watch {
    const watcher: Watcher = { prefix, group: groupOf(prefix), options, cursor: after, reading: false, progress: false, ended: false };
    this.#watchers.add(watcher);
    if (after < this.source.revision) this.wake();
    return {
      requestProgress: () => {
        watcher.progress = true;
        this.wake();
      },
      cancel: () => {
        watcher.ended = true;
        this.#watchers.delete(watcher);
      },
    };
  }

  /** Delivers what there is, soon. */
  wake(): void {
    if (this.#round) this.#again = true;
    else this.#round = Promise.resolve().then(() => this.#run());
  }

  /** Ends all watches. */
  end(error: Error): void {
    for (const watcher of [...this.#watchers]) this.#end(watcher, error);
  }

  /** Ends the watches that wait for an event up to `revision`, which can no longer be had. */
  endBehind(revision: number, error: (asked: number) => Error): void {
    for (const watcher of [...this.#watchers]) if (watcher.cursor < revision) this.#end(watcher, error(watcher.cursor));
  }

  async #run(): Promise<void> {
    do {
      this.#again = false;
      let began = this.clock.monotonic();
      let shared = new SharedReads(this.source);
      for (const watcher of this.#watchers) {
        if (!this.#pump(watcher, shared) || this.clock.monotonic() - began <= turn) continue;
        await new Promise((resolve) => setImmediate(resolve));
        began = this.clock.monotonic();
        shared = new SharedReads(this.source);
      }
    } while (this.#again);
    this.#round = undefined;
    this.onIdle();
  }

  /** Whether a handler was called. */
  #pump(watcher: Watcher, shared: SharedReads): boolean {
    if (watcher.ended || watcher.reading) return false;
    if (watcher.cursor < this.source.recentBase) {
      void this.#readOlder(watcher);
      return false;
    }
    const events = shared.events(watcher);
    const next = events.length > heardTogether ? events.slice(0, heardTogether) : events;
    if (next !== events) {
      watcher.cursor = next.at(-1)!.entry.modRevision;
      this.#again = true;
    } else if (shared.to > watcher.cursor) watcher.cursor = shared.to;
    if (events.length === 0 && !watcher.progress) return false;
    this.#deliver(watcher, next);
    if (watcher.progress && !watcher.ended) {
      watcher.progress = false;
      this.#call(watcher, () => watcher.options.onProgress?.(watcher.cursor));
    }
    return true;
  }

  async #readOlder(watcher: Watcher): Promise<void> {
    watcher.reading = true;
    try {
      for await (const events of this.source.older(watcher.cursor)) {
        if (watcher.ended) return;
        watcher.cursor = events.at(-1)!.entry.modRevision;
        this.#deliver(watcher, matching(events, watcher.prefix));
      }
    } catch (error) {
      this.#end(watcher, error as Error);
    }
    watcher.reading = false;
    if (!watcher.ended) this.wake();
  }

  #deliver(watcher: Watcher, events: readonly StoreEvent[]): void {
    if (events.length > 0 && !watcher.ended) this.#call(watcher, () => watcher.options.onEvents(events));
  }

  /** A handler that throws ends its own watch and disturbs no other. */
  #call(watcher: Watcher, handler: () => void): void {
    try {
      handler();
    } catch (error) {
      this.#end(watcher, error instanceof Error ? error : new Error(String(error)));
    }
  }

  #end(watcher: Watcher, error: Error): void {
    if (watcher.ended) return;
    watcher.ended = true;
    this.#watchers.delete(watcher);
    // The watch is over whatever its owner thinks of it: there is nobody left to tell.
    try {
      watcher.options.onEnd(error);
    } catch {
      return;
    }
  }
}

/**
 * What one round reads: watches that stand at the same place share one walk, which sorts events by the group of their key, since most
 * watches wait for what has not changed.
 */
class SharedReads {
  readonly to: number;
  readonly #groups = new Map<string, StoredEvent[]>();
  readonly #found = new Map<string, readonly StoredEvent[]>();
  #all: readonly StoredEvent[] = none;
  #from = -1;

  constructor(private readonly source: WatchSource) {
    this.to = source.revision;
  }

  events({ prefix, group, cursor: after }: Watcher): readonly StoredEvent[] {
    if (after >= this.to) return none;
    if (this.#from < 0) this.#read(after);
    if (after !== this.#from) return matching(this.source.recent(after, this.to), prefix);
    const events = group === undefined ? this.#all : this.#groups.get(group);
    if (!events || prefix === group) return events ?? none;
    let found = this.#found.get(prefix);
    if (!found) this.#found.set(prefix, (found = matching(events, prefix)));
    return found;
  }

  #read(after: number): void {
    this.#from = after;
    this.#all = this.source.recent(after, this.to);
    for (const event of this.#all) {
      const group = groupOf(event.entry.key) ?? '';
      const others = this.#groups.get(group);
      if (others) others.push(event);
      else this.#groups.set(group, [event]);
    }
  }
}

const none: readonly StoredEvent[] = [];

/** A key's first three parts, `/registry/GROUP/RESOURCE/`; undefined for what is shorter. */
function groupOf(key: string): string | undefined {
  let end = 0;
  for (let part = 0; part < 3; part++) {
    end = key.indexOf('/', end + 1);
    if (end < 0) return undefined;
  }
  return key.slice(0, end + 1);
}

function matching(events: readonly StoredEvent[], prefix: string): readonly StoredEvent[] {
  return events.filter((event) => event.entry.key.startsWith(prefix));
}
