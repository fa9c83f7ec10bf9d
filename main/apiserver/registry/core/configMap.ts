import { isConfigMapKey } from '../../../api/names.ts';
import { equalJson } from '../../../api/json.ts';
import type { ConfigMap } from '../../../api/index.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { byteLength, decodedLength } from '../../validation/names.ts';
import { check, columns, define } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/core/configmap/strategy.go and ValidateConfigMap. */

/** A config map or secret holds a mebibyte at most. */
export const maxDataSize = 1024 * 1024;
export const immutableSet = 'field is immutable when `immutable` is set';

export const configMap: Strategy<ConfigMap> = {
  definition: define('', 'v1', 'ConfigMap', 'configmaps', { shortNames: ['cm'] }),
  hasGeneration: false,
  nameRule: 'dnsSubdomain',
  judgedAgain: true,
  allowUnconditionalUpdate: true,
  validate: (_context, object) => check((errors) => validate(errors, object)),
  validateUpdate: (_context, object, old) => check((errors) => {
    if (old.immutable) {
      if (!object.immutable) errors.forbidden('immutable', immutableSet);
      if (!equalJson(object.data ?? {}, old.data ?? {})) errors.forbidden('data', immutableSet);
      if (!equalJson(object.binaryData ?? {}, old.binaryData ?? {})) errors.forbidden('binaryData', immutableSet);
    }
    validate(errors, object);
  }),
  columns: columns('Name', 'Data', 'Age'),
  row: (object, now) => [
    nameOf(object),
    Object.keys(object.data ?? {}).length + Object.keys(object.binaryData ?? {}).length,
    age(object, now),
  ],
};

function validate(errors: FieldErrors, { data, binaryData }: ConfigMap): void {
  let size = 0;
  for (const key in data) {
    errors.invalidEach(`data[${key}]`, key, isConfigMapKey(key));
    if (binaryData?.[key] !== undefined) errors.invalid(`data[${key}]`, key, 'duplicate of key present in binaryData');
    size += byteLength(data[key]!);
  }
  for (const key in binaryData) {
    errors.invalidEach(`binaryData[${key}]`, key, isConfigMapKey(key));
    size += decodedLength(binaryData[key]!);
  }
  if (size > maxDataSize) errors.tooLong('[]', maxDataSize);
}
