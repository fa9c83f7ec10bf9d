import { re2 } from '../../cel/index.ts';
import type { FieldErrors } from '../../validation/field.ts';
import type { JsonSchema } from '../schema/types.ts';

type Level = 'root' | 'item' | 'field';

/**
 * The invariants of a structural schema: what its structure is shows without looking at what values it allows.
 * Mirrors apiextensions' pkg/apiserver/schema (validation.go, complete.go).
 */
export function validateStructural(schema: JsonSchema, errors: FieldErrors, path: string): void {
  invariants(schema, 'root', errors, path);
  completeness(schema, schema, errors, path, path);
}

function invariants(schema: JsonSchema, level: Level, errors: FieldErrors, path: string): void {
  if (schema.type === 'array' && !schema.items) errors.required(`${path}.items`, 'must be specified');
  if (schema.items && !Array.isArray(schema.items)) invariants(schema.items, 'item', errors, `${path}.items`);
  for (const [name, property] of Object.entries(schema.properties ?? {})) invariants(property, 'field', errors, `${path}.properties[${name}]`);
  const { additionalProperties } = schema;
  if (additionalProperties !== undefined) {
    if (level === 'root') errors.forbidden(`${path}.additionalProperties`, 'must not be used at the root');
    if (typeof additionalProperties === 'object') invariants(additionalProperties, 'field', errors, `${path}.additionalProperties`);
  }
  const intOrString = schema['x-kubernetes-int-or-string'] === true;
  const preserves = schema['x-kubernetes-preserve-unknown-fields'] === true;
  const embedded = schema['x-kubernetes-embedded-resource'] === true;
  if (intOrString && preserves) errors.invalid(`${path}.x-kubernetes-preserve-unknown-fields`, true, 'must be false if x-kubernetes-int-or-string is true');
  if (intOrString && embedded) errors.invalid(`${path}.x-kubernetes-embedded-resource`, true, 'must be false if x-kubernetes-int-or-string is true');
  valueValidation(schema, errors, path, isIntOrString(schema.anyOf), isIntOrString(schema.allOf?.[0]?.anyOf));
  type(schema, level, errors, path, embedded, intOrString || preserves);
  if (embedded && additionalProperties !== undefined) errors.forbidden(`${path}.additionalProperties`, 'must not be used if x-kubernetes-embedded-resource is set');
  if (level === 'root' && schema.type && schema.type !== 'object') errors.invalid(`${path}.type`, schema.type, 'must be object at the root');
  metadata(schema, level, embedded, errors, path);
  if (embedded && !preserves && !Object.keys(schema.properties ?? {}).length)
    errors.required(`${path}.properties`, 'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields');
}

const emptyType: Record<Level, string> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

function type(schema: JsonSchema, level: Level, errors: FieldErrors, path: string, embedded: boolean, mayBeEmpty: boolean): void {
  const whenEmbedded = 'must be object if x-kubernetes-embedded-resource is true';
  if (embedded && schema.type !== 'object') {
    if (schema.type) errors.invalid(`${path}.type`, schema.type, whenEmbedded);
    else errors.required(`${path}.type`, whenEmbedded);
  } else if (!schema.type && !mayBeEmpty) errors.required(`${path}.type`, emptyType[level]);
}

/** The metadata of a resource may only be restricted in its name. */
function metadata(schema: JsonSchema, level: Level, embedded: boolean, errors: FieldErrors, path: string): void {
  const properties = schema.properties ?? {};
  if (level !== 'root' && !embedded) return;
  for (const name of ['kind', 'apiVersion'])
    if (properties[name] && properties[name].type !== 'string') errors.invalid(`${path}.properties[${name}].type`, properties[name].type ?? '', 'must be string');
  const meta = properties.metadata;
  if (!meta) return;
  const at = `${path}.properties[metadata]`;
  if (meta.type !== 'object') errors.invalid(`${at}.type`, meta.type ?? '', 'must be object');
  if (level !== 'root') return;
  const { type: _type, default: _default, properties: fields = {}, ...rest } = meta;
  const onlyNames = Object.keys(fields).every((name) => name === 'name' || name === 'generateName');
  if (!onlyNames || Object.keys(rest).length) errors.forbidden(at, 'must not specify anything other than name and generateName, but metadata is implicitly specified');
}

const isIntOrString = (parts: readonly JsonSchema[] | undefined) =>
  parts?.length === 2 && parts[0]!.type === 'integer' && parts[1]!.type === 'string' && parts.every((part) => Object.keys(part).length === 1);

function valueValidation(schema: JsonSchema, errors: FieldErrors, path: string, skipAnyOf: boolean | undefined, skipAllOf: boolean | undefined, rulesAllowed = false): void {
  if (!skipAnyOf) schema.anyOf?.forEach((part, i) => nested(part, errors, `${path}.anyOf[${i}]`));
  schema.allOf?.forEach((part, i) => nested(part, errors, `${path}.allOf[${i}]`, skipAllOf && i === 0, rulesAllowed));
  schema.oneOf?.forEach((part, i) => nested(part, errors, `${path}.oneOf[${i}]`));
  if (schema.not) nested(schema.not, errors, `${path}.not`);
  if (!schema.pattern) return;
  try {
    re2(schema.pattern);
  } catch (error) {
    errors.invalid(`${path}.pattern`, schema.pattern, `must be a valid regular expression, but isn't: ${(error as Error).message}`);
  }
}

/** What stands below allOf, anyOf, oneOf and not judges values and says nothing of their structure. */
function nested(schema: JsonSchema, errors: FieldErrors, path: string, skipAnyOf = false, rulesAllowed = false): void {
  valueValidation(schema, errors, path, skipAnyOf, false, rulesAllowed);
  if (schema.items && !Array.isArray(schema.items)) nested(schema.items, errors, `${path}.items`);
  for (const [name, property] of Object.entries(schema.properties ?? {})) nested(property, errors, `${path}.properties[${name}]`);
  const forbid = (name: string, present: unknown, state: string) => {
    if (present) errors.forbidden(`${path}.${name}`, `must be ${state} to be structural`);
  };
  forbid('type', schema.type, 'empty');
  forbid('additionalProperties', schema.additionalProperties !== undefined, 'undefined');
  forbid('default', schema.default !== undefined, 'undefined');
  forbid('title', schema.title, 'empty');
  forbid('description', schema.description, 'empty');
  forbid('nullable', schema.nullable, 'false');
  forbid('x-kubernetes-preserve-unknown-fields', schema['x-kubernetes-preserve-unknown-fields'], 'false');
  forbid('x-kubernetes-embedded-resource', schema['x-kubernetes-embedded-resource'], 'false');
  forbid('x-kubernetes-int-or-string', schema['x-kubernetes-int-or-string'], 'false');
  forbid('x-kubernetes-list-map-keys', schema['x-kubernetes-list-map-keys']?.length, 'empty');
  forbid('x-kubernetes-list-type', schema['x-kubernetes-list-type'], 'undefined');
  forbid('x-kubernetes-map-type', schema['x-kubernetes-map-type'], 'undefined');
  forbid('x-kubernetes-validations', !rulesAllowed && schema['x-kubernetes-validations']?.length, 'empty');
  if (schema.properties?.metadata) errors.forbidden(`${path}.properties[metadata]`, 'must not be specified in a nested context');
}

/** Whatever is judged below allOf, anyOf, oneOf and not is there in the structure as well. */
function completeness(judging: JsonSchema, structure: JsonSchema | undefined, errors: FieldErrors, at: string, from: string): void {
  if (!structure) return errors.required(at, `because it is defined in ${from}`);
  if (judging.not) complete(judging.not, structure, errors, at, `${from}.not`);
  for (const junctor of ['allOf', 'anyOf', 'oneOf'] as const) judging[junctor]?.forEach((part, i) => complete(part, structure, errors, at, `${from}.${junctor}[${i}]`));
}

function complete(judging: JsonSchema, structure: JsonSchema | undefined, errors: FieldErrors, at: string, from: string): void {
  if (!structure) return errors.required(at, `because it is defined in ${from}`);
  completeness(judging, structure, errors, at, from);
  if (judging.items && !Array.isArray(judging.items)) complete(judging.items, structure.items, errors, `${at}.items`, `${from}.items`);
  for (const [name, property] of Object.entries(judging.properties ?? {}))
    complete(property, structure.properties?.[name], errors, `${at}.properties[${name}]`, `${from}.properties[${name}]`);
}
