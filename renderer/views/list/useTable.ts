import { computed, onScopeDispose, shallowRef, watch, type ComputedRef, type Ref } from 'vue';
import { resourcePath, type KubeObject } from '../../../main/api/meta.ts';
import { client, type ListFilter, type Resource } from '../../client/index.ts';
import type { Column } from '../../components/grid/types.ts';
import { ageColumn, labelsColumn, nameColumn, namespaceColumn } from '../../kinds/columns.ts';

interface TableAnswer {
  kind?: string;
  columnDefinitions?: { name: string; type: string; format?: string; description?: string; priority?: number }[];
  rows?: { cells: unknown[]; object?: KubeObject }[];
}

type Cell = string | number | boolean | null;

/** The server prints a table anew only so often, however fast its objects change. */
const pauseMs = 700;

/**
 * Columns for a kind without a list of its own, as the server's table prints them (`kubectl get`). Objects come
 * from the live list; the table is asked for again when they have changed.
 */
export function useTable(
  kind: Ref<Resource | undefined>,
  filter: Ref<ListFilter>,
  items: Ref<readonly KubeObject[]>,
  wanted: () => boolean,
): { columns: ComputedRef<readonly Column<KubeObject>[]> } {
  const table = shallowRef<TableAnswer>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asked = 0;

  async function load(resource: Resource) {
    const ask = ++asked;
    const query = filter.value.labelSelector ? `?${new URLSearchParams({ labelSelector: filter.value.labelSelector })}` : '';
    const answer = await client()
      .api.table<TableAnswer>(resourcePath(resource, filter.value.namespace) + query)
      // The live list of the same collection shows what is wrong.
      .catch(() => undefined);
    if (ask === asked && answer?.kind === 'Table') table.value = answer;
  }

  watch([kind, filter, wanted], () => (table.value = undefined));
  watch(
    [kind, filter, items, wanted],
    () => {
      const resource = kind.value;
      if (!resource || !wanted()) return;
      if (!table.value) void load(resource);
      else
        timer ??= setTimeout(() => {
          timer = undefined;
          if (kind.value === resource) void load(resource);
        }, pauseMs);
    },
    { immediate: true },
  );
  onScopeDispose(() => clearTimeout(timer));

  const cells = computed(() => {
    const byKey = new Map<string, readonly Cell[]>();
    for (const row of table.value?.rows ?? [])
      byKey.set(`${row.object?.metadata?.namespace ?? ''}/${row.object?.metadata?.name ?? ''}`, row.cells as Cell[]);
    return byKey;
  });

  const columns = computed<readonly Column<KubeObject>[]>(() => {
    const resource = kind.value;
    if (!resource) return [];
    const printed = (table.value?.columnDefinitions ?? []).flatMap((definition, index) => {
      if (definition.format === 'name' || /^(name|age)$/i.test(definition.name)) return [];
      const cell = (object: KubeObject) =>
        cells.value.get(`${object.metadata?.namespace ?? ''}/${object.metadata?.name ?? ''}`)?.[index] ?? null;
      const column: Column<KubeObject> = {
        id: `table.${definition.name}`,
        title: definition.name,
        literal: true,
        width: Math.max(96, definition.name.length * 9 + 24),
        grow: 1,
        text: (object) => String(cell(object) ?? ''),
        ...(definition.priority ? { optional: true } : {}),
        ...(definition.type === 'integer' || definition.type === 'number'
          ? { align: 'end' as const, sortBy: (object: KubeObject) => Number(cell(object) ?? -1) }
          : {}),
      };
      return [column];
    });
    return [nameColumn(resource), ...(resource.namespaced ? [namespaceColumn()] : []), ...printed, labelsColumn(), ageColumn()];
  });
  return { columns };
}
