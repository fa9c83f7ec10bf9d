import type { OwnerReference } from '../api/index.ts';
import { LruMap } from '../util/lru.ts';

const capacity = 500;

/**
 * Owners that are known not to be there: the many dependents of one need not ask for it one by one, and that one was
 * seen to go is known even when nobody serves its kind any more. Mirrors absentOwnerCache of
 * pkg/controller/garbagecollector.
 */
export class AbsentOwners {
  readonly #known = new LruMap<string, true>(capacity);

  /** `namespace` is '' for an owner of the whole cluster. */
  add(owner: OwnerReference, namespace: string): void {
    this.#known.set(keyOf(owner, namespace), true);
  }

  /** Whether what a dependent in `namespace` calls so is not there. */
  has(owner: OwnerReference, namespace: string): boolean {
    return !!(this.#known.get(keyOf(owner, '')) ?? this.#known.get(keyOf(owner, namespace)));
  }
}

const keyOf = ({ apiVersion, kind, name, uid }: OwnerReference, namespace: string) => [apiVersion, kind, namespace, name, uid].join(' ');
