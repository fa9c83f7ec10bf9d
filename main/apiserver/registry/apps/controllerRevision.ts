import type { ControllerRevision } from '../../../api/index.ts';
import { equalJson } from '../../../api/json.ts';
import { controllerOf, parseApiVersion } from '../../../api/meta.ts';
import { fieldImmutable, nonNegative } from '../../validation/names.ts';
import { check, columns, define } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/apps/controllerrevision/strategy.go. */

export const controllerRevision: Strategy<ControllerRevision> = {
  definition: define('apps', 'v1', 'ControllerRevision', 'controllerrevisions'),
  hasGeneration: false,
  nameRule: 'dnsSubdomain',
  judgedAgain: true,
  allowUnconditionalUpdate: true,
  validate: (_context, object) => check((errors) => {
    const data = object.data as unknown;
    if (data === undefined || data === null) errors.required('data', 'data is mandatory');
    else if (typeof data !== 'object' || Array.isArray(data)) errors.required('data', 'data must be a valid JSON object');
    nonNegative(errors, 'revision', object.revision);
  }),
  validateUpdate: (_context, object, old) => check((errors) => {
    nonNegative(errors, 'revision', object.revision);
    if (!equalJson(object.data, old.data)) errors.invalid('data', object.data, fieldImmutable);
  }),
  columns: columns('Name', 'Controller', 'Revision', 'Age'),
  row(object, now) {
    const owner = controllerOf(object);
    const group = owner ? parseApiVersion(owner.apiVersion).group : '';
    return [nameOf(object), owner ? `${owner.kind.toLowerCase()}${group ? `.${group}` : ''}/${owner.name}` : '<none>', object.revision, age(object, now)];
  },
};
