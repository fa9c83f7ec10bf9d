import type { PriorityClass } from '../../../api/index.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { check, columns, define } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/scheduling/priorityclass/strategy.go and pkg/apis/scheduling/validation. */

const highestUser = 1_000_000_000;
const system: Record<string, number> = { 'system-cluster-critical': 2_000_000_000, 'system-node-critical': 2_000_001_000 };

export const priorityClass: Strategy<PriorityClass> = {
  definition: define('scheduling.k8s.io', 'v1', 'PriorityClass', 'priorityclasses', { namespaced: false, shortNames: ['pc'] }),
  hasGeneration: true,
  generationChanged: () => false,
  nameRule: 'dnsSubdomain',
  allowUnconditionalUpdate: true,
  keeps: (name) => (system[name] === undefined ? undefined : 'this is a system priority class and cannot be deleted'),
  defaults(object) {
    object.value ??= 0;
    object.preemptionPolicy ??= 'PreemptLowerPriority';
  },
  validate: (_context, object) => check((errors) => validate(errors, object)),
  validateUpdate: (_context, object, old) => check((errors) => {
    if (object.value !== old.value) errors.forbidden('value', 'may not be changed in an update.');
    if (object.preemptionPolicy !== old.preemptionPolicy) errors.invalid('preemptionPolicy', object.preemptionPolicy, 'field is immutable');
  }),
  columns: columns('Name', 'Value#', 'Global-Default?', 'Age', 'PreemptionPolicy'),
  row: (object, now) => [nameOf(object), object.value, object.globalDefault ?? false, age(object, now), object.preemptionPolicy ?? ''],
};

function validate(errors: FieldErrors, object: PriorityClass): void {
  const name = nameOf(object);
  const value = object.value ?? 0;
  if (name.startsWith('system-')) {
    const known = system[name];
    if (known === undefined)
      errors.forbidden('metadata.name', `priority class names with 'system-' prefix are reserved for system use only. error: ${name} is not a known system priority class`);
    else if (known !== value)
      errors.forbidden('metadata.name', `priority class names with 'system-' prefix are reserved for system use only. error: value of ${name} PriorityClass must be ${known}`);
  } else if (value > highestUser) {
    errors.forbidden('value', `maximum allowed value of a user defined priority is ${highestUser}`);
  }
  const policy = object.preemptionPolicy;
  if (policy === '') errors.required('preemptionPolicy');
  else if (policy !== undefined && policy !== 'PreemptLowerPriority' && policy !== 'Never')
    errors.notSupported('preemptionPolicy', policy, ['PreemptLowerPriority', 'Never']);
}
