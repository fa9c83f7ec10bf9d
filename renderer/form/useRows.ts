import { computed, ref, watch, type ComputedRef, type Ref } from 'vue';

export interface Row {
  /** Stays the row's own while others come and go. */
  id: number;
  key: string;
  value: string;
}

export interface Rows {
  rows: Ref<Row[]>;
  add(): void;
  /** Adds a row, or takes the place of the one with that key. */
  put(key: string, value: string): void;
  remove(id: number): void;
  /** To be called after a row was changed. */
  write(): void;
  /** Why a row is not in the map: its key is another's, or missing. */
  problem: ComputedRef<(row: Row) => 'duplicate' | 'missing' | undefined>;
}

/**
 * A map of texts as rows. Rows have a life of their own: a key that is half typed does not swallow its neighbour, and
 * of two rows with one key the first is kept.
 */
export function useRows(stored: () => Readonly<Record<string, string>>, save: (map: Record<string, string>) => void): Rows {
  const rows = ref<Row[]>([]);
  let nextId = 1;
  const first = (row: Row) => rows.value.find(({ key }) => key === row.key) === row;
  const asMap = () => Object.fromEntries(rows.value.filter((row) => row.key !== '' && first(row)).map(({ key, value }) => [key, value]));
  const sameMap = (a: Record<string, string>, b: Record<string, string>) => {
    const keys = Object.keys(a);
    return keys.length === Object.keys(b).length && keys.every((key) => b[key] === a[key]);
  };

  watch(
    stored,
    (now) => {
      if (sameMap(asMap(), now)) return;
      const known = new Map(rows.value.map((row) => [row.key, row.id]));
      rows.value = Object.entries(now).map(([key, value]) => ({ id: known.get(key) ?? nextId++, key, value }));
    },
    { immediate: true },
  );

  const write = () => save(asMap());
  return {
    rows,
    add: () => void rows.value.push({ id: nextId++, key: '', value: '' }),
    put(key, value) {
      const row = rows.value.find((each) => each.key === key) ?? rows.value.find((each) => each.key === '' && each.value === '');
      if (row) Object.assign(row, { key, value });
      else rows.value.push({ id: nextId++, key, value });
      write();
    },
    remove(id) {
      rows.value = rows.value.filter((row) => row.id !== id);
      write();
    },
    write,
    problem: computed(() => (row) => (row.key === '' ? (row.value === '' ? undefined : 'missing') : first(rows.value.find(({ id }) => id === row.id) ?? row) ? undefined : 'duplicate')),
  };
}
