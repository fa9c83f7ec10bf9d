import { isConfigMapKey } from '../../../api/names.ts';
import { equalJson } from '../../../api/json.ts';
import type { Secret } from '../../../api/index.ts';
import { jsonError } from '../../../api/jsonError.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { keyPairProblem } from '../../validation/keyPair.ts';
import { decodedLength, fieldImmutable } from '../../validation/names.ts';
import { check, columns, define } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';
import { immutableSet, maxDataSize } from './configMap.ts';

/* Mirrors pkg/registry/core/secret/strategy.go and ValidateSecret. */

export const secret: Strategy<Secret> = {
  definition: define('', 'v1', 'Secret', 'secrets'),
  hasGeneration: false,
  nameRule: 'dnsSubdomain',
  judgedAgain: true,
  allowUnconditionalUpdate: true,
  defaults(object) {
    object.type ||= 'Opaque';
    if (!object.stringData) return;
    // stringData is for writing: it wins over data and is not kept (pkg/apis/core/v1/conversion.go).
    const data = (object.data ??= {});
    for (const key in object.stringData) data[key] = Buffer.from(object.stringData[key]!).toString('base64');
    delete object.stringData;
  },
  prepareForUpdate(_context, object, old) {
    // A type that is left out stays what it was.
    if (!object.type) object.type = old.type;
  },
  validate: (_context, object) => check((errors) => validate(errors, object)),
  validateUpdate: (_context, object, old) => check((errors) => {
    if (object.type !== old.type) errors.invalid('type', object.type ?? '', fieldImmutable);
    if (old.immutable) {
      if (!object.immutable) errors.forbidden('immutable', immutableSet);
      if (!equalJson(object.data ?? {}, old.data ?? {})) errors.forbidden('data', immutableSet);
    }
    validate(errors, object);
  }),
  warnings({ type, data }) {
    if (type !== 'kubernetes.io/tls') return [];
    const text = (key: string) => Buffer.from(data?.[key] ?? '', 'base64').toString('latin1');
    return [keyPairProblem(text('tls.crt'), text('tls.key'))].filter((problem) => problem !== undefined);
  },
  fields: (object) => ({ type: object.type ?? '' }),
  columns: columns('Name', 'Type', 'Data', 'Age'),
  row: (object, now) => [nameOf(object), object.type ?? '', Object.keys(object.data ?? {}).length, age(object, now)],
};

const required: Record<string, string[]> = {
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
};

function validate(errors: FieldErrors, object: Secret): void {
  const data = object.data ?? {};
  let size = 0;
  for (const key in data) {
    errors.invalidEach(`data[${key}]`, key, isConfigMapKey(key));
    size += decodedLength(data[key]!);
  }
  if (size > maxDataSize) errors.tooLong('data', maxDataSize);
  const type = object.type ?? '';
  const account = 'kubernetes.io/service-account.name';
  if (type === 'kubernetes.io/service-account-token' && !object.metadata?.annotations?.[account])
    errors.required(`metadata.annotations[${account}]`);
  if (type === 'kubernetes.io/basic-auth' && data.username === undefined && data.password === undefined) {
    errors.required('data[username]');
    errors.required('data[password]');
  }
  for (const key of required[type] ?? []) {
    if (data[key] === undefined || (key === 'ssh-privatekey' && !data[key])) errors.required(`data[${key}]`);
    else if (key.startsWith('.docker')) dockerConfig(errors, `data[${key}]`, data[key]);
  }
}

function dockerConfig(errors: FieldErrors, field: string, base64: string): void {
  const text = Buffer.from(base64, 'base64').toString('latin1');
  try {
    const value: unknown = JSON.parse(text);
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return;
    errors.invalid(field, '<secret contents redacted>', `json: cannot unmarshal ${Array.isArray(value) ? 'array' : typeof value} into Go value of type map[string]interface {}`);
  } catch {
    errors.invalid(field, '<secret contents redacted>', jsonError(text));
  }
}
