import { computed, onScopeDispose, shallowRef, toValue, watch, type ComputedRef, type MaybeRefOrGetter } from 'vue';
import type { GroupVersionResource, KubeObject } from '../../main/api/meta.ts';
import { client, type ListFilter, type LiveList, type LivePhase } from '../client/index.ts';

export interface LiveItems<T> {
  items: ComputedRef<readonly T[]>;
  phase: ComputedRef<LivePhase>;
  error: ComputedRef<unknown>;
}

/** The objects of a collection, following the server for as long as the calling component lives. */
export function useLiveList<T extends KubeObject>(
  resource: MaybeRefOrGetter<GroupVersionResource | undefined>,
  filter: MaybeRefOrGetter<ListFilter> = {},
): LiveItems<T> {
  const list = shallowRef<LiveList<T>>();
  let release: (() => void) | undefined;
  watch(
    () => JSON.stringify([toValue(resource), toValue(filter)]),
    () => {
      const next = toValue(resource);
      const before = release;
      release = undefined;
      if (next) {
        const opened = client().lists.open<T>(next, toValue(filter));
        list.value = opened.list;
        release = opened.release;
      } else list.value = undefined;
      // Released after the next one is open, so that one and the same list is kept.
      before?.();
    },
    { immediate: true },
  );
  onScopeDispose(() => release?.());
  return {
    items: computed(() => list.value?.items.value ?? []),
    phase: computed(() => list.value?.phase.value ?? 'loading'),
    error: computed(() => list.value?.error.value),
  };
}
