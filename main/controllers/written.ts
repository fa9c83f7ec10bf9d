import type { KubeObject } from '../api/meta.ts';
import type { Informer } from '../client/index.ts';

/**
 * Whether a cache has seen a controller's own last write about a key. Until it has, acting on it would write the same
 * once more; its event, when it comes, wakes the controller again.
 */
export class WrittenRevisions {
  readonly #revisions = new Map<string, number>();

  constructor(private readonly informer: Informer<KubeObject>) {}

  wrote(key: string, object: KubeObject): void {
    const revision = Number(object.metadata?.resourceVersion);
    if (revision > (this.#revisions.get(key) ?? 0)) this.#revisions.set(key, revision);
  }

  /** Whether the cache is at least as new as what was last written about `key`. */
  seen(key: string): boolean {
    const revision = this.#revisions.get(key);
    if (revision === undefined) return true;
    if (Number(this.informer.resourceVersion) < revision) return false;
    this.#revisions.delete(key);
    return true;
  }
}
