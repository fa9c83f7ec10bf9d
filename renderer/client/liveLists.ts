import { resourcePath, type GroupVersionResource, type KubeObject } from '../../main/api/meta.ts';
import type { Api } from './api.ts';
import { browserTiming, LiveList, type Timing } from './liveList.ts';

export interface ListFilter {
  /** Absent: all namespaces. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** Objects come without spec and status. */
  metadataOnly?: boolean;
}

/** Long enough to step from a list to an object and back without listing again. */
const lingerMs = 5_000;

interface Entry {
  list: LiveList;
  users: number;
  cancelStop?: () => void;
}

/** One watch a kind and filter, however many screens look at it; dropped when none does. */
export class LiveLists {
  #entries = new Map<string, Entry>();

  constructor(
    private readonly api: Api,
    private readonly timing: Timing = browserTiming,
  ) {}

  /** Call `release` exactly once. */
  open<T extends KubeObject>(resource: GroupVersionResource, filter: ListFilter = {}): { list: LiveList<T>; release(): void } {
    const path = resourcePath(resource, filter.namespace);
    const query: Record<string, string> = {};
    if (filter.labelSelector) query.labelSelector = filter.labelSelector;
    if (filter.fieldSelector) query.fieldSelector = filter.fieldSelector;
    const { metadataOnly = false } = filter;
    const key = `${path}?${new URLSearchParams(query)}${metadataOnly ? ' metadata' : ''}`;
    let entry = this.#entries.get(key);
    if (!entry) {
      entry = { list: new LiveList(this.api, path, query, this.timing, metadataOnly), users: 0 };
      this.#entries.set(key, entry);
      entry.list.start();
    }
    entry.users++;
    entry.cancelStop?.();
    const opened = entry;
    return { list: opened.list as LiveList as LiveList<T>, release: () => this.#release(key, opened) };
  }

  /** How many collections are being watched. */
  get size(): number {
    return this.#entries.size;
  }

  #release(key: string, entry: Entry): void {
    if (--entry.users > 0) return;
    entry.cancelStop = this.timing.after(lingerMs, () => {
      if (entry.users > 0) return;
      entry.list.stop();
      this.#entries.delete(key);
    });
  }
}
