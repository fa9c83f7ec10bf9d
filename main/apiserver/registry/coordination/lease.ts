import type { Lease } from '../../../api/index.ts';
import { check, columns, define } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';
import type { FieldErrors } from '../../validation/field.ts';

/* Mirrors pkg/registry/coordination/lease/strategy.go and pkg/apis/coordination/validation. */

export const lease: Strategy<Lease> = {
  definition: define('coordination.k8s.io', 'v1', 'Lease', 'leases'),
  hasGeneration: false,
  allowUnconditionalUpdate: false,
  nameRule: 'dnsSubdomain',
  plainFinalizers: true,
  allowCreateOnUpdate: true,
  defaults(object) {
    object.spec ??= {};
    // Of a feature that is off as long as it is a beta one.
    delete object.spec.strategy;
    delete object.spec.preferredHolder;
  },
  validate: (_context, object) => check((errors) => validate(errors, object)),
  validateUpdate: (_context, object) => check((errors) => validate(errors, object)),
  columns: columns('Name', 'Holder', 'Age'),
  row: (object, now) => [nameOf(object), object.spec?.holderIdentity ?? '', age(object, now)],
};

function validate(errors: FieldErrors, { spec }: Lease): void {
  if (spec?.leaseDurationSeconds !== undefined && spec.leaseDurationSeconds <= 0)
    errors.invalid('spec.leaseDurationSeconds', spec.leaseDurationSeconds, 'must be greater than 0');
  if (spec?.leaseTransitions !== undefined && spec.leaseTransitions < 0)
    errors.invalid('spec.leaseTransitions', spec.leaseTransitions, 'must be greater than or equal to 0');
}
