import type { RuntimeClass } from '../../../api/index.ts';
import { isDns1123Label } from '../../../api/names.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { fieldImmutable, labels } from '../../validation/names.ts';
import { canonicalQuantities } from '../../validation/resources.ts';
import { validateTolerations } from '../../validation/scheduling.ts';
import { check, columns, define } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/node/runtimeclass/strategy.go. */

export const runtimeClass: Strategy<RuntimeClass> = {
  definition: define('node.k8s.io', 'v1', 'RuntimeClass', 'runtimeclasses', { namespaced: false }),
  hasGeneration: false,
  allowUnconditionalUpdate: false,
  nameRule: 'dnsSubdomain',
  defaults: (object) => canonicalQuantities(object.overhead?.podFixed),
  validate: (_context, object) => check((errors) => validate(errors, object)),
  validateUpdate: (_context, object, old) => check((errors) => {
    if (object.handler !== old.handler) errors.invalid('handler', object.handler, fieldImmutable);
  }),
  columns: columns('Name', 'Handler', 'Age'),
  row: (object, now) => [nameOf(object), object.handler, age(object, now)],
};

function validate(errors: FieldErrors, object: RuntimeClass): void {
  if (!object.handler) errors.required('handler');
  else errors.invalidEach('handler', object.handler, isDns1123Label(object.handler));
  labels(errors, 'scheduling.nodeSelector', object.scheduling?.nodeSelector);
  validateTolerations(errors, 'scheduling.tolerations', object.scheduling?.tolerations);
}
