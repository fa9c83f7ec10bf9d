import type { KubeObject } from '../../api/meta.ts';
import { badRequest } from '../../api/status.ts';
import type { Query } from '../query.ts';
import { columnsOf } from '../registry/columnDescriptions.ts';
import type { Strategy } from '../registry/strategy.ts';

export type IncludeObject = 'None' | 'Metadata' | 'Object';

/** The ListMeta of a list answer. */
export interface ListMetadata {
  resourceVersion?: string;
  continue?: string;
  remainingItemCount?: number;
}

/** Throws 400. */
export function includeObjectOf(query: Query): IncludeObject {
  const value = query.get('includeObject') || 'Metadata';
  if (value === 'None' || value === 'Metadata' || value === 'Object') return value;
  throw badRequest(
    `Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(value)}: must be 'Metadata', 'Object', 'None', or empty`,
  );
}

export interface TableOptions {
  version: string;
  include: IncludeObject;
  now: number;
  /** Later events of a watch come without column definitions. */
  headers: boolean;
}

/** Objects as kubectl prints them. Mirrors k8s.io/apiserver/pkg/endpoints/handlers/response.go (asTable). */
export function tableOf(strategy: Strategy, objects: readonly KubeObject[], metadata: ListMetadata, options: TableOptions): KubeObject {
  const table = {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${options.version}`,
    metadata,
    columnDefinitions: options.headers ? columnsOf(strategy) : null,
    rows: objects.map((object) => rowOf(strategy, object, options)),
  };
  return table as KubeObject;
}

function rowOf(strategy: Strategy, object: KubeObject, { version, include, now }: TableOptions) {
  const cells = strategy.row(object, now);
  if (include === 'None') return { cells, object: null };
  return { cells, object: include === 'Object' ? object : partialOf(object, version) };
}

export function partialOf(object: KubeObject, version: string): KubeObject {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata: object.metadata };
}

export function partialListOf(objects: readonly KubeObject[], metadata: ListMetadata, version: string): KubeObject {
  const list = {
    kind: 'PartialObjectMetadataList',
    apiVersion: `meta.k8s.io/${version}`,
    metadata,
    items: objects.map((object) => partialOf(object, version)),
  };
  return list as KubeObject;
}
