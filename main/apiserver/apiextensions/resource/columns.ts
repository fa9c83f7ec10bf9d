import type { CustomResourceColumnDefinition } from '../../../api/index.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { nameOf, since } from '../../registry/printers.ts';
import type { TableColumn } from '../../registry/strategy.ts';
import { jsonPath, type JsonPath } from './jsonPath.ts';

export interface Columns {
  columns: TableColumn[];
  row(object: KubeObject, now: number): unknown[];
}

const ageColumn: CustomResourceColumnDefinition = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  // Described as every kind's.
  description: '',
};

/** `kubectl get`'s columns of a custom resource. Mirrors apiextensions' pkg/registry/customresource/tableconvertor. */
export function columnsOf(definitions: readonly CustomResourceColumnDefinition[] | undefined): Columns {
  const readable: Array<{ column: CustomResourceColumnDefinition; path: JsonPath }> = [];
  for (const column of definitions?.length ? definitions : [ageColumn]) {
    try {
      readable.push({ column, path: jsonPath(column.jsonPath) });
    } catch {
      // A column that cannot be read ends the list of columns, as upstream.
      break;
    }
  }
  return {
    columns: [
      { name: 'Name', type: 'string', format: 'name', description: '', priority: 0 },
      ...readable.map(({ column }) => ({
        name: column.name,
        type: column.type as TableColumn['type'],
        format: column.format ?? '',
        description: column === ageColumn ? '' : column.description || `Custom resource definition column (in JSONPath format): ${column.jsonPath}`,
        priority: column.priority ?? 0,
      })),
    ],
    row: (object, now) => [nameOf(object), ...readable.map(({ column, path }) => cell(column.type, path(object), now))],
  };
}

function cell(type: string, [value]: unknown[], now: number): unknown {
  if (value === undefined || value === null) return null;
  switch (type) {
    case 'string':
      return typeof value === 'object' ? JSON.stringify(value) : String(value);
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      if (typeof value !== 'string') return null;
      return Number.isNaN(Date.parse(value)) ? '<invalid>' : since(value, now);
    default:
      return null;
  }
}
