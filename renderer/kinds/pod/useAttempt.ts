import { shallowRef, toValue, watch, type MaybeRefOrGetter, type ShallowRef } from 'vue';
import type { Attempt } from '../../../main/api/attempt.ts';
import type { Pod } from '../../../main/api/index.ts';
import { client } from '../../client/index.ts';
import { useNow } from '../../composables/useNow.ts';

/** While a pod waits, what holds its place may change without a word of the pod. */
const refreshAfter = 5_000;

/**
 * What the scheduler thought of each node when it last looked for a place for this pod. Undefined where it has not, has
 * forgotten it, or is another cluster's scheduler that keeps no such record.
 */
export function useAttempt(pod: MaybeRefOrGetter<Pod>): Readonly<ShallowRef<Attempt | undefined>> {
  const now = useNow();
  const attempt = shallowRef<Attempt>();
  watch(
    () => {
      const { metadata, spec } = toValue(pod);
      const turn = spec?.nodeName ? 0 : Math.floor(now.value / refreshAfter);
      return [metadata?.uid, spec?.nodeName, metadata?.resourceVersion, turn] as const;
    },
    async ([uid, node], before) => {
      if (uid !== before?.[0]) attempt.value = undefined;
      // Where a pod has its place, one answer is the last word.
      if (!uid || (node && attempt.value?.node === node)) return;
      const answer = await client().api.get<Attempt>(`/debug/scheduler/attempt?uid=${encodeURIComponent(uid)}`).catch(() => undefined);
      if (toValue(pod).metadata?.uid === uid) attempt.value = answer;
    },
    { immediate: true },
  );
  return attempt;
}
