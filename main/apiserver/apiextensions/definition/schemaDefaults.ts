import { cloneJson, equalJson } from '../../../api/json.ts';
import { FieldErrors } from '../../validation/field.ts';
import { EmbeddedError, settleEmbedded, validateEmbedded } from '../schema/embedded.ts';
import { prune } from '../schema/prune.ts';
import { RuleValidator } from '../schema/rules.ts';
import { isJsonObject, type JsonSchema } from '../schema/types.ts';
import { validateValue } from '../schema/validate.ts';

const embedded = 'x-kubernetes-embedded-resource';
const metaFields = new Set(['apiVersion', 'kind', 'metadata']);

/** In what a default stands. */
interface Surroundings {
  /** The schema of the resource, which may be one within another. */
  root: JsonSchema;
  /** That resource, with nothing but the value in it. */
  around(value: unknown): Record<string, unknown>;
  /** Whether the value is of the resource's metadata, or is its kind or its apiVersion. */
  ofMeta: boolean;
}

const resource = (root: JsonSchema): Surroundings => ({
  root,
  around: (value) => ({ kind: 'Validation', apiVersion: 'validation/v1', ...(isJsonObject(value) ? value : {}) }),
  ofMeta: false,
});

/**
 * Every default of a schema must fit it. `pruned`: defaults may not hold what pruning takes away. Mirrors apiextensions'
 * pkg/apiserver/schema/defaulting/validation.go.
 */
export function validateDefaults(schema: JsonSchema, errors: FieldErrors, path: string, pruned: boolean): void {
  const root = { ...schema, [embedded]: true };
  validate(root, errors, path, resource(root), pruned);
}

function validate(schema: JsonSchema, errors: FieldErrors, path: string, outer: Surroundings, pruned: boolean): void {
  const here = schema[embedded] ? resource(schema) : outer;
  if (schema.default !== undefined) {
    const found = new FieldErrors();
    validateDefault(schema, found, `${path}.default`, here, pruned);
    errors.add(found.all);
  }
  // Not into additionalProperties: defaults there are looked at by pruning only.
  if (schema.items && !Array.isArray(schema.items)) validate(schema.items, errors, `${path}.items`, { ...here, around: (value) => here.around([value]) }, pruned);
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const ofMeta = here.ofMeta || (schema[embedded] === true && metaFields.has(name));
    validate(property, errors, `${path}.properties[${name}]`, { root: here.root, around: (value) => here.around({ [name]: value }), ofMeta }, pruned);
  }
}

function validateDefault(schema: JsonSchema, errors: FieldErrors, path: string, { root, around, ofMeta }: Surroundings, pruned: boolean): void {
  const value = cloneJson(schema.default);
  if (ofMeta) {
    const why = wrongMeta(around(value), root);
    if (why) return errors.invalid(path, value, `must result in valid metadata: ${why}`);
  } else {
    const kept = cloneJson(value);
    prune(kept, schema, schema[embedded] === true);
    const isPruned = equalJson(kept, value);
    const fault = coerced(value, schema);
    if (pruned && !isPruned) errors.invalid(path, value, 'must not have unknown fields');
    if (fault) return errors.invalid(below(path, fault.field), fault.value, fault.detail);
    const found = new FieldErrors();
    validateEmbedded(value, schema, found, path);
    if (found.length) return errors.add(found.all);
  }
  const found = new FieldErrors();
  validateValue(value, schema, found, path);
  if (!found.length) {
    const rules = RuleValidator.of(schema, schema === root);
    found.add(rules?.validate(value, value, path) ?? []);
    if (!found.length) found.add(rules?.validate(value, undefined, path) ?? []);
  }
  errors.add(found.all);
}

const below = (path: string, field: string) => (field.startsWith('[') ? path + field : `${path}.${field}`);

/** Gives what is metadata in the value the form of metadata, in place, and tells what cannot have it. */
function coerced(value: unknown, schema: JsonSchema): EmbeddedError | undefined {
  try {
    settleEmbedded(value, schema, false);
    return undefined;
  } catch (error) {
    if (error instanceof EmbeddedError) return error;
    throw error;
  }
}

function wrongMeta(object: Record<string, unknown>, root: JsonSchema): string | undefined {
  const schema = { ...root, [embedded]: true };
  const fault = coerced(object, schema);
  if (fault) return fault.message;
  const found = new FieldErrors();
  validateEmbedded(object, schema, found);
  const texts = [...new Set(found.all.map(({ field, message }) => `${field}: ${message}`))];
  return texts.length > 1 ? `[${texts.join(', ')}]` : texts[0];
}
