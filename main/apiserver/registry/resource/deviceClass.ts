import type { DeviceClass } from '../../../api/index.ts';
import { isExtended } from '../../../api/resourceNames.ts';
import { each, opaqueConfiguration, selectors } from '../../validation/devices.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { check, columns, define } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/resource/deviceclass/strategy.go. */

export const deviceClass: Strategy<DeviceClass> = {
  definition: define('resource.k8s.io', 'v1', 'DeviceClass', 'deviceclasses', { namespaced: false }),
  hasGeneration: true,
  nameRule: 'longName',
  judgedAgain: true,
  allowUnconditionalUpdate: true,
  returnsDeletedObject: true,
  validate: (_context, object) => check((errors) => validate(errors, object)),
  validateUpdate: (_context, object) => check((errors) => validate(errors, object)),
  columns: columns('Name', 'Age'),
  row: (object, now) => [nameOf(object), age(object, now)],
};

function validate(errors: FieldErrors, { spec }: DeviceClass): void {
  selectors(errors, 'spec.selectors', spec?.selectors);
  each(errors, 'spec.config', spec?.config, 32, ({ opaque }, path) => opaqueConfiguration(errors, path, opaque));
  const name = spec?.extendedResourceName;
  if (name !== undefined && !isExtended(name)) errors.invalid('spec.extendedResourceName', name, 'must be a valid extended resource name');
}
