import type { KubeObject } from '../../main/api/meta.ts';
import type { Resource } from '../client/index.ts';
import type { Column } from '../components/grid/types.ts';
import { routeOfObject } from '../routes.ts';

export function nameColumn<T extends KubeObject>(resource: Resource): Column<T> {
  return {
    id: 'name',
    title: 'column.name',
    width: 180,
    grow: 3,
    text: (object) => object.metadata?.name ?? '',
    to: (object) => routeOfObject(resource, object),
  };
}

export function ageColumn<T extends KubeObject>(): Column<T> {
  return {
    id: 'age',
    title: 'column.age',
    width: 76,
    text: (object) => object.metadata?.creationTimestamp ?? '',
    time: (object) => object.metadata?.creationTimestamp,
  };
}

export function namespaceColumn<T extends KubeObject>(): Column<T> {
  return { id: 'namespace', title: 'column.namespace', width: 104, grow: 1, text: (object) => object.metadata?.namespace ?? '' };
}

export function labelsColumn<T extends KubeObject>(): Column<T> {
  return {
    id: 'labels',
    title: 'column.labels',
    width: 240,
    grow: 2,
    optional: true,
    text: (object) => labelText(object.metadata?.labels),
  };
}

export function labelText(labels: Record<string, string> | undefined): string {
  return Object.entries(labels ?? {})
    .map(([key, value]) => (value === '' ? key : `${key}=${value}`))
    .join(', ');
}

/** A number as text, sorted as a number. */
export function countColumn<T extends KubeObject>(id: string, title: string, count: (object: T) => number | undefined): Column<T> {
  return {
    id,
    title,
    width: 92,
    align: 'end',
    text: (object) => String(count(object) ?? ''),
    sortBy: (object) => count(object) ?? -1,
  };
}
