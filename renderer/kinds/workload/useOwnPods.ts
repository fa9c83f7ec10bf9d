import { computed, type ComputedRef } from 'vue';
import type { Pod } from '../../../main/api/index.ts';
import { controllerOf, type KubeObject } from '../../../main/api/meta.ts';
import { core } from '../../client/index.ts';
import { useLiveList } from '../../composables/useLiveList.ts';

/** The pods that an object manages itself, without another controller between. */
export function useOwnPods(owner: () => KubeObject): ComputedRef<Pod[]> {
  const all = useLiveList<Pod>(core.pods, () => ({ namespace: owner().metadata?.namespace ?? '' }));
  return computed(() => all.items.value.filter((pod) => controllerOf(pod)?.uid === owner().metadata?.uid));
}
