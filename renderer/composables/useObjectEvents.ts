import { computed, toValue, type ComputedRef, type MaybeRefOrGetter } from 'vue';
import type { Event } from '../../main/api/index.ts';
import type { KubeObject } from '../../main/api/meta.ts';
import { core, type LivePhase } from '../client/index.ts';
import { byLastSeen } from '../kinds/event/time.ts';
import { useLiveList } from './useLiveList.ts';

/** The events that speak of one object, the latest first. */
export function useObjectEvents(object: MaybeRefOrGetter<KubeObject>): { events: ComputedRef<readonly Event[]>; phase: ComputedRef<LivePhase> } {
  const { items, phase } = useLiveList<Event>(core.events, () => {
    const { namespace, name } = toValue(object).metadata ?? {};
    return { ...(namespace ? { namespace } : {}), fieldSelector: `involvedObject.name=${name ?? ''}` };
  });
  return { events: computed(() => items.value.filter((event) => isAbout(event, toValue(object))).sort(byLastSeen)), phase };
}

/** Not of another object that has or had the same name. A node's events carry its name as their uid, those of evictions for taints none. */
function isAbout({ involvedObject: { kind, uid } }: Event, object: KubeObject): boolean {
  const { uid: own, name } = object.metadata ?? {};
  return uid ? uid === own || (kind === 'Node' && object.kind === 'Node' && uid === name) : kind === object.kind;
}
