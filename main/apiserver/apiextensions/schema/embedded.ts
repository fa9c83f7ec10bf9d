import { decodeObject, DecodeError } from '../../../api/decode.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { isDns1035Label } from '../../../api/names.ts';
import { validateObjectMeta } from '../../registry/objectMeta.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { isJsonObject, memberOf, type JsonObject, type JsonSchema } from './types.ts';

/** Why something cannot be the metadata, the kind or the apiVersion of an embedded resource. */
export class EmbeddedError extends DecodeError {
  constructor(
    readonly field: string,
    readonly value: unknown,
    readonly detail: string,
  ) {
    super(`${field}: Invalid value: ${JSON.stringify(value)}: ${detail}`);
  }
}

/* Resources within resources: `x-kubernetes-embedded-resource`. Mirrors apiextensions' pkg/apiserver/schema/objectmeta. */

/**
 * Gives the metadata of embedded resources the form that metadata has, in place; returns the paths of fields that it does
 * not have. What cannot be metadata is dropped if asked, otherwise it throws a DecodeError.
 */
export function settleEmbedded(value: unknown, schema: JsonSchema | undefined, dropInvalid: boolean): string[] {
  const unknown: string[] = [];
  visit(value, schema, '', (object, path) => {
    for (const name of ['apiVersion', 'kind'] as const) {
      if (object[name] === undefined || typeof object[name] === 'string') continue;
      if (!dropInvalid) throw new EmbeddedError(child(path, name), object[name], 'must be a string');
      delete object[name];
    }
    if (object.metadata === undefined) return;
    const decoded = decodeMetadata(object.metadata, dropInvalid, child(path, 'metadata'));
    unknown.push(...decoded.unknown.map((name) => child(path, name)));
    object.metadata = decoded.metadata;
  });
  return unknown;
}

function decodeMetadata(metadata: unknown, dropInvalid: boolean, path: string): { metadata: object; unknown: string[] } {
  try {
    return decode(metadata);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    if (!dropInvalid) throw new EmbeddedError(path, metadata, error.message);
  }
  // Field by field, what is none left out.
  const kept: JsonObject = {};
  const unknown: string[] = [];
  for (const [name, member] of Object.entries(isJsonObject(metadata) ? metadata : {})) {
    try {
      const part = decode({ [name]: member });
      Object.assign(kept, part.metadata);
      unknown.push(...part.unknown);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
    }
  }
  return { metadata: kept, unknown };
}

function decode(metadata: unknown): { metadata: object; unknown: string[] } {
  const { object, complaints } = decodeObject({ group: '', version: '', kind: '' }, { metadata });
  return { metadata: object.metadata ?? {}, unknown: complaints.map((text) => JSON.parse(text.replace(/^unknown field /, '')) as string) };
}

/** What is wrong with embedded resources. */
export function validateEmbedded(value: unknown, schema: JsonSchema | undefined, errors: FieldErrors, root = ''): void {
  visit(value, schema, root, (object, path) => {
    for (const name of ['apiVersion', 'kind'] as const) {
      const text = object[name];
      if (text === undefined) errors.required(child(path, name));
      else if (typeof text !== 'string') errors.invalid(child(path, name), text, 'must be a string');
      else if (text === '') errors.invalid(child(path, name), text, 'must not be empty');
      else if (name === 'apiVersion' && text.split('/').length > 2) errors.invalid(child(path, name), text, `unexpected GroupVersion string: ${text}`);
      else if (name === 'kind') {
        const messages = isDns1035Label(text.toLowerCase());
        if (messages.length) errors.invalid(child(path, name), text, `may have mixed case, but should otherwise match: ${messages.join(',')}`);
      }
    }
    if (!isJsonObject(object.metadata)) return;
    const metadata = { name: 'fakename', ...(object as KubeObject).metadata };
    for (const error of validateObjectMeta(metadata, metadata.namespace !== undefined, 'pathSegment')) errors.add([{ ...error, field: child(path, error.field) }]);
  });
}

const child = (path: string, name: string) => (path ? `${path}.${name}` : name);

function visit(value: unknown, schema: JsonSchema | undefined, path: string, see: (object: JsonObject, path: string) => void): void {
  if (!schema) return;
  if (Array.isArray(value)) return value.forEach((item, i) => visit(item, schema.items, `${path}[${i}]`, see));
  if (!isJsonObject(value)) return;
  if (schema['x-kubernetes-embedded-resource']) see(value, path);
  for (const name of Object.keys(value)) visit(value[name], memberOf(schema, name), child(path, name), see);
}
