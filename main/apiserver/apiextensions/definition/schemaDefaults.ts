import { cloneJson, equalJson } from '../../../api/json.ts';
import { DecodeError } from '../../../api/decode.ts';
import { FieldErrors } from '../../validation/field.ts';
import { settleEmbedded, validateEmbedded } from '../schema/embedded.ts';
import { prune } from '../schema/prune.ts';
import { RuleValidator } from '../schema/rules.ts';
import type { JsonSchema } from '../schema/types.ts';
import { validateValue } from '../schema/validate.ts';

/**
 * Every default of a schema must fit it. `pruned`: defaults may not hold what pruning takes away. Mirrors apiextensions'
 * pkg/apiserver/schema/defaulting/validation.go; defaults of metadata are forbidden at the root and checked as values elsewhere.
 */
export function validateDefaults(schema: JsonSchema, errors: FieldErrors, path: string, pruned: boolean): void {
  if (schema.default !== undefined) validateDefault(schema, errors, `${path}.default`, pruned);
  // Not into additionalProperties: defaults there are looked at by pruning only.
  if (schema.items && !Array.isArray(schema.items)) validateDefaults(schema.items, errors, `${path}.items`, pruned);
  for (const [name, property] of Object.entries(schema.properties ?? {})) validateDefaults(property, errors, `${path}.properties[${name}]`, pruned);
}

function validateDefault(schema: JsonSchema, errors: FieldErrors, path: string, pruned: boolean): void {
  const value = schema.default;
  const isResource = schema['x-kubernetes-embedded-resource'] === true;
  const copy = cloneJson(value);
  prune(copy, schema, isResource);
  if (pruned && !equalJson(copy, value)) errors.invalid(path, value, 'must not have unknown fields');
  const found = new FieldErrors();
  try {
    settleEmbedded(cloneJson(value), schema, false);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return errors.invalid(path, value, error.message);
  }
  validateEmbedded(value, schema, found, path);
  if (!found.length) validateValue(value, schema, found, path);
  if (!found.length) {
    const rules = RuleValidator.of(schema, isResource);
    found.add(rules?.validate(value, value, path) ?? []);
    if (!found.length) found.add(rules?.validate(value, undefined, path) ?? []);
  }
  errors.add(found.all);
}
