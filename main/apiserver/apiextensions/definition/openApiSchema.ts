import { declaredType } from '../../cel/index.ts';
import { internal } from '../../validation/internal.ts';
import { FieldErrors } from '../../validation/field.ts';
import { resolvePath } from '../schema/fieldPath.ts';
import { compileRules } from '../schema/rules.ts';
import type { JsonSchema, ValidationRule } from '../schema/types.ts';

/** The most that one rule, and all rules of a schema, may cost by estimate. */
export const ruleCostLimit = 10_000_000;
const schemaCostLimit = 100_000_000;

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const reasons = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired'];

/** A schema as it may be sent, with what apiextensions/v1 takes but does not support. */
export type SentSchema = Omit<JsonSchema, 'items'> & {
  id?: string;
  $ref?: string;
  items?: JsonSchema | JsonSchema[];
  additionalItems?: unknown;
  patternProperties?: Record<string, unknown>;
  definitions?: Record<string, unknown>;
  dependencies?: unknown;
};

export interface SchemaOptions {
  /** Estimates of single rules do not count: the schema was there before. */
  suppressRuleCost: boolean;
  /** Rules are compiled only where the schema is structural. */
  rules: boolean;
}

interface Place {
  root: boolean;
  /** Why there may be no defaults here; undefined: there may. */
  noDefaults: string | undefined;
  insideMeta: boolean;
  /** The outermost part of the schema whose values cannot be told apart between two states of an object. */
  uncorrelated: string | undefined;
  /** Whether rules are compiled here. */
  rules: boolean;
  /** How often values of this node can be in an object; undefined: unbounded. */
  cardinality: number | undefined;
}

/** What rules of a schema may cost in all, and which cost the most. */
class TotalCost {
  total = 0;
  readonly expensive: Array<{ path: string; cost: number }> = [];

  observe(path: string, cost: number): void {
    this.total += cost;
    if (cost >= schemaCostLimit / 100) this.expensive.push({ path, cost });
  }
}

/**
 * Everything that apiextensions asks of an OpenAPI v3 schema of a version, whether structural or not.
 * Mirrors ValidateCustomResourceDefinitionOpenAPISchema of pkg/apis/apiextensions/validation (validation.go, cel_validation.go).
 */
export function validateOpenApiSchema(schema: SentSchema, errors: FieldErrors, path: string, options: SchemaOptions): void {
  const total = new TotalCost();
  const rules = new FieldErrors();
  const place: Place = { root: true, noDefaults: undefined, insideMeta: false, uncorrelated: undefined, rules: options.rules, cardinality: 1 };
  new Walk(errors, rules, total, options).visit(schema, path, place);
  errors.add(rules.all);
  if (total.total <= schemaCostLimit) return;
  for (const { path: at } of total.expensive.sort((a, b) => b.cost - a.cost).slice(0, 4))
    errors.forbidden(at, 'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema');
  errors.forbidden(path, costMessage('x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema', total.total, schemaCostLimit));
}

function costMessage(name: string, cost: number, limit: number): string {
  const factor = cost / limit;
  const text = factor > 100 ? 'more than 100x' : factor < 1.5 ? `${factor.toFixed(6)}x` : `${factor.toFixed(1)}x`;
  return `${name} exceeds budget by factor of ${text} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
}

class Walk {
  constructor(
    private readonly errors: FieldErrors,
    private readonly ruleErrors: FieldErrors,
    private readonly total: TotalCost,
    private readonly options: SchemaOptions,
  ) {}

  visit(schema: SentSchema, path: string, place: Place): void {
    const { errors } = this;
    this.#support(schema, path, place);
    if (schema.uniqueItems) errors.forbidden(`${path}.uniqueItems`, 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic');
    const before = errors.length;
    this.#members(schema, path, place);
    this.#lists(schema, path);
    if (schema['x-kubernetes-validations']?.length) this.#rules(schema, path, place, before);
  }

  #support(schema: SentSchema, path: string, place: Place): void {
    const { errors } = this;
    if (schema.type && !types.includes(schema.type)) errors.notSupported(`${path}.type`, schema.type, types);
    if (schema.default !== undefined && place.noDefaults !== undefined) errors.forbidden(`${path}.default`, `must not be set${place.noDefaults && ` ${place.noDefaults}`}`);
    if (schema.id) errors.forbidden(`${path}.id`, 'id is not supported');
    if (schema.additionalItems !== undefined) errors.forbidden(`${path}.additionalItems`, 'additionalItems is not supported');
    if (Object.keys(schema.patternProperties ?? {}).length) errors.forbidden(`${path}.patternProperties`, 'patternProperties is not supported');
    if (Object.keys(schema.definitions ?? {}).length) errors.forbidden(`${path}.definitions`, 'definitions is not supported');
    if (schema.dependencies !== undefined) errors.forbidden(`${path}.dependencies`, 'dependencies is not supported');
    if (schema.$ref !== undefined) errors.forbidden(`${path}.$ref`, '$ref is not supported');
    if (schema.type === 'null') errors.forbidden(`${path}.type`, 'type cannot be set to null, use nullable as an alternative');
    if (Array.isArray(schema.items)) errors.forbidden(`${path}.items`, 'items must be a schema object and not an array');
    if (place.insideMeta && schema['x-kubernetes-embedded-resource']) errors.forbidden(`${path}.x-kubernetes-embedded-resource`, 'must not be used inside of resource meta');
    if (schema['x-kubernetes-preserve-unknown-fields'] === false) errors.invalid(`${path}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined');
  }

  #members(schema: SentSchema, path: string, place: Place): void {
    const { additionalProperties, properties = {}, items } = schema;
    const inner: Place = { ...place, root: false, cardinality: cardinalityWithin(schema, place.cardinality) };
    if (additionalProperties !== undefined) {
      if (Object.keys(properties).length && additionalProperties !== true)
        this.errors.forbidden(`${path}.additionalProperties`, 'additionalProperties and properties are mutual exclusive');
      if (typeof additionalProperties === 'object')
        this.visit(additionalProperties, `${path}.additionalProperties`, place.insideMeta ? { ...inner, noDefaults: 'inside additionalProperties applying to object metadata' } : inner);
    }
    for (const [name, property] of Object.entries(properties)) {
      const meta = (place.root || schema['x-kubernetes-embedded-resource'] === true) && ['metadata', 'kind', 'apiVersion'].includes(name);
      const noDefaults = meta && place.root ? `in top-level ${name}` : place.noDefaults;
      const correlatable = [undefined, 'granular', 'atomic'].includes(schema['x-kubernetes-map-type']);
      this.visit(property, `${path}.properties[${name}]`, { ...inner, noDefaults, insideMeta: place.insideMeta || meta, uncorrelated: place.uncorrelated ?? (correlatable ? undefined : path) });
    }
    const judged: Place = { ...place, root: false, rules: false };
    if (schema.not) this.visit(schema.not, `${path}.not`, judged);
    for (const junctor of ['allOf', 'oneOf', 'anyOf'] as const) schema[junctor]?.forEach((part, i) => this.visit(part, `${path}.${junctor}[${i}]`, judged));
    if (!items) return;
    const uncorrelated = place.uncorrelated ?? (schema['x-kubernetes-list-type'] === 'map' ? undefined : path);
    if (Array.isArray(items)) items.forEach((item, i) => this.visit(item, `${path}.items[${i}]`, { ...inner, uncorrelated }));
    else this.visit(items, `${path}.items`, { ...inner, uncorrelated });
  }

  #lists(schema: SentSchema, path: string): void {
    const { errors } = this;
    const mapType = schema['x-kubernetes-map-type'];
    const listType = schema['x-kubernetes-list-type'];
    const keys = schema['x-kubernetes-list-map-keys'] ?? [];
    const wrongType = (why: string) => {
      if (schema.type) errors.invalid(`${path}.type`, schema.type, why);
      else errors.required(`${path}.type`, why);
    };
    if (mapType !== undefined && schema.type !== 'object') wrongType('must be object if x-kubernetes-map-type is specified');
    if (mapType !== undefined && mapType !== 'atomic' && mapType !== 'granular') errors.notSupported(`${path}.x-kubernetes-map-type`, mapType, ['atomic', 'granular']);
    const item = schema.items && !Array.isArray(schema.items) ? schema.items : undefined;
    if (listType !== undefined && schema.type !== 'array') wrongType('must be array if x-kubernetes-list-type is specified');
    else if (listType === 'set' && item) {
      const why = 'must be atomic as item of a list with x-kubernetes-list-type=set';
      if (item.type === 'array' && item['x-kubernetes-list-type'] !== undefined && item['x-kubernetes-list-type'] !== 'atomic')
        errors.invalid(`${path}.items.x-kubernetes-list-type`, item['x-kubernetes-list-type'], why);
      if (item.type === 'object' && item['x-kubernetes-map-type'] !== 'atomic') errors.invalid(`${path}.items.x-kubernetes-map-type`, item['x-kubernetes-list-type'] ?? null, why);
    }
    if (listType !== undefined && !['atomic', 'set', 'map'].includes(listType)) errors.notSupported(`${path}.x-kubernetes-list-type`, listType, ['atomic', 'set', 'map']);
    if (keys.length && listType === undefined) errors.required(`${path}.x-kubernetes-list-type`, 'must be map if x-kubernetes-list-map-keys is non-empty');
    else if (keys.length && listType !== 'map') errors.invalid(`${path}.x-kubernetes-list-type`, listType, 'must be map if x-kubernetes-list-map-keys is non-empty');
    if (listType === 'map') this.#listMap(schema, item, keys, path);
    if (item && (listType === 'set' || listType === 'map')) {
      if (item.nullable) errors.forbidden(`${path}.items.nullable`, `cannot be nullable when x-kubernetes-list-type is ${listType}`);
      if (listType === 'map') this.#keyProperties(item, keys, path);
    }
  }

  #listMap(schema: SentSchema, item: JsonSchema | undefined, keys: readonly string[], path: string): void {
    const { errors } = this;
    if (!keys.length) errors.required(`${path}.x-kubernetes-list-map-keys`, 'must not be empty if x-kubernetes-list-type is map');
    if (!schema.items) errors.required(`${path}.items`, 'must have a schema if x-kubernetes-list-type is map');
    else if (!item) errors.invalid(`${path}.items`, schema.items, 'must only have a single schema if x-kubernetes-list-type is map');
    if (!item) return;
    if (item.type !== 'object') return errors.invalid(`${path}.items.type`, item.type ?? '', "must be object if parent array's x-kubernetes-list-type is map");
    const seen = new Set<string>();
    for (const key of keys) {
      const property = item.properties?.[key];
      if (!property) errors.invalid(`${path}.x-kubernetes-list-map-keys`, keys, 'entries must all be names of item properties');
      else if (property.type === 'array' || property.type === 'object')
        errors.invalid(`${path}.items.properties[${key}].type`, item.type, "must be a scalar type if parent array's x-kubernetes-list-type is map");
      if (seen.has(key)) errors.invalid(`${path}.x-kubernetes-list-map-keys`, keys, 'must not contain duplicate entries');
      seen.add(key);
    }
  }

  #keyProperties(item: JsonSchema, keys: readonly string[], path: string): void {
    for (const key of keys) {
      const property = item.properties?.[key];
      if (!property) continue;
      if (!item.required?.includes(key) && property.default === undefined)
        this.errors.required(`${path}.items.properties[${key}].default`, 'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property');
      if (property.nullable) this.errors.forbidden(`${path}.items.properties[${key}].nullable`, 'this property is in x-kubernetes-list-map-keys, so it cannot be nullable');
    }
  }

  #rules(schema: SentSchema, path: string, place: Place, errorsBefore: number): void {
    const { errors } = this;
    const rules = schema['x-kubernetes-validations']!;
    rules.forEach((rule, i) => ruleForm(errors, schema, rule, `${path}.x-kubernetes-validations[${i}]`));
    // Rules over a schema that is wrong itself would only confuse.
    if (errors.length > errorsBefore || !place.rules) return;
    const structural = schema as JsonSchema;
    const declared = declaredType(structural, place.root || structural['x-kubernetes-embedded-resource'] === true, 'selfType');
    if (!declared) {
      this.ruleErrors.add([{ reason: 'InternalError', field: `${path}.x-kubernetes-validations`, message: 'Internal error: internal error: failed to construct type information for x-kubernetes-validations rules: unable to convert structural schema to CEL declarations' }]);
      return;
    }
    compileRules(structural, declared).forEach((compiled, i) => {
      const at = `${path}.x-kubernetes-validations[${i}]`;
      const rule = rules[i]!;
      const cost = compiled.maxCost * (place.cardinality ?? compiled.maxCardinality);
      const costs = (what: string, field: string, of: number) => {
        if (!this.options.suppressRuleCost && of > ruleCostLimit) this.ruleErrors.forbidden(`${at}.${field}`, costMessage(what, of, ruleCostLimit));
        this.total.observe(`${at}.${field}`, of);
      };
      costs('estimated rule cost', 'rule', cost);
      if (compiled.error) this.ruleErrors.invalid(`${at}.rule`, internal('apiextensions/v1.ValidationRule', rule), compiled.error);
      if (compiled.messageError) this.ruleErrors.invalid(`${at}.messageExpression`, internal('apiextensions/v1.ValidationRule', rule), compiled.messageError);
      else if (compiled.message) costs('estimated messageExpression cost', 'messageExpression', compiled.messageMaxCost);
      if (compiled.usesOldSelf) {
        if (place.uncorrelated !== undefined) this.ruleErrors.invalid(`${at}.rule`, rule.rule, `oldSelf cannot be used on the uncorrelatable portion of the schema within ${place.uncorrelated}`);
      } else if (rule.optionalOldSelf !== undefined) this.ruleErrors.invalid(`${at}.optionalOldSelf`, rule.optionalOldSelf, 'may not be set if oldSelf is not used in rule');
    });
  }
}

const hasNewline = (text: string) => /[\n\r]/.test(text);

function ruleForm(errors: FieldErrors, schema: SentSchema, rule: ValidationRule, path: string): void {
  const text = rule.rule?.trim() ?? '';
  const message = rule.message?.trim() ?? '';
  if (!text) errors.required(`${path}.rule`, 'rule is not specified');
  else if (rule.message && !message) errors.invalid(`${path}.message`, rule.message, 'must be non-empty if specified');
  else if (hasNewline(message)) errors.invalid(`${path}.message`, rule.message, 'must not contain line breaks');
  else if (hasNewline(text) && !message) errors.required(`${path}.message`, 'message must be specified if rule contains line breaks');
  if (rule.messageExpression && !rule.messageExpression.trim()) errors.required(`${path}.messageExpression`, 'messageExpression must be non-empty if specified');
  if (rule.reason !== undefined && !reasons.includes(rule.reason)) errors.notSupported(`${path}.reason`, rule.reason, reasons);
  if (!rule.fieldPath) return;
  if (!rule.fieldPath.trim()) errors.invalid(`${path}.fieldPath`, rule.fieldPath, 'must be non-empty if specified');
  if (hasNewline(rule.fieldPath)) errors.invalid(`${path}.fieldPath`, rule.fieldPath, 'must not contain line breaks');
  if (typeof resolvePath(rule.fieldPath, schema as JsonSchema) === 'string') errors.invalid(`${path}.fieldPath`, rule.fieldPath, 'must be a valid path');
}

/** How often what is directly within a schema can be in an object. */
function cardinalityWithin(schema: SentSchema, outer: number | undefined): number | undefined {
  if (outer === undefined) return undefined;
  if (schema.type === 'object' && schema.additionalProperties !== undefined) return schema.maxProperties === undefined ? undefined : outer * Math.max(0, schema.maxProperties);
  if (schema.type === 'array') return schema.maxItems === undefined ? undefined : outer * Math.max(0, schema.maxItems);
  return outer;
}
