import { computed, type ComputedRef, type Ref } from 'vue';
import type { KubeObject } from '../../../main/api/meta.ts';
import type { LivePhase, Resource } from '../../client/index.ts';
import type { Column, GridLayout } from '../../components/grid/types.ts';
import { useLiveList } from '../../composables/useLiveList.ts';
import { kindScreens } from '../../kinds/index.ts';
import { useTable } from './useTable.ts';

export interface ListRows {
  columns: ComputedRef<readonly Column<KubeObject>[]>;
  rows: ComputedRef<readonly KubeObject[]>;
  phase: ComputedRef<LivePhase>;
  error: ComputedRef<unknown>;
  initialSort: ComputedRef<GridLayout['sort']>;
}

/** The rows of a list: by the kind's own columns, or by the server's table where the kind has none. */
export function useListRows(kind: Ref<Resource | undefined>, namespace: Ref<string>, selector: Ref<string>): ListRows {
  const filter = computed(() => ({
    ...(namespace.value ? { namespace: namespace.value } : {}),
    ...(selector.value ? { labelSelector: selector.value } : {}),
  }));
  const live = useLiveList<KubeObject>(kind, filter);
  const screens = computed(() => kind.value && kindScreens.list(kind.value));
  const table = useTable(kind, filter, live.items, () => screens.value === undefined);
  const all = computed(() => screens.value?.columns ?? table.columns.value);
  return {
    // One namespace needs no column to say so.
    columns: computed(() => (namespace.value ? all.value.filter(({ id }) => id !== 'namespace') : all.value)),
    rows: live.items,
    phase: live.phase,
    error: live.error,
    initialSort: computed(() => screens.value?.sort ?? { column: 'name', descending: false }),
  };
}
