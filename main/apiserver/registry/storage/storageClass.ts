import type { StorageClass, VolumeAttributesClass } from '../../../api/index.ts';
import { equalJson, sortedJson } from '../../../api/json.ts';
import { isQualifiedName } from '../../../api/names.ts';
import { asGiven } from '../../../api/normalize.ts';
import { isDefaultClass } from '../../../api/persistentVolumes.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { byteLength, fieldImmutable } from '../../validation/names.ts';
import { deprecatedNodeLabels } from '../../validation/nodeLabelWarnings.ts';
import { check, columns, define } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/storage/{storageclass,volumeattributesclass}/strategy.go and pkg/apis/storage/validation. */

const bindingModes = ['Immediate', 'WaitForFirstConsumer'];
const reclaimPolicies = ['Delete', 'Retain'];

export const storageClass: Strategy<StorageClass> = {
  definition: define('storage.k8s.io', 'v1', 'StorageClass', 'storageclasses', { namespaced: false, shortNames: ['sc'] }),
  hasGeneration: false,
  nameRule: 'dnsSubdomain',
  judgedAgain: true,
  allowUnconditionalUpdate: true,
  returnsDeletedObject: true,
  defaults(object) {
    object.reclaimPolicy ??= 'Delete';
    object.volumeBindingMode ??= 'Immediate';
  },
  validate: (_context, object) => check((errors) => validate(errors, object)),
  validateUpdate: (_context, object, old) => check((errors) => {
    validate(errors, object);
    if (!equalJson(object.parameters ?? {}, old.parameters ?? {})) errors.invalid('parameters', sortedJson(asGiven(object, 'parameters')), fieldImmutable);
    if (object.provisioner !== old.provisioner) errors.invalid('provisioner', object.provisioner ?? '', fieldImmutable);
    if (object.reclaimPolicy !== old.reclaimPolicy) errors.invalid('reclaimPolicy', object.reclaimPolicy, fieldImmutable);
    if (object.volumeBindingMode !== old.volumeBindingMode) errors.invalid('volumeBindingMode', object.volumeBindingMode, fieldImmutable);
  }),
  warnings: ({ allowedTopologies = [] }) =>
    allowedTopologies.flatMap(({ matchLabelExpressions = [] }, i) =>
      matchLabelExpressions.flatMap(({ key }, j) =>
        deprecatedNodeLabels[key] ? [`allowedTopologies[${i}].matchLabelExpressions[${j}].key: ${deprecatedNodeLabels[key]}`] : [],
      ),
    ),
  columns: columns('Name', 'Provisioner', 'ReclaimPolicy', 'VolumeBindingMode', 'AllowVolumeExpansion', 'Age'),
  row: (object, now) => [
    isDefaultClass(object) ? `${nameOf(object)} (default)` : nameOf(object),
    object.provisioner,
    object.reclaimPolicy ?? 'Delete',
    object.volumeBindingMode ?? '<unset>',
    object.allowVolumeExpansion ?? false,
    age(object, now),
  ],
};

function validate(errors: FieldErrors, object: StorageClass): void {
  driver(errors, 'provisioner', object.provisioner);
  parameters(errors, object.parameters, true);
  const policy = object.reclaimPolicy;
  if (policy && !reclaimPolicies.includes(policy)) errors.notSupported('reclaimPolicy', policy, reclaimPolicies);
  const mode = object.volumeBindingMode;
  if (mode === undefined) errors.required('volumeBindingMode');
  else if (!bindingModes.includes(mode)) errors.notSupported('volumeBindingMode', mode, bindingModes);
  topologies(errors, object.allowedTopologies);
}

/** Mirrors pkg/apis/core/validation/validation.go (ValidateTopologySelectorTerm) and that no two terms say the same. */
function topologies(errors: FieldErrors, terms: StorageClass['allowedTopologies'] = []): void {
  const seen = new Set<string>();
  terms.forEach(({ matchLabelExpressions = [] }, i) => {
    const path = `allowedTopologies[${i}].matchLabelExpressions`;
    const keys = new Set<string>();
    matchLabelExpressions.forEach(({ key = '', values = [] }, j) => {
      const field = `${path}[${j}]`;
      if (!values.length) errors.required(`${field}.values`);
      values.forEach((value, k) => {
        if (values.indexOf(value) < k) errors.duplicate(`${field}.values[${k}]`, value);
      });
      errors.invalidEach(`${field}.key`, key, isQualifiedName(key));
      if (keys.has(key)) errors.duplicate(`${field}.key`, key);
      keys.add(key);
    });
    const text = JSON.stringify(matchLabelExpressions.map(({ key, values = [] }) => [key, [...new Set(values)].sort()]).sort());
    if (!keys.size || seen.has(text)) errors.duplicate(path, '');
    seen.add(text);
  });
}

function driver(errors: FieldErrors, field: string, name: string | undefined): void {
  if (!name) errors.required(field);
  else errors.invalidEach(field, name.toLowerCase(), isQualifiedName(name.toLowerCase()));
}

function parameters(errors: FieldErrors, given: Record<string, string> = {}, mayBeEmpty: boolean): void {
  if (Object.keys(given).length > 512) return errors.tooLong('parameters', 512);
  let size = 0;
  for (const key in given) {
    if (!key) errors.invalid('parameters', key, 'field can not be empty.');
    size += byteLength(key) + byteLength(given[key]!);
  }
  if (size > 256 * 1024) errors.tooLong('parameters', 256 * 1024);
  if (!mayBeEmpty && !Object.keys(given).length) errors.required('parameters', 'must contain at least one key/value pair');
}

/** Settings that a driver can change on a volume that exists. */
export const volumeAttributesClass: Strategy<VolumeAttributesClass> = {
  definition: define('storage.k8s.io', 'v1', 'VolumeAttributesClass', 'volumeattributesclasses', { namespaced: false, shortNames: ['vac'] }),
  hasGeneration: false,
  nameRule: 'dnsSubdomain',
  judgedAgain: true,
  allowUnconditionalUpdate: true,
  returnsDeletedObject: true,
  validate: (_context, object) => check((errors) => validateAttributes(errors, object)),
  validateUpdate: (_context, object, old) => check((errors) => {
    if (object.driverName !== old.driverName) errors.forbidden('driverName', 'updates to driverName are forbidden.');
    if (!equalJson(object.parameters ?? {}, old.parameters ?? {})) errors.forbidden('parameters', 'updates to parameters are forbidden.');
    validateAttributes(errors, object);
  }),
  columns: columns('Name', 'DriverName', 'Age'),
  row: (object, now) => [nameOf(object), object.driverName, age(object, now)],
};

function validateAttributes(errors: FieldErrors, object: VolumeAttributesClass): void {
  driver(errors, 'driverName', object.driverName);
  parameters(errors, object.parameters, false);
}
