import { isQualifiedName } from '../../../api/names.ts';
import type { Namespace } from '../../../api/index.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { check, columns, define, statusSubresource } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/core/namespace/strategy.go. */

const definition = define('', 'v1', 'Namespace', 'namespaces', {
  namespaced: false,
  shortNames: ['ns'],
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
});

function nameAsLabel({ metadata }: Namespace): void {
  if (metadata?.name) metadata.labels = { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name };
}

export const namespace: Strategy<Namespace> = {
  definition,
  hasGeneration: false,
  nameRule: 'dnsLabel',
  judgedAgain: true,
  allowUnconditionalUpdate: true,
  defaults(object) {
    nameAsLabel(object);
    (object.status ??= {}).phase ||= 'Active';
    object.spec ??= {};
  },
  prepareForCreate(_context, object) {
    object.status = { phase: 'Active' };
    // A generated name was not known yet when defaults were given.
    nameAsLabel(object);
    const finalizers = ((object.spec ??= {}).finalizers ??= []);
    // Without it a namespace would be gone before its contents are.
    if (!finalizers.includes('kubernetes')) finalizers.push('kubernetes');
  },
  prepareForUpdate(_context, object, old) {
    object.spec = { ...object.spec, finalizers: old.spec?.finalizers };
    object.status = old.status;
  },
  validate: (_context, object) => check((errors) => finalizers(errors, 'spec.finalizers', object)),
  validateUpdate: () => [],
  holdsBack(object) {
    if (!object.spec?.finalizers?.length) return false;
    (object.status ??= {}).phase = 'Terminating';
    return true;
  },
  fields: (object) => ({ 'status.phase': object.status?.phase ?? '', name: object.metadata?.name ?? '' }),
  columns: columns('Name', 'Status', 'Age'),
  row: (object, now) => [nameOf(object), object.status?.phase ?? '', age(object, now)],
  subresources: {
    status: statusSubresource<Namespace>(definition, (errors, object) => {
      const phase = object.status?.phase ?? '';
      if (!object.metadata?.deletionTimestamp && phase !== 'Active')
        errors.invalid('status.Phase', phase, "may only be 'Active' if `deletionTimestamp` is empty");
      if (object.metadata?.deletionTimestamp && phase !== 'Terminating')
        errors.invalid('status.Phase', phase, "may only be 'Terminating' if `deletionTimestamp` is not empty");
    }),
    finalize: {
      type: 'object',
      kind: definition,
      verbs: ['update'],
      prepareForUpdate(_context, object, old) {
        object.status = old.status;
      },
      validateUpdate: (_context, object) => check((errors) => finalizers(errors, 'spec.finalizers', object, true)),
    },
  },
};

function finalizers(errors: FieldErrors, field: string, object: Namespace, indexed = false): void {
  object.spec?.finalizers?.forEach((name, i) => {
    const path = indexed ? `${field}[${i}]` : field;
    errors.invalidEach(path, name, isQualifiedName(name));
    if (!name.includes('/') && !['kubernetes', 'orphan', 'foregroundDeletion'].includes(name))
      errors.invalid(path, name, 'name is neither a standard finalizer name nor is it fully qualified');
  });
}

