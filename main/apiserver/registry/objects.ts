import type { GroupVersionResource, KubeObject } from '../../api/meta.ts';
import type { Store } from '../../store/index.ts';
import { rootOf } from './keys.ts';
import { objectOf } from './stored.ts';
import type { Objects } from './strategy.ts';

/** Reads straight from the store, without authorization: for strategies and admission. */
export function objectsOf(store: Store): Objects {
  return {
    async get<T extends KubeObject>(resource: GroupVersionResource, namespace: string, name: string): Promise<T | undefined> {
      const key = rootOf(resource) + (namespace ? `${namespace}/` : '') + name;
      let entry = await store.get(key);
      if (!entry) {
        // Another engine may have written it a moment ago.
        await store.fresh();
        entry = await store.get(key);
      }
      return entry && objectOf<T>(entry);
    },
    async list<T extends KubeObject>(resource: GroupVersionResource, namespace?: string): Promise<T[]> {
      const prefix = rootOf(resource) + (namespace ? `${namespace}/` : '');
      // Most namespaces have no quota, no limit range and the like, and every write asks.
      if (store.count(prefix) === 0) return [];
      const { entries } = await store.list(prefix);
      return entries.map((entry) => objectOf<T>(entry));
    },
  };
}
