import { columnsData } from '../../api/generated/columnsData.ts';
import type { GroupVersionResource } from '../../api/meta.ts';
import type { Strategy, TableColumn } from './strategy.ts';

let texts: Record<string, Record<string, string>> | undefined;

/** What a column of a built-in kind's table is for; without a kind, of every kind's. */
export function columnDescription(name: string, { group, resource }: Omit<GroupVersionResource, 'version'> = { group: '', resource: '' }): string {
  texts ??= JSON.parse(columnsData) as Record<string, Record<string, string>>;
  return texts[group ? `${resource}.${group}` : resource]?.[name] ?? texts['']![name] ?? '';
}

const described = new WeakMap<Strategy, readonly TableColumn[]>();

/** The columns of a kind's table with their descriptions, which nobody reads before a table is asked for. */
export function columnsOf(strategy: Strategy): readonly TableColumn[] {
  let columns = described.get(strategy);
  if (!columns) {
    columns = strategy.columns.map((column) => ({ ...column, description: column.description || columnDescription(column.name, strategy.definition) }));
    described.set(strategy, columns);
  }
  return columns;
}
