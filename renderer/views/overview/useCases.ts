import { computed, onScopeDispose, shallowRef, watch, type ComputedRef } from 'vue';
import type { KubeObject } from '../../../main/api/meta.ts';
import { client, type LiveList } from '../../client/index.ts';
import { courts, type Accusation, type Case } from './accused.ts';

/** The objects that events accuse, each followed by itself for as long as it is accused: where all is well, nothing is asked for. */
export function useCases(accused: () => readonly Accusation[]): ComputedRef<Case[]> {
  const opened = shallowRef<ReadonlyMap<string, { list: LiveList; release(): void }>>(new Map());
  watch(
    () => accused().map(({ key }) => key).join(),
    () => {
      const next = new Map<string, { list: LiveList; release(): void }>();
      for (const { key, kind, namespace, name } of accused())
        next.set(key, opened.value.get(key) ?? client().lists.open<KubeObject>(courts[kind].resource, { namespace, fieldSelector: `metadata.name=${name}` }));
      for (const [key, { release }] of opened.value) if (!next.has(key)) release();
      opened.value = next;
    },
    { immediate: true },
  );
  onScopeDispose(() => opened.value.forEach(({ release }) => release()));
  return computed(() =>
    accused().flatMap((accusation) => {
      const object = opened.value.get(accusation.key)?.list.items.value.find(({ metadata }) => metadata?.uid === accusation.uid);
      return object ? [{ accusation, object }] : [];
    }),
  );
}
