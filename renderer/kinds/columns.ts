import type { KubeObject } from '../../main/api/meta.ts';
import type { Resource } from '../client/index.ts';
import type { Column, StatusText } from '../components/grid/types.ts';
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
    keep: 3,
    text: (object) => object.metadata?.creationTimestamp ?? '',
    time: (object) => object.metadata?.creationTimestamp,
  };
}

export function namespaceColumn<T extends KubeObject>(): Column<T> {
  return { id: 'namespace', title: 'column.namespace', width: 104, grow: 1, below: true, text: (object) => object.metadata?.namespace ?? '' };
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

/**
 * The columns of a kind whose objects have a state in a word: name, namespace where it has them, and state, then those
 * of its own, then labels and age. `width`, in pixels, is that of the state.
 */
export function stateColumns<T extends KubeObject>(resource: Resource, status: (object: T) => StatusText, own: readonly Column<T>[], width = 140): Column<T>[] {
  return [
    nameColumn(resource),
    ...(resource.namespaced ? [namespaceColumn<T>()] : []),
    { id: 'status', title: 'column.status', width, grow: 1, keep: 5, text: (object) => status(object).text, status },
    ...own,
    labelsColumn(),
    ageColumn(),
  ];
}

/** How many are ready, of how many that should be. */
export function readyColumn<T extends KubeObject>(ready: (object: T) => number | undefined, wanted: (object: T) => number): Column<T> {
  return { id: 'ready', title: 'column.ready', width: 76, keep: 4, text: (object) => `${ready(object) ?? 0}/${wanted(object)}`, sortBy: (object) => ready(object) ?? 0 };
}
