import { computed, type ComputedRef } from 'vue';
import type { Pod } from '../../../main/api/index.ts';
import { controllerOf, type KubeObject } from '../../../main/api/meta.ts';
import { core, type Resource } from '../../client/index.ts';
import { useLiveList } from '../../composables/useLiveList.ts';

/** The objects of a kind that an object manages itself, without another controller between. */
export function useOwn<T extends KubeObject>(resource: Resource, owner: () => KubeObject): ComputedRef<T[]> {
  const all = useLiveList<T>(resource, () => ({ namespace: owner().metadata?.namespace ?? '' }));
  return computed(() => all.items.value.filter((object) => controllerOf(object)?.uid === owner().metadata?.uid));
}

export const useOwnPods = (owner: () => KubeObject): ComputedRef<Pod[]> => useOwn<Pod>(core.pods, owner);
