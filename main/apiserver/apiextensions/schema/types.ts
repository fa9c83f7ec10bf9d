import type { CelSchema } from '../../cel/index.ts';

/** One entry of `x-kubernetes-validations`. */
export interface ValidationRule {
  rule: string;
  message?: string;
  messageExpression?: string;
  reason?: 'FieldValueInvalid' | 'FieldValueForbidden' | 'FieldValueRequired' | 'FieldValueDuplicate';
  fieldPath?: string;
  optionalOldSelf?: boolean;
}

/** JSONSchemaProps of apiextensions/v1, as far as a structural schema may use it. */
export interface JsonSchema extends CelSchema {
  title?: string;
  description?: string;
  properties?: Readonly<Record<string, JsonSchema>>;
  additionalProperties?: JsonSchema | boolean;
  items?: JsonSchema;
  allOf?: readonly JsonSchema[];
  anyOf?: readonly JsonSchema[];
  oneOf?: readonly JsonSchema[];
  not?: JsonSchema;
  pattern?: string;
  minLength?: number;
  minItems?: number;
  minProperties?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: boolean;
  exclusiveMaximum?: boolean;
  multipleOf?: number;
  uniqueItems?: boolean;
  example?: unknown;
  externalDocs?: unknown;
  'x-kubernetes-map-type'?: string;
  'x-kubernetes-validations'?: readonly ValidationRule[];
}

export type JsonObject = Record<string, unknown>;

export const isJsonObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The schema of a member of an object: a property's, or that of all others. */
export function memberOf(schema: JsonSchema | undefined, name: string): JsonSchema | undefined {
  if (!schema) return undefined;
  if (schema.properties && Object.hasOwn(schema.properties, name)) return schema.properties[name];
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}

/** Whether members without a property of their own are allowed: `additionalProperties`, whatever it says of them. */
export const takesMore = (schema: JsonSchema) => schema.additionalProperties !== undefined && schema.additionalProperties !== false;

/** Visits a schema and every one within it, until `see` says true. Mirrors SchemaHas of apiextensions/validation. */
export function anySchema(schema: JsonSchema | undefined, see: (schema: JsonSchema) => boolean): boolean {
  if (!schema) return false;
  if (see(schema)) return true;
  const within = (part: JsonSchema | undefined) => anySchema(part, see);
  if (within(schema.items) || within(schema.not)) return true;
  if (typeof schema.additionalProperties === 'object' && within(schema.additionalProperties)) return true;
  for (const parts of [schema.allOf, schema.anyOf, schema.oneOf]) if (parts?.some(within)) return true;
  return Object.values(schema.properties ?? {}).some(within);
}
