import { computed, toValue, type ComputedRef, type MaybeRefOrGetter } from 'vue';
import type { Event } from '../../main/api/index.ts';
import type { KubeObject } from '../../main/api/meta.ts';
import { core, type LivePhase } from '../client/index.ts';
import { byLastSeen } from '../kinds/event/time.ts';
import { useLiveList } from './useLiveList.ts';

/** The events that speak of one object, the latest first. */
export function useObjectEvents(object: MaybeRefOrGetter<KubeObject>): { events: ComputedRef<readonly Event[]>; phase: ComputedRef<LivePhase> } {
  const { items, phase } = useLiveList<Event>(core.events, () => {
    const { namespace, uid } = toValue(object).metadata ?? {};
    return { ...(namespace ? { namespace } : {}), fieldSelector: `involvedObject.uid=${uid ?? ''}` };
  });
  // A node's events carry its name as their uid.
  const byName = useLiveList<Event>(
    () => (toValue(object).kind === 'Node' ? core.events : undefined),
    () => ({ fieldSelector: `involvedObject.uid=${toValue(object).metadata?.name ?? ''}` }),
  );
  return { events: computed(() => [...items.value, ...byName.items.value].sort(byLastSeen)), phase };
}
