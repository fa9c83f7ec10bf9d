import type { Status } from '../../api/index.ts';
import type { FieldError } from '../../api/status.ts';
import type { GroupVersionKind, KubeObject } from '../../api/meta.ts';
import { FieldErrors } from '../validation/field.ts';
import type { RequestContext, ResourceDefinition, Subresource, TableColumn } from './strategy.ts';

/* What the files of kinds share: short ways to say what a kind is. */

interface DefinitionOptions {
  namespaced?: boolean;
  singular?: string;
  shortNames?: string[];
  categories?: string[];
  verbs?: string[];
}

export function define(
  group: string,
  version: string,
  kind: string,
  resource: string,
  { namespaced = true, singular = kind.toLowerCase(), shortNames = [], categories = [], verbs }: DefinitionOptions = {},
): ResourceDefinition {
  return { group, version, kind, resource, namespaced, singular, listKind: `${kind}List`, shortNames, categories, ...(verbs ? { verbs } : {}) };
}

/** What a POST that makes nothing to be shown answers. */
export const created: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };

/** Columns from names; `!` behind a name shows it with `-o wide` only, `#` makes it an integer, `?` a boolean, `@` a date. */
export function columns(...names: string[]): TableColumn[] {
  return names.map((text) => {
    const name = text.replace(/[!#?@]+$/, '');
    const marks = text.slice(name.length);
    return {
      name,
      type: marks.includes('#') ? 'integer' : marks.includes('?') ? 'boolean' : marks.includes('@') ? 'date' : 'string',
      format: name === 'Name' ? 'name' : '',
      description: '',
      priority: marks.includes('!') ? 1 : 0,
    };
  });
}

/** Runs a validation and returns what it found. */
export function check(validate: (errors: FieldErrors) => void): FieldError[] {
  const errors = new FieldErrors();
  validate(errors);
  return errors.all;
}

type WithStatus = KubeObject & { spec?: unknown; status?: unknown };
type ObjectSubresource<T extends KubeObject> = Extract<Subresource<T>, { type: 'object' }>;

/**
 * `status`: writes nothing but the status, and the metadata that upstream lets through.
 * `keep` names metadata that stays as it was besides.
 */
export function statusSubresource<T extends WithStatus>(
  kind: GroupVersionKind,
  validate: (errors: FieldErrors, object: T, old: T) => void = () => {},
  keep: readonly StatusMetadata[] = [],
): ObjectSubresource<T> {
  return {
    type: 'object',
    kind: { group: kind.group, version: kind.version, kind: kind.kind },
    verbs: ['get', 'patch', 'update'],
    prepareForUpdate(_context: RequestContext, object: T, old: T) {
      for (const key of Object.keys({ ...old, ...object }) as (keyof T)[])
        if (key !== 'status' && key !== 'metadata' && key !== 'apiVersion' && key !== 'kind') object[key] = old[key];
      for (const key of keep) restore(object, old, key);
    },
    validateUpdate: (_context, object, old) => check((errors) => validate(errors, object, old)),
  };
}

type StatusMetadata = 'annotations' | 'finalizers' | 'labels' | 'ownerReferences';

/** All that a client may write of metadata (upstream: meta/v1/helpers.go, ResetObjectMetaForStatus). */
export const clientMetadata: readonly StatusMetadata[] = ['annotations', 'finalizers', 'labels', 'ownerReferences'];

function restore(object: KubeObject, old: KubeObject, key: StatusMetadata): void {
  const metadata = (object.metadata ??= {}) as Record<string, unknown>;
  metadata[key] = old.metadata?.[key];
}

/** `scale` of a workload: replicas in the spec, a selector and a count in the status. */
export function scaleSubresource<
  T extends KubeObject & {
    spec?: { replicas?: number };
    status?: { replicas?: number };
  },
>(selectorOf: (object: T) => string): Subresource<T> {
  return {
    type: 'view',
    kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
    verbs: ['get', 'patch', 'update'],
    get(object) {
      const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata ?? {};
      const selector = selectorOf(object);
      const scale: ScaleView = {
        kind: 'Scale',
        apiVersion: 'autoscaling/v1',
        metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
        spec: { replicas: object.spec?.replicas ?? 0 },
        status: { replicas: object.status?.replicas ?? 0, ...(selector ? { selector } : {}) },
      };
      return scale;
    },
    apply(object, view) {
      (object.spec ??= {}).replicas = (view as ScaleView).spec?.replicas ?? 0;
    },
    validate: (view) =>
      check((errors) => {
        const replicas = (view as ScaleView).spec?.replicas ?? 0;
        if (replicas < 0) errors.invalid('spec.replicas', replicas, 'must be greater than or equal to 0');
      }),
  };
}

type ScaleView = KubeObject & { spec?: { replicas?: number }; status?: { replicas: number; selector?: string } };
