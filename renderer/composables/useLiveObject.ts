import { computed, shallowRef, toValue, watch, type ComputedRef, type MaybeRefOrGetter } from 'vue';
import type { KubeObject } from '../../main/api/meta.ts';
import type { Resource } from '../client/index.ts';
import { useLiveList } from './useLiveList.ts';
import type { LivePhase } from '../client/index.ts';

export interface LiveObject<T> {
  object: ComputedRef<T | undefined>;
  /** It was there and is no more; `object` keeps what was last seen. */
  deleted: ComputedRef<boolean>;
  phase: ComputedRef<LivePhase>;
  error: ComputedRef<unknown>;
}

/** One object, followed by its name for as long as the calling component lives. */
export function useLiveObject<T extends KubeObject>(
  resource: MaybeRefOrGetter<Resource | undefined>,
  namespace: MaybeRefOrGetter<string | undefined>,
  name: MaybeRefOrGetter<string>,
): LiveObject<T> {
  const { items, phase, error } = useLiveList<T>(resource, () => ({
    ...(toValue(namespace) ? { namespace: toValue(namespace)! } : {}),
    fieldSelector: `metadata.name=${toValue(name)}`,
  }));
  const last = shallowRef<T>();
  const current = computed(() => items.value.find((item) => item.metadata?.name === toValue(name)));
  watch(current, (object) => object && (last.value = object), { immediate: true });
  watch([() => toValue(resource), () => toValue(namespace), () => toValue(name)], () => (last.value = current.value));
  return {
    object: computed(() => current.value ?? last.value),
    deleted: computed(() => phase.value === 'live' && !current.value && last.value !== undefined),
    phase,
    error,
  };
}
