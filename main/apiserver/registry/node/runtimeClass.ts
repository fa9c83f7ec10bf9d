import type { RuntimeClass } from '../../../api/index.ts';
import { isDns1123Label } from '../../../api/names.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { internal } from '../../validation/internal.ts';
import { fieldImmutable, labels } from '../../validation/names.ts';
import { canonicalQuantities, containerResourceName, resourceRequirements } from '../../validation/resources.ts';
import { validateTolerations } from '../../validation/scheduling.ts';
import { deprecatedNodeLabels } from '../../validation/nodeLabelWarnings.ts';
import { check, columns, define } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/node/runtimeclass/strategy.go. */

export const runtimeClass: Strategy<RuntimeClass> = {
  definition: define('node.k8s.io', 'v1', 'RuntimeClass', 'runtimeclasses', { namespaced: false }),
  hasGeneration: false,
  allowUnconditionalUpdate: false,
  nameRule: 'dnsSubdomain',
  plainFinalizers: true,
  defaults: (object) => canonicalQuantities(object.overhead?.podFixed),
  validate: (_context, object) => check((errors) => validate(errors, object)),
  validateUpdate: (_context, object, old) => check((errors) => {
    validate(errors, object);
    if (object.handler !== old.handler) errors.invalid('handler', object.handler, fieldImmutable);
  }),
  warnings: ({ scheduling }) => Object.keys(scheduling?.nodeSelector ?? {}).flatMap((key) => (deprecatedNodeLabels[key] ? [`scheduling.nodeSelector: ${deprecatedNodeLabels[key]}`] : [])),
  columns: columns('Name', 'Handler', 'Age'),
  row: (object, now) => [nameOf(object), object.handler, age(object, now)],
};

function validate(errors: FieldErrors, object: RuntimeClass): void {
  if (!object.handler) errors.required('handler');
  else errors.invalidEach('handler', object.handler, isDns1123Label(object.handler));
  if (object.overhead) resourceRequirements(errors, 'overhead', { limits: object.overhead.podFixed ?? {} }, containerResourceName, new Set());
  labels(errors, 'scheduling.nodeSelector', object.scheduling?.nodeSelector);
  const tolerations = object.scheduling?.tolerations ?? [];
  validateTolerations(errors, 'scheduling.tolerations', tolerations);
  const seen = new Set<string>();
  tolerations.forEach((toleration, i) => {
    const key = JSON.stringify([toleration.key ?? '', toleration.operator ?? '', toleration.value ?? '', toleration.effect ?? '']);
    if (seen.has(key)) errors.duplicate(`scheduling.tolerations[${i}]`, internal('core/v1.Toleration', toleration));
    seen.add(key);
  });
}
