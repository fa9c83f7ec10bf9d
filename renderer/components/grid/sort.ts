import type { Column, GridLayout } from './types.ts';

/** The rows in the order the user asked for; equal ones keep the order they came in. */
export function sortRows<Row>(rows: readonly Row[], columns: readonly Column<Row>[], sort: GridLayout['sort']): readonly Row[] {
  const column = columns.find(({ id }) => id === sort?.column);
  if (!column || !sort) return rows;
  const by = sortKey(column);
  const keyed = rows.map((row) => ({ row, key: by(row) }));
  const sign = sort.descending ? -1 : 1;
  keyed.sort((a, b) => (a.key < b.key ? -sign : a.key > b.key ? sign : 0));
  return keyed.map(({ row }) => row);
}

function sortKey<Row>(column: Column<Row>): (row: Row) => string | number {
  if (column.sortBy) return (row) => column.sortBy!(row);
  // The younger is the smaller age.
  if (column.time) return (row) => -Date.parse(column.time!(row) ?? '') || 0;
  if (column.status) return (row) => column.status!(row).text;
  return (row) => column.text(row);
}
