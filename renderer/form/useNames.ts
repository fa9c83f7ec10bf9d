import { computed, type ComputedRef } from 'vue';
import type { GroupVersionResource, KubeObject } from '../../main/api/meta.ts';
import { useLiveList } from '../composables/useLiveList.ts';
import { useShell } from '../stores/shell.ts';

/** The names of a kind's objects in a namespace, for fields that refer to them. */
export function useNames(resource: GroupVersionResource, namespace: () => string | undefined): { names: ComputedRef<string[]>; find(name: string | undefined): KubeObject | undefined } {
  const shell = useShell();
  const list = useLiveList<KubeObject>(
    () => (shell.running ? resource : undefined),
    () => {
      const chosen = namespace();
      return chosen ? { namespace: chosen } : {};
    },
  );
  return {
    names: computed(() => list.items.value.map(({ metadata }) => metadata?.name ?? '').sort()),
    find: (name) => list.items.value.find(({ metadata }) => metadata?.name === name),
  };
}
