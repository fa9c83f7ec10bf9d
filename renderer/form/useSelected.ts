import { computed, type ComputedRef } from 'vue';
import type { Pod } from '../../main/api/index.ts';
import { core } from '../client/index.ts';
import { useLiveList } from '../composables/useLiveList.ts';
import { useShell } from '../stores/shell.ts';
import type { FormContext } from './context.ts';

/**
 * How many pods of the form's namespace have the labels at `path`, as they stand now: the fault that most selectors have is
 * to find none. Undefined while there are none to look for, and while a label is half typed.
 */
export function useSelected(fields: FormContext, path: string): ComputedRef<number | undefined> {
  const shell = useShell();
  const pods = useLiveList<Pod>(
    () => (shell.running ? core.pods : undefined),
    () => ({ namespace: fields.get<string>('metadata.namespace') || 'default' }),
  );
  return computed(() => {
    const wanted = Object.entries(fields.get<Record<string, string>>(path) ?? {}).filter(([, value]) => value !== '');
    if (wanted.length === 0) return undefined;
    return pods.items.value.filter(({ metadata }) => wanted.every(([key, value]) => metadata?.labels?.[key] === String(value))).length;
  });
}
