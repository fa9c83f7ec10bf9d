import { shallowRef, type ShallowRef } from 'vue';
import { failure, StatusError } from '../../main/api/status.ts';
import type { ListMeta, Status } from '../../main/api/index.ts';
import type { KubeObject } from '../../main/api/meta.ts';
import type { WatchHandle } from '../../preload/contract.ts';
import { isGone, type Api } from './api.ts';

/** When things happen; tests give their own. */
export interface Timing {
  after(ms: number, fn: () => void): () => void;
  random(): number;
}

export const browserTiming: Timing = {
  after(ms, fn) {
    const timer = setTimeout(fn, ms);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};

export type LivePhase =
  /** The first list is on its way. */
  | 'loading'
  /** What is shown follows the server. */
  | 'live'
  /** What is shown may be old; another try is on its way. */
  | 'retrying'
  /** The server refuses (forbidden, no such kind); tried again seldom. */
  | 'refused';

interface ListAnswer<T> {
  kind?: string;
  apiVersion?: string;
  metadata?: ListMeta;
  items?: T[] | null;
}

type WatchEvent<T> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }
  | { type: 'BOOKMARK'; object: KubeObject }
  | { type: 'ERROR'; object: Status };

/** What a list and its watch accept where objects come without spec and status. */
const metadataForms = ['PartialObjectMetadataList', 'PartialObjectMetadata'].map((form) => `application/json;as=${form};v=v1;g=meta.k8s.io`);

const pageSize = 500;
const firstRetry = 500;
const longestRetry = 15_000;
const patience = 3;

/**
 * One collection, listed page by page and then followed by a watch. A watch that ends goes on from the last
 * resource version; what the server has forgotten (410) is listed again. Objects are shared: never change them.
 * They carry no managedFields, which nobody lists and which are a third of their weight.
 */
export class LiveList<T extends KubeObject = KubeObject> {
  readonly items: ShallowRef<readonly T[]> = shallowRef([]);
  readonly phase: ShallowRef<LivePhase> = shallowRef('loading');
  readonly error: ShallowRef<unknown> = shallowRef();

  #objects = new Map<string, T>();
  #version = '';
  #watch: WatchHandle | undefined;
  #cancelTimer: (() => void) | undefined;
  #flushing = false;
  #failures = 0;
  #running = false;

  constructor(
    private readonly api: Api,
    private readonly path: string,
    private readonly query: Readonly<Record<string, string>> = {},
    private readonly timing: Timing = browserTiming,
    /** Objects come with their metadata alone. */
    private readonly metadataOnly = false,
  ) {}

  start(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#relist();
  }

  stop(): void {
    this.#running = false;
    this.#watch?.cancel();
    this.#cancelTimer?.();
  }

  get(namespace: string | undefined, name: string): T | undefined {
    return this.#objects.get(`${namespace ?? ''}/${name}`);
  }

  async #relist(): Promise<void> {
    const listed = new Map<string, T>();
    try {
      let next: string | undefined;
      let shown = 0;
      do {
        const page: ListAnswer<T> = await this.api.get(this.#address({ limit: String(pageSize), ...(next ? { continue: next } : {}) }), this.metadataOnly ? metadataForms[0] : undefined);
        if (!this.#running) return;
        const kind = page.kind?.replace(/List$/, '');
        for (const item of page.items ?? []) listed.set(keyOf(item), lighten(item, page.apiVersion, kind));
        next = page.metadata?.continue || undefined;
        this.#version = page.metadata?.resourceVersion ?? '';
        if (next && this.phase.value === 'loading' && listed.size >= 2 * shown) {
          // A long first list shows what has come so far, and draws it the less often the more that is.
          shown = listed.size;
          this.#objects = listed;
          this.#publish();
        }
      } while (next);
    } catch (error) {
      if (this.#running) this.#retry(error, () => void this.#relist());
      return;
    }
    this.#objects = listed;
    this.#publish();
    this.#follow();
  }

  #follow(): void {
    if (!this.#running) return;
    let gone = false;
    let heard = false;
    this.#watch = this.api.bridge.watch(
      this.#address({ watch: '1', allowWatchBookmarks: 'true', resourceVersion: this.#version }),
      (line) => {
        const event = JSON.parse(line) as WatchEvent<T>;
        if (event.type === 'ERROR') {
          gone = event.object.code === 410;
          return;
        }
        if (!heard) {
          heard = true;
          this.#settled();
        }
        this.#take(event);
      },
      (error) => {
        if (!this.#running) return;
        if (gone || isExpired(error)) void this.#relist();
        else if (error === undefined) this.#retryQuietly(() => this.#follow());
        // A watch that cannot be had again and again may be asking for what is no longer kept: a list is always right.
        else this.#retry(asError(error), () => (this.#failures > patience ? void this.#relist() : this.#follow()));
      },
      this.metadataOnly ? metadataForms[1] : undefined,
    );
    // A watch that starts says nothing until something happens: silence is health.
    if (this.phase.value === 'loading' || this.#failures === 0) this.#settled();
    else this.#cancelTimer = this.timing.after(1_000, () => this.#settled());
  }

  #settled(): void {
    this.#failures = 0;
    this.phase.value = 'live';
    this.error.value = undefined;
  }

  #take(event: Exclude<WatchEvent<T>, { type: 'ERROR' }>): void {
    this.#version = event.object.metadata?.resourceVersion ?? this.#version;
    if (event.type === 'BOOKMARK') return;
    const key = keyOf(event.object);
    if (event.type === 'DELETED') this.#objects.delete(key);
    else this.#objects.set(key, lighten(event.object));
    this.#flushSoon();
  }

  /** Many events become one change of the screen: at most one a frame, and fewer when there is much to draw. */
  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    const size = this.#objects.size;
    this.timing.after(size < 500 ? 16 : size < 5_000 ? 100 : 250, () => this.#publish());
  }

  #publish(): void {
    this.#flushing = false;
    this.items.value = [...this.#objects.values()];
  }

  #retryQuietly(next: () => void): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.timing.after(this.#pause(), next);
  }

  #retry(error: unknown, next: () => void): void {
    const refused = error instanceof StatusError && error.code >= 400 && error.code < 500 && error.code !== 429 && !isGone(error);
    this.phase.value = refused ? 'refused' : this.phase.value === 'loading' ? 'loading' : 'retrying';
    this.error.value = error;
    if (refused) this.#failures = Math.max(this.#failures, 5);
    this.#retryQuietly(next);
  }

  #pause(): number {
    const ceiling = Math.min(longestRetry, firstRetry * 2 ** this.#failures++);
    return ceiling * (0.5 + this.timing.random() / 2);
  }

  #address(extra: Record<string, string>): string {
    return `${this.path}?${new URLSearchParams({ ...this.query, ...extra })}`;
  }
}

const keyOf = (object: KubeObject) => `${object.metadata?.namespace ?? ''}/${object.metadata?.name ?? ''}`;

function lighten<T extends KubeObject>(object: T, apiVersion?: string, kind?: string): T {
  // These objects were parsed a moment ago and belong to nobody else yet.
  if (object.metadata) delete object.metadata.managedFields;
  object.apiVersion ??= apiVersion;
  object.kind ??= kind;
  return object;
}

function isExpired(error: string | undefined): boolean {
  // Bridges hand on the server's message where there is no Status.
  return error !== undefined && (isGone(asError(error)) || /too old resource version|^Gone|Expired/.test(error));
}

/** A bridge reports why a watch ended as a Status in JSON where the server sent one, else as a sentence. */
function asError(text: string): unknown {
  try {
    const status = JSON.parse(text) as Status;
    if (status.kind === 'Status') return new StatusError(status);
  } catch {
    // A sentence, not a Status.
  }
  return failure(0, '', text);
}
